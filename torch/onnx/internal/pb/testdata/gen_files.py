# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes the golden files of this package with Python's onnx:

wire.onnx    every field that the package writes; it must come back byte for byte
fields.onnx  elements in float_data and the like, and fields that are passed over

usage: gen_files.py FOLDER
"""
import pathlib
import sys

from onnx import TensorProto, helper, onnx_ml_pb2 as p

folder = pathlib.Path(sys.argv[1])


def raw(name, kind, dims, data):
    t = TensorProto(data_type=kind, name=name, raw_data=data)
    t.dims.extend(dims)
    return t


def save(name, model):
    (folder / name).write_bytes(model.SerializeToString(deterministic=True))


def wire():
    m = p.ModelProto(ir_version=8, producer_name="python", producer_version="1.2", doc_string="doc é")
    m.opset_import.add(version=17)
    m.opset_import.add(domain="ai.onnx.ml", version=3)
    m.metadata_props.add(key="k", value="v")
    m.metadata_props.add(key="empty value is left out")
    g = m.graph
    g.name, g.doc_string = "g", "graph's"
    inner = p.GraphProto(name="inner")
    inner.node.add(input=["x"], output=["y"], op_type="Relu")
    inner.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3]))
    n = g.node.add(input=["x", "", "w"], output=["y", "z"], name="n", op_type="Op", domain="ai.onnx.ml")
    A = p.AttributeProto
    n.attribute.add(name="f", f=-0.5, type=A.FLOAT)
    n.attribute.add(name="zero", f=0.0, type=A.FLOAT)
    n.attribute.add(name="i", i=-(2**63), type=A.INT)
    n.attribute.add(name="none", i=0, type=A.INT)
    n.attribute.add(name="s", s=b"\x00\xff", type=A.STRING)
    n.attribute.add(name="t", t=raw("t", TensorProto.INT64, [1], b"\x01" + bytes(7)), type=A.TENSOR)
    n.attribute.add(name="g", g=inner, type=A.GRAPH)
    n.attribute.add(name="fs", floats=[1.5, -2.5], type=A.FLOATS)
    n.attribute.add(name="is", ints=[0, -1, 2**40], type=A.INTS)
    n.attribute.add(name="ss", strings=[b"a", b""], type=A.STRINGS)
    n.attribute.add(name="no ints", type=A.INTS)
    g.initializer.append(raw("w", TensorProto.FLOAT, [2, 1], bytes(range(8))))
    g.initializer.append(raw("scalar", TensorProto.BFLOAT16, [], b"\x80\x3f"))
    g.initializer.append(raw("none", TensorProto.INT8, [0, 5], b""))
    g.input.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch_size", 128, None]))
    g.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT16, [0]))
    unranked = helper.make_tensor_value_info("z", TensorProto.BOOL, None)
    g.value_info.append(unranked)
    save("wire.onnx", m)


def fields():
    m = p.ModelProto(ir_version=10, domain="d", model_version=3)
    m.opset_import.add(domain="", version=21)
    m.functions.add(name="passed over", domain="x")
    g = m.graph
    g.name = "g"
    g.sparse_initializer.add().dims.append(3)
    T = TensorProto

    def tensor(name, kind, dims, **data):
        t = g.initializer.add(name=name, data_type=kind, doc_string="passed over", **data)
        t.dims.extend(dims)
        return t

    tensor("float", T.FLOAT, [2, 1], float_data=[1.5, -2])
    tensor("complex64", T.COMPLEX64, [1], float_data=[1, 2])
    tensor("double", T.DOUBLE, [2], double_data=[1.5, -2])
    tensor("int64", T.INT64, [2], int64_data=[-1, 2**40])
    tensor("uint64", T.UINT64, [1], uint64_data=[2**64 - 1])
    tensor("uint32", T.UINT32, [1], uint64_data=[2**32 - 1])
    tensor("int32", T.INT32, [2], int32_data=[-1, 7])
    tensor("int16", T.INT16, [1], int32_data=[-2])
    tensor("int8", T.INT8, [1], int32_data=[-3])
    tensor("bool", T.BOOL, [2], int32_data=[1, 0])
    tensor("float16", T.FLOAT16, [1], int32_data=[0x3C00])
    tensor("string", T.STRING, [1], string_data=[b"abc"])
    ext = tensor("external", T.FLOAT, [1000], data_location=T.EXTERNAL)
    ext.external_data.add(key="location", value="weights.bin")
    g.input.append(helper.make_tensor_value_info("x", T.FLOAT, [2]))
    g.output.append(helper.make_tensor_sequence_value_info("y", T.FLOAT, [2]))
    save("fields.onnx", m)


wire()
fields()
