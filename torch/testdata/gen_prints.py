# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT

"""Writes prints.json: how PyTorch prints tensors. Element i of a tensor is
values[i % len(values)] + i * ramp, of a complex one also with the same of the opposite
end as its imaginary part. Run it with a Python that can import torch.
"""

import json
import math
import pathlib

import torch

CASES = [
    ([], [3.0]), ([], [0.123456]), ([], [1e-9]), ([], ["nan"]), ([], ["-inf"]), ([], [12345.678]),
    ([0], [1.0]), ([2, 0, 3], [1.0]), ([1], [0.0]), ([3], [1.0, 2.0, 3.0]), ([3], [1.5, -2.0, 3.0]),
    ([3], [1e-5, 1.0, -2.0]), ([4], [0.0, "nan", "inf", "-inf"]), ([4], [1.0, "nan", "inf", 100.0]),
    ([4], [0.5, "nan", "-inf", 100.0]), ([3], [1e9, 1.0, 2.0]), ([2], [1000.0, 1.0]), ([2], [1001.0, 1.0]),
    ([3], [123456789.0, 1.0, 0.5]), ([2], [-0.0, 0.0]), ([2, 3], [1.0, -2.0, 3.0]), ([2, 2, 2], [0.1, 0.25, 100.0]),
    ([2, 1, 2, 2], [1.0, 2.0]), ([30], [0.5], 1.0), ([20, 50], [0.0], 1.0),
    ([1001], [0.0], 1.0), ([7, 200], [0.25], 0.5), ([40, 50], [0.0], 1.0), ([8, 9, 20], [-0.5], 0.5),
    ([2, 600], [0.0], 1.0), ([1200, 1], [1.0], 1.0), ([5, 1, 300], [1.0], 3.0),
    ([2, 20], [0.001], 0.37), ([60], [1e-6], 0.001),
]  # fmt: skip
DTYPES = [
    "float32", "float64", "float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool", "uint64", "complex64",
    "float8_e5m2",
]  # fmt: skip


def tensor(shape, values, ramp, dtype):
    n = math.prod(shape)
    x = torch.tensor([float(values[i % len(values)]) + i * ramp for i in range(n)], dtype=torch.float64)
    if dtype.startswith("complex"):
        x = torch.complex(x, x.flip(0))
    return x.reshape(shape).to(getattr(torch, dtype))


out = []
for case in CASES:
    shape, values, ramp = (*case, 0.0)[:3]
    numbers = [float(v) for v in values]
    for dtype in DTYPES:
        small = all(math.isfinite(v) and 0 <= v < 100 for v in numbers) and ramp * math.prod(shape) < 100
        if not (dtype.startswith(("float", "bfloat", "complex")) or dtype in ("int64", "bool") or small):
            continue  # what such a number becomes is the processor's choice
        if dtype in ("int64", "int32", "int8", "uint8", "uint64") and not all(map(math.isfinite, numbers)):
            continue
        if math.prod(shape) >= 300 and dtype != "float32" and (dtype not in ("int64", "bool", "complex64") or len(shape) != 3):
            continue  # the layout is the same
        t = tensor(shape, values, ramp, dtype)
        out.append([shape, values, ramp, dtype, repr(t)])

lines = ",\n".join(json.dumps(c) for c in out)
text = f'{{"torch": "{torch.__version__.split("+")[0]}", "cases": [\n{lines}\n]}}\n'
pathlib.Path(__file__).with_name("prints.json").write_text(text)
