# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes files of another producer than this package: golden.onnx, y = x·A + b
with one free dimension; and two.onnx, whose two inputs, one of int64, share a free
dimension, and one of whose outputs is of bool; and external.onnx, y = x + b, which
keeps b in external.bin.

usage: gen_golden.py FOLDER
"""
import pathlib
import sys

import onnx
from onnx import TensorProto as T, helper as h

folder = pathlib.Path(sys.argv[1])


def save(name, graph, metadata, **options):
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 13)], ir_version=7, producer_name="python")
    h.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(folder / name), **options)


save("golden.onnx", h.make_graph(
    [h.make_node("MatMul", ["x", "A"], ["xA"]), h.make_node("Add", ["xA", "b"], ["y"])],
    "golden",
    [h.make_tensor_value_info("x", T.FLOAT, ["n", 2])],
    [h.make_tensor_value_info("y", T.FLOAT, ["n", 3])],
    [h.make_tensor("A", T.FLOAT, [2, 3], [1, 2, 3, 4, 5, 6]), h.make_tensor("b", T.FLOAT, [3], [0.5, 0, -0.5])],
), {"author": "python"})

save("two.onnx", h.make_graph(
    [h.make_node("Gather", ["table", "i"], ["rows"]), h.make_node("Add", ["rows", "x"], ["y"]), h.make_node("Greater", ["y", "zero"], ["positive"])],
    "two",
    [h.make_tensor_value_info("x", T.FLOAT, ["n", 2]), h.make_tensor_value_info("i", T.INT64, ["n"])],
    [h.make_tensor_value_info("y", T.FLOAT, ["n", 2]), h.make_tensor_value_info("positive", T.BOOL, ["n", 2])],
    [h.make_tensor("table", T.FLOAT, [2, 2], [1, -1, 10, -10]), h.make_tensor("zero", T.FLOAT, [], [0])],
), {})

(folder / "external.bin").unlink(missing_ok=True)  # onnx would append
save("external.onnx", h.make_graph(
    [h.make_node("Add", ["x", "b"], ["y"])],
    "external",
    [h.make_tensor_value_info("x", T.FLOAT, ["n", 3])],
    [h.make_tensor_value_info("y", T.FLOAT, ["n", 3])],
    [h.make_tensor("b", T.FLOAT, [3], b"\0\0\0\x3f" * 3, raw=True)],
), {}, save_as_external_data=True, location="external.bin", size_threshold=0)
