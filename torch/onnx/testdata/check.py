# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Checks each MODEL with onnx's checker and strict shape inference. With --run, also runs
it in onnxruntime on the tensors in INPUT (JSON: a list of shape, dtype and data as text,
which may be -Inf, in the order of the model's inputs), and prints a list of the outputs of
each, with data as numbers.

usage: check.py MODEL...
       check.py --run [INPUT MODEL]...
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
        xs = [np.array(x["data"], np.float64).astype(x["dtype"]).reshape(x["shape"]) for x in json.load(f)]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    ys = session.run(None, {i.name: x for i, x in zip(session.get_inputs(), xs, strict=True)})
    return [{"shape": list(y.shape), "data": y.astype(np.float64).ravel().tolist()} for y in ys]


paths, inputs = sys.argv[1:], []
if paths[0] == "--run":
    paths, inputs = paths[2::2], paths[1::2]
for path in paths:
    try:
        check(path)
    except Exception as e:
        raise RuntimeError(path) from e
if inputs:
    json.dump([run(*pair) for pair in zip(paths, inputs, strict=True)], sys.stdout)
