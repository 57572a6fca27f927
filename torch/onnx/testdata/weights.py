# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Compares the initializers of a file with float32 weights with those of the same network's
file with smaller ones: each is the same, or its elements are numpy's float16, or the
integers and scales are those of onnxruntime.quantization for rows of elements. Prints the
names of those that differ, and the number of rows of each, 0 for float16.

Ran with onnx 1.23 and onnxruntime 1.32.

usage: weights.py FLOAT32 SMALLER
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.quant_utils import compute_scale_zp, quantize_nparray


def tensors(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def dequantized(integers, scales):
    """Returns what DequantizeLinear makes of rows."""
    value = helper.make_tensor_value_info
    node = helper.make_node("DequantizeLinear", ["x", "scale"], ["y"], axis=0)
    graph = helper.make_graph([node], "g", [value("x", TensorProto.INT8, None), value("scale", TensorProto.FLOAT, [None])],
                              [value("y", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": integers, "scale": scales})[0]


wide, small, found = tensors(sys.argv[1]), tensors(sys.argv[2]), {}
for name, want in wide.items():
    have = small.pop(name)
    if have.dtype == want.dtype:
        np.testing.assert_array_equal(have, want, name)
        continue
    found[name] = 0
    assert have.shape == want.shape, name
    if have.dtype == np.float16:
        np.testing.assert_array_equal(have, want.astype(np.float16), name)
        continue
    assert have.dtype == np.int8, name
    scales = small.pop(name + "_scale")
    found[name] = scales.size
    np.testing.assert_array_equal(have * scales, dequantized(have.reshape(scales.size, -1), scales.ravel()).reshape(have.shape), name)
    for integers, row, scale in zip(have.reshape(scales.size, -1), want.reshape(scales.size, -1), scales.ravel(), strict=True):
        ends = (np.array(q, np.int8) for q in (-127, 127))
        zero, wanted = compute_scale_zp(row.min(), row.max(), *ends, symmetric=True)
        assert (zero, wanted) == (0, scale), name
        np.testing.assert_array_equal(integers, quantize_nparray(TensorProto.INT8, row, scale, zero, -127, 127), name)
assert not small, small.keys()
json.dump(found, sys.stdout)
