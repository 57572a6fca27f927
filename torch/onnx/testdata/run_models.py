# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Makes models of many types and shapes, and runs them, or the models of a folder, in
Python's onnxruntime.

usage: run_models.py OUT [FOLDER]

Into OUT come, for each model, NAME.onnx and NAME.pt with the inputs and the outputs
by name, or the error that onnxruntime gave.
"""

import pathlib
import shutil
import sys

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto as T
from onnx import helper as h

out = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(5)
types = {
    "float32": T.FLOAT, "float64": T.DOUBLE, "float16": T.FLOAT16, "bfloat16": T.BFLOAT16, "int64": T.INT64, "int32": T.INT32,
    "int16": T.INT16, "int8": T.INT8, "uint8": T.UINT8, "uint16": T.UINT16, "uint32": T.UINT32, "uint64": T.UINT64, "bool": T.BOOL,
}
numpy_types = {v: np.dtype(k if k != "bfloat16" else ml_dtypes.bfloat16) for k, v in types.items()}


def info(name, kind, shape):
    return h.make_tensor_value_info(name, kind, shape)


def random(kind, shape):
    d = numpy_types[kind]
    if d.kind in "iub":
        return rng.integers(0, 2 if d.kind == "b" else 100, shape).astype(d)
    x = np.asarray(rng.standard_normal(shape) * 100)
    if x.size > 3:
        x.flat[:3] = np.inf, -np.inf, 1e-7  # 1e-7 is subnormal in float16
    return x.astype(d)


def tensor(x):
    x = np.asarray(x)
    if x.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(x.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(x.astype(np.uint64) if x.dtype.kind + str(x.dtype.itemsize) == "u8" else x.copy())


def run(name, path, feeds):
    feeds = {k: np.asarray(v) for k, v in feeds.items()}
    shutil.copy(path, out / f"{name}.onnx") if path != out / f"{name}.onnx" else None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    result = {"feeds": {k: tensor(v) for k, v in feeds.items()}}
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        values = {k: onnxruntime.OrtValue.ortvalue_from_numpy(v) if v.dtype != ml_dtypes.bfloat16
                  else onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(v.view(np.uint16), T.BFLOAT16) for k, v in feeds.items()}
        outputs = session.run_with_ort_values(None, values)
        result["outputs"] = {o.name: from_ort(v) for o, v in zip(session.get_outputs(), outputs)}
    except Exception as e:
        result["error"] = str(e)
    torch.save(result, out / f"{name}.pt")


def from_ort(v):
    if v.element_type() == T.BFLOAT16:  # numpy has no such type: read the bits where they are
        shape = v.shape()
        size = int(np.prod(shape)) * 2
        import ctypes

        raw = ctypes.string_at(v.data_ptr(), size) if size else b""
        return tensor(np.frombuffer(raw, ml_dtypes.bfloat16).reshape(shape))
    return tensor(v.numpy())


def make(name, kind, shape, fed, op="Identity", out_kind=None, out_shape=None, **attributes):
    graph = h.make_graph(
        [h.make_node(op, ["x"], ["y"], **attributes)], "g", [info("x", kind, shape)],
        [info("y", out_kind or kind, shape if out_shape is None else out_shape)])
    path = out / f"{name}.onnx"
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8), path)
    run(name, path, {"x": random(kind, fed)})


if len(sys.argv) > 2:
    folder = pathlib.Path(sys.argv[2])
    for data in folder.glob("*.data"):
        shutil.copy(data, out)
    for path in sorted(folder.glob("*.onnx")):
        feeds = {}
        for k, v in enumerate(onnx.load(path, load_external_data=False).graph.input):
            kind = v.type.tensor_type.elem_type
            dims = [d.dim_value or 2 + k for d in v.type.tensor_type.shape.dim]
            if path.stem == "empty_in" and k == 0:
                dims[0] = 0
            if path.stem == "no_shape":
                dims = [2, 1, 3]
            feeds[v.name] = random(kind, dims)
        run(path.stem, path, feeds)
    sys.exit()

for name, kind in types.items():
    make(f"{name}_scalar", kind, [], [])
    make(f"{name}_row", kind, ["n"], [5])
    make(f"{name}_empty", kind, ["n", 3], [0, 3])
    make(f"{name}_always_empty", kind, [2, 0], [2, 0])
    for fed in ([], [4], [0], [2, 0, 3], [2, 3]):
        make(f"{name}_any_{'x'.join(map(str, fed))}", kind, None, fed)
    make(f"{name}_becomes_shape", kind, ["n", 3], [4, 3], "Shape", T.INT64, [2])
    make(f"{name}_cast_to_scalar_half", kind, [], [], "Cast", T.FLOAT16, [], to=T.FLOAT16)
    make(f"{name}_cast_to_brain", kind, ["n"], [6], "Cast", T.BFLOAT16, ["n"], to=T.BFLOAT16)
for name in ("float32", "float64", "float16", "int32", "int64"):
    make(f"{name}_sum", types[name], ["n", 3], [2, 3], "ReduceSum", None, [], keepdims=0)
    make(f"{name}_sum_of_nothing", types[name], ["n", 3], [0, 3], "ReduceSum", None, [], keepdims=0)
# What is declared need not be what comes out.
make("declared_otherwise", T.FLOAT, ["n", 3], [2, 3], "ReduceSum", None, ["m"], keepdims=0)
make("declared_as_scalar", T.FLOAT, None, [2, 3], "Identity", None, [])


def several(name, nodes, inputs, outputs, feeds, opset=17):
    path = out / f"{name}.onnx"
    onnx.save(h.make_model(h.make_graph(nodes, "g", inputs, outputs), opset_imports=[h.make_opsetid("", opset)], ir_version=8), path)
    run(name, path, feeds)


# One name for several sizes binds nothing; two inputs and outputs of different kinds.
several("one_name", [h.make_node("Identity", ["a"], ["y"]), h.make_node("Identity", ["b"], ["z"])],
        [info("a", T.FLOAT, ["n"]), info("b", T.FLOAT16, ["n"])], [info("y", T.FLOAT, ["n"]), info("z", T.FLOAT16, ["n"])],
        {"a": random(T.FLOAT, [5]), "b": random(T.FLOAT16, [7])})
several("broadcast", [h.make_node("Add", ["a", "b"], ["y"])], [info("a", T.FLOAT, ["n"]), info("b", T.FLOAT, ["n"])],
        [info("y", T.FLOAT, ["n"])], {"a": random(T.FLOAT, [5]), "b": random(T.FLOAT, [1])})
several("cannot_broadcast", [h.make_node("Add", ["a", "b"], ["y"])], [info("a", T.FLOAT, ["n"]), info("b", T.FLOAT, ["n"])],
        [info("y", T.FLOAT, ["n"])], {"a": random(T.FLOAT, [5]), "b": random(T.FLOAT, [3])})
several("scalars", [h.make_node("Mul", ["a", "b"], ["y"]), h.make_node("Identity", ["b"], ["z"]), h.make_node("ReduceMax", ["c"], ["m"], keepdims=0)],
        [info("a", T.FLOAT16, ["n", 2]), info("b", T.FLOAT16, []), info("c", T.FLOAT, ["n"])],
        [info("y", T.FLOAT16, ["n", 2]), info("z", T.FLOAT16, []), info("m", T.FLOAT, [])],
        {"a": np.float16([[1, 2], [3, 4.5]]), "b": np.float16(0.1), "c": np.float32([1, 9, 3])})
several("old_opset", [h.make_node("ReduceSum", ["x"], ["y"], keepdims=0)], [info("x", T.FLOAT, ["n"])], [info("y", T.FLOAT, [])],
        {"x": random(T.FLOAT, [5])}, opset=9)
