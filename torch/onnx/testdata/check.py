# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Checks each MODEL with onnx's checker and strict shape inference. With --run,
also runs it in onnxruntime on the tensor in INPUT (JSON: shape, dtype, data) and
prints the first output in the same form.

usage: check.py [--run INPUT] MODEL...
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime


def check(path):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    # The shapes in the file must be those that onnx infers without them.
    declared = {v.name: v.type.tensor_type for v in [*model.graph.value_info, *model.graph.output]}
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True)
    for v in [*inferred.graph.value_info, *inferred.graph.output]:
        have, want = declared.get(v.name), v.type.tensor_type
        if have is None:
            continue
        where = f"{path}: {v.name}: {have} is inferred as {want}"
        assert have.elem_type == want.elem_type, where
        if want.HasField("shape"):
            assert len(have.shape.dim) == len(want.shape.dim), where
            for a, b in zip(have.shape.dim, want.shape.dim):
                assert not a.dim_value or not b.dim_value or a.dim_value == b.dim_value, where


def run(path, given):
    with open(given) as f:
        x = json.load(f)
    x = np.array(x["data"], dtype=x["dtype"]).reshape(x["shape"])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    y = session.run(None, {session.get_inputs()[0].name: x})[0]
    json.dump({"shape": list(y.shape), "data": y.astype(np.float64).ravel().tolist()}, sys.stdout)


paths = sys.argv[1:]
given = None
if paths[0] == "--run":
    given, paths = paths[1], paths[2:]
for path in paths:
    check(path)
    if given:
        run(path, given)
