# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes golden.safetensors and golden.json, what it holds.

safetensors 0.8 and PyTorch 2.15. Run in this folder.
"""

import torch
from safetensors.torch import save_file

from describe import describe

NAMES = [
    "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "uint16", "uint32",
    "uint64", "complex64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
]  # fmt: skip

tensors = {}
for name in NAMES:
    dtype = getattr(torch, name)
    size = torch.empty(0, dtype=dtype).element_size()
    raw = ((torch.arange(6 * size) * 37 + 1) % (2 if dtype == torch.bool else 120)).to(torch.uint8)
    tensors[name] = raw.view(dtype).reshape(2, 3)
tensors["scalar"] = torch.tensor(3.5)
tensors["empty"] = torch.empty(0, 4)
tensors['na"me\\ ünï\n日'] = torch.ones(1)
save_file(tensors, "golden.safetensors", metadata={"fo<rmat": 'p"t é'})
with open("golden.json", "w") as f:
    f.write(describe("golden.safetensors") + "\n")
