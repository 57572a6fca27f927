# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Checks exported folders as a reader without Etude would.

python folder.py FOLDER...

The code of a card is run as it stands, and its network compared with ONNX Runtime's answer
of model.onnx, where that takes the same inputs and gives the same outputs. The card's first
lines are held against the specification of Hugging Face's hub
(github.com/huggingface/hub-docs, modelcard.md), its table of files against the files, and
model.json against model.onnx. Prints {FOLDER: largest difference, or null}.
"""

import hashlib
import json
import math
import os
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import yaml
from safetensors import safe_open


def strings(values):
    return isinstance(values, list) and values and all(isinstance(v, str) and v for v in values)


def check_head(head, name, measured):
    # One of https://hf.co/docs/hub/repositories-licenses, where a licence was given.
    assert head.get("license") in (None, "cc-by-4.0") and head["library_name"] == "etude", head
    assert strings(head["tags"])
    if not measured:
        assert not {"metrics", "model-index"} & head.keys()
        return
    assert strings(head["metrics"])
    (model,) = head["model-index"]
    (result,) = model["results"]
    assert model["name"] == name
    assert all(isinstance(result[a][b], str) for a, b in [("task", "type"), ("dataset", "type"), ("dataset", "name")])
    for metric in result["metrics"]:
        assert metric["type"] in head["metrics"] and math.isfinite(metric["value"]), metric


def check_model(folder, model, session):
    for key in "name type link version description author release_date framework framework_version citation".split():
        assert isinstance(model[key], str), key
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", model["release_date"])
    assert strings(model["classes"]) and strings(model["model_types"])
    assert {"name", "citation", "size", "metrics"} == model["dataset"].keys()
    assert model["inference"]["algorithm"] == "OnnxPredict"
    for have, want in [("inputs", session.get_inputs()), ("outputs", session.get_outputs())]:
        assert [t["name"] for t in model["schema"][have]] == [t.name for t in want]
        shapes = [[d if isinstance(d, int) else -1 for d in t.shape[1:]] for t in want]
        assert [t["shape"] for t in model["schema"][have]] == shapes
        assert all(t["type"] == "float" for t in model["schema"][have])
    assert len(model["classes"]) == session.get_outputs()[0].shape[1]


def check(folder):
    assert sorted(os.listdir(folder)) == ["README.md", "config.json", "model.json", "model.onnx", "model.safetensors"]
    card = Path(folder, "README.md").read_text("utf-8")
    config = json.loads(Path(folder, "config.json").read_text("utf-8"))
    model = json.loads(Path(folder, "model.json").read_text("utf-8"))
    onnx.checker.check_model(onnx.load(Path(folder, "model.onnx")), full_check=True)
    session = onnxruntime.InferenceSession(Path(folder, "model.onnx"), providers=["CPUExecutionProvider"])
    (title,) = config["architectures"]
    assert config["model_type"] and model["name"] == title

    _, head, body = card.split("---\n", 2)
    check_head(yaml.safe_load(head), title, "They are not known." not in body)
    check_model(folder, model, session)
    for name in ["config.json", "model.json", "model.onnx", "model.safetensors"]:
        content = Path(folder, name).read_bytes()
        assert re.search(rf"^\| `{name}` \|.*\| {len(content)} \| `{hashlib.sha256(content).hexdigest()}` \|$", body, re.M), name
    with safe_open(Path(folder, "model.safetensors"), "pt") as tensors:
        assert tensors.metadata() == {"format": "pt"}

    blocks = re.findall(r"^```python\n(.*?)^```$", body, re.M | re.S)
    assert len(blocks) == ("layers" in config), "code where there are layers"
    if not blocks:
        return None
    (code,) = blocks
    (shown,) = re.findall(r"^class .*?(?=\n\n\n)", code, re.M | re.S)
    assert len(shown.splitlines()) <= 20
    names, home = {}, os.getcwd()
    os.chdir(folder)
    exec(compile(code, "README.md", "exec"), names)
    os.chdir(home)
    assert names["y"].shape == (1, config["output_size"])
    if config["onnx"]["from_samples"] or config["onnx"]["with_readout"]:
        return None
    low, high = config["input_range"]
    x = np.random.default_rng(1).uniform(low, high, (5, config["input_size"])).astype(np.float32)
    with torch.no_grad():
        here = names["network"](torch.from_numpy(x)).numpy()
    (there,) = session.run(None, {session.get_inputs()[0].name: x})
    assert here.shape == there.shape and len(np.unique(here)) > 5
    return float(np.abs(here - there).max())


print(json.dumps({folder: check(folder) for folder in sys.argv[1:]}))
