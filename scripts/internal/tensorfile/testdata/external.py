# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes models whose elements are in another file, and some where they cannot be.

usage: external.py FOLDER
"""

import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import external_data_helper
from onnx import helper as h
from onnx import numpy_helper

folder = pathlib.Path(sys.argv[1])
weight = np.arange(6, dtype=np.float32).reshape(3, 2)


def model(values):
    graph = h.make_graph(
        [h.make_node("MatMul", ["x", "weight"], ["y"])], "g", [h.make_tensor_value_info("x", T.FLOAT, ["n", 3])],
        [h.make_tensor_value_info("y", T.FLOAT, ["n", 2])], [numpy_helper.from_array(values, "weight")])
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)


onnx.save(model(weight), folder / "inside.onnx")
onnx.save(model(weight), folder / "a.onnx", save_as_external_data=True, location="a.data", size_threshold=0)
other = weight.copy()
other[2, 1] += 0.5
onnx.save(model(other), folder / "b.onnx", save_as_external_data=True, location="b.data", size_threshold=0)


def elsewhere(name, **entries):
    m = model(weight)
    t = m.graph.initializer[0]
    external_data_helper.set_external_data(t, "b.data")
    t.ClearField("raw_data")
    del t.external_data[:]
    for key, value in entries.items():
        t.external_data.add(key=key, value=str(value))
    path = folder / f"{name}.onnx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(m.SerializeToString())


(folder / "short.data").write_bytes(bytes(20))
elsewhere("missing", location="missing.data")
elsewhere("short", location="short.data", offset=0, length=24)
elsewhere("outside", location="../b.data")
elsewhere("absolute", location=folder / "b.data")
elsewhere("offset", location="b.data", offset="x")
elsewhere("length", location="b.data", offset=0, length=8)
elsewhere("folder", location=".")
elsewhere("none")
(folder / "sub").mkdir()
elsewhere("sub/linked", location="linked.data")

m = onnx.load(folder / "missing.onnx", load_external_data=False)
m.graph.initializer[0].dims[:] = [50 << 10, 1 << 20]  # 200 GiB
m.graph.initializer[0].external_data[0].value = "large.data"
(folder / "large.onnx").write_bytes(m.SerializeToString())
