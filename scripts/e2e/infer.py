# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Prints how far answers are from those of ONNX Runtime in Python.

python infer.py ANSWERS.json

ANSWERS.json is a list of {"model": FILE.onnx, "input": [...], "output": [...]}, each
input by itself. The result is {FILE.onnx: largest difference}.
"""

import json
import sys

import numpy as np
import onnxruntime

sessions, worst = {}, {}
for answer in json.load(open(sys.argv[1])):
    path = answer["model"]
    if path not in sessions:
        sessions[path] = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    session = sessions[path]
    x = np.array([answer["input"]], np.float32)
    (y,) = session.run(None, {session.get_inputs()[0].name: x})
    difference = np.abs(y[0] - np.array(answer["output"], np.float32)).max()
    worst[path] = max(worst.get(path, 0), float(difference))
print(json.dumps(worst))
