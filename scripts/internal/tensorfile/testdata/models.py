# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes base.onnx, models that differ from it, and models that do not.

usage: models.py FOLDER

Prints what each differs in: {"axis.onnx": "attribute axis", "renamed.onnx": ""}.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

folder = pathlib.Path(sys.argv[1])
expected = {}


def array(name, *values, dtype=np.float32):
    return numpy_helper.from_array(np.array(values, dtype).reshape(-1), name)


def branch(name, value, op="Add", scale="scale"):
    """A branch of an If, which uses a value of the graph around it."""
    return h.make_graph(
        [h.make_node("Constant", [], [f"{name}_c"], value=array("", value, value, value)),
         h.make_node(op, [f"{name}_c", "w"], [f"{name}_s"]),
         h.make_node("Mul", [f"{name}_s", scale], [f"{name}_y"])],
        name, [], [h.make_tensor_value_info(f"{name}_y", T.FLOAT, None)], [array("w", value, 0, 0)])


def model(*, middle="m", axis=1, third="Tanh", swap=False, order=False, constant=(1, 2, 3), floats=(7, 8, 9),
          then=1.0, els=2.0, then_op="Add", outer="scale", domain="ai.onnx.ml", threshold=0.5, ml=3, opset=17,
          function_op="Relu", function_alpha=0.25, weight=(1, 1, 1), output="y", kind=T.FLOAT, extra=False, inputs=("x", "c"),
          strings=("a", "b"), sequence=T.FLOAT, sparse=1.0, loop=3.0, left_out=False):
    body = h.make_graph(
        [h.make_node("Add", ["before", "step"], ["after"]), h.make_node("Identity", ["go"], ["on"])],
        "body", [h.make_tensor_value_info("i", T.INT64, []), h.make_tensor_value_info("go", T.BOOL, []),
                 h.make_tensor_value_info("before", T.FLOAT, None)],
        [h.make_tensor_value_info("on", T.BOOL, []), h.make_tensor_value_info("after", T.FLOAT, None)],
        [array("step", loop, 0, 0)])
    a, b = (f"{middle}1", "scale") if not swap else ("scale", f"{middle}1")
    nodes = [
        h.make_node("Constant", [], [f"{middle}0"], value=array("", *constant)),
        h.make_node("Constant", [], ["scale"], value_floats=[float(v) for v in floats]),
        h.make_node("Softmax", ["x"], [f"{middle}1"], axis=axis),
        h.make_node(third, [f"{middle}0"], [f"{middle}2"]),
        h.make_node("Div", [a, b], [f"{middle}3"]),
        h.make_node("If", ["c"], [f"{middle}4"], then_branch=branch("t", then, then_op), else_branch=branch("e", els, scale=outer)),
        h.make_node("Binarizer", ["x"], [f"{middle}5"], domain=domain, threshold=threshold),
        h.make_node("own", [f"{middle}2", "weight"], [f"{middle}6"], domain="local"),
        h.make_node("Loop", ["", "c", "weight"], [f"{middle}7"], body=body),
        h.make_node("LabelEncoder", ["x"], [f"{middle}8"], domain="ai.onnx.ml", keys_floats=[0.0, 1.0], values_strings=list(strings)),
        h.make_node("Constant", [], [f"{middle}9"], sparse_value=h.make_sparse_tensor(array("v", sparse), array("i", 1, dtype=np.int64), [3])),
        h.make_node("Clip", [f"{middle}3", "" if not left_out else "scale", "scale"], [f"{middle}10"]),
        h.make_node("Sum", [f"{middle}{i}" for i in (3, 4, 5, 6, 7, 9, 10)], [output]),
    ]
    if order:
        nodes[2], nodes[3] = nodes[3], nodes[2]
    if extra:
        nodes.append(h.make_node("Identity", [output], ["z"]))
    types = {"x": h.make_tensor_value_info("x", kind, ["n", 3]), "c": h.make_tensor_value_info("c", T.BOOL, []),
             "s": h.make_tensor_sequence_value_info("s", sequence, None)}
    graph = h.make_graph(
        nodes, "g", [types[i] for i in (*inputs, "s")],
        [h.make_tensor_value_info(output, T.FLOAT, ["n", 3])], [array("weight", *weight)])
    own = h.make_function(
        "local", "own", ["p", "q"], ["r"],
        [h.make_node(function_op, ["p"], ["p1"]), h.make_node("Add", ["p1", "q"], ["p2"]),
         h.make_node("LeakyRelu", ["p2"], ["r"], alpha=function_alpha)], [h.make_opsetid("", 17)])
    return h.make_model(
        graph, functions=[own], ir_version=8,
        opset_imports=[h.make_opsetid("", opset), h.make_opsetid("ai.onnx.ml", ml), h.make_opsetid("local", 1), h.make_opsetid("other", 1)])


def save(name, difference, m):
    onnx.save(m, folder / f"{name}.onnx")
    expected[f"{name}.onnx"] = difference


save("base", "", model())
save("renamed", "", model(middle="other"))
named = model()
for i, node in enumerate(named.graph.node):
    node.name, node.doc_string = f"node {i}", "documented"
    for attribute in node.attribute:
        attribute.doc_string = "documented"
save("named", "", named)
reordered = model()
for node in reordered.graph.node:
    attributes = list(node.attribute)[::-1]
    del node.attribute[:]
    node.attribute.extend(attributes)
save("attributes_reordered", "", reordered)

save("axis", "attribute axis", model(axis=0))
save("operator", "Sigmoid", model(third="Sigmoid"))
save("wiring", "input 0", model(swap=True))
save("order", "node", model(order=True))
save("constant", "m0", model(constant=(1, 2, 4)))
save("constant_shape", "m0", model(constant=(1, 2)))
save("constant_renamed", "m0", model(middle="other", constant=(1, 2, 4)))
save("floats", "scale", model(floats=(7, 8, 8)))
save("then_constant", "m4.then_branch.", model(then=1.5))
save("else_weight", "m4.else_branch.w", model(els=2.5))
save("then_operator", "then_branch: node t_s", model(then_op="Sub"))
save("else_wiring", "else_branch: node e_y (Mul): input 1", model(outer="weight"))
save("loop", "m7.body.step", model(loop=4.0))
save("domain", "node m5", model(domain="other"))
save("threshold", "attribute threshold", model(threshold=0.25))
save("strings", "attribute values_strings", model(strings=("a", "c")))
save("ml_version", "operator versions", model(ml=2))
save("opset", "operator versions", model(opset=18))
save("function_operator", "function local.own", model(function_op="Tanh"))
save("function_attribute", "attribute alpha", model(function_alpha=0.5))
save("weight", "weight", model(weight=(1, 1, 2)))
save("output", "outputs", model(output="result"))
save("input_type", "inputs", model(kind=T.DOUBLE))
save("input_order", "inputs", model(inputs=("c", "x")))
save("sequence", "inputs", model(sequence=T.DOUBLE))
save("sparse", "sparse_value", model(sparse=2.0))
save("more", "node z", model(extra=True))
save("optional_input", "input 1", model(left_out=True))
zeroed = model()
for t in zeroed.graph.initializer:
    t.raw_data = bytes(len(t.raw_data))
save("zeroed", "weight", zeroed)

print(json.dumps(expected))
