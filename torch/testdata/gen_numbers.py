# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT

"""Writes numbers.json: what PyTorch makes of a tensor and a Python number, for every
kind of both: type of the tensor, number, operator, type of the result, its elements. Run it with a Python that can import torch: python gen_numbers.py
"""

import json
import pathlib

import torch

TENSORS = {
    "int64": [16777217, -3, 2**53 + 1],
    "int32": [16777217, -3, 5],
    "int8": [100, -3, 5],
    "uint8": [200, 0, 5],
    "bool": [True, False],
    "float32": [0.5, -3.0, 7.0],
    "float64": [0.5, -3.0, 16777217.0],
    "float16": [0.5, -3.0, 7.0],
    "complex64": [0.5 + 1j, -3.0],
}
NUMBERS = {"1": 1, "3": 3, "2.5": 2.5, "true": True, "2^53+1": 2**53 + 1, "1+2i": 1 + 2j}
aten = torch.ops.aten
OPS = {
    "AddScalar": lambda t, x: t + x,
    "SubScalar": lambda t, x: t - x,
    "MulScalar": lambda t, x: t * x,
    "DivScalar": lambda t, x: t / x,
    "Pow": lambda t, x: t**x,
    "Clamp": lambda t, x: t.clamp(0, x),
    "AddScalarInPlace": lambda t, x: t.clone().add_(x),
    "MulScalarInPlace": lambda t, x: t.clone().mul_(x),
    "FillInPlace": lambda t, x: t.clone().fill_(x),
    "Full": lambda t, x: torch.full([2], x, dtype=t.dtype),
    "aten::add.Tensor": aten.add.Tensor,
    "aten::sub.Tensor": aten.sub.Tensor,
    "aten::mul.Tensor": aten.mul.Tensor,
    "aten::div.Tensor": aten.div.Tensor,
    "aten::floor_divide": aten.floor_divide.default,
    "aten::copy": aten.copy.default,
}


def result(f, t, x):
    try:
        y = f(t, x)
    except (RuntimeError, TypeError, ValueError) as e:
        return ["error", str(e).splitlines()[0]]
    values = torch.view_as_real(y).flatten() if y.is_complex() else y
    return [str(y.dtype).removeprefix("torch."), *map(str, values.tolist())]


out = []
for dtype, values in TENSORS.items():
    t = torch.tensor(values, dtype=getattr(torch, dtype))
    for number, x in NUMBERS.items():
        for op, f in OPS.items():
            out.append([dtype, number, op, *result(f, t, x)])

lines = ",\n".join(json.dumps(case) for case in out)
text = f'{{"torch": "{torch.__version__.split("+")[0]}", "cases": [\n{lines}\n]}}\n'
pathlib.Path(__file__).with_name("numbers.json").write_text(text)
