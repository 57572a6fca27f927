# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Checks MODEL with onnx's checker and strict shape inference, runs it in
onnxruntime on the tensor in INPUT (JSON: shape, dtype, data), and prints the
first output in the same form.

usage: check_and_run.py MODEL INPUT
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime

path, given = sys.argv[1:]
model = onnx.load(path)
onnx.checker.check_model(model, full_check=True)

# The shapes in the file must be those that onnx infers without them.
declared = {v.name: v.type for v in list(model.graph.value_info) + list(model.graph.output)}
bare = onnx.ModelProto()
bare.CopyFrom(model)
del bare.graph.value_info[:]
inferred = onnx.shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True)
for v in list(inferred.graph.value_info) + list(inferred.graph.output):
    if v.name not in declared:
        continue
    have, want = declared[v.name].tensor_type, v.type.tensor_type
    assert have.elem_type == want.elem_type, (v.name, have.elem_type, want.elem_type)
    assert len(have.shape.dim) == len(want.shape.dim), (v.name, have.shape, want.shape)
    for a, b in zip(have.shape.dim, want.shape.dim):
        assert not a.dim_value or not b.dim_value or a.dim_value == b.dim_value, (v.name, a, b)

with open(given) as f:
    x = json.load(f)
x = np.array(x["data"], dtype=x["dtype"]).reshape(x["shape"])
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
y = session.run(None, {session.get_inputs()[0].name: x})[0]
json.dump({"shape": list(y.shape), "data": y.astype(np.float64).ravel().tolist()}, sys.stdout)
