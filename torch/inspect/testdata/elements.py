# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes what the elements of each type are, as float64: every bit pattern of
the types of 8 and 16 bits, and a few of the others."""

import sys

import torch

folder = sys.argv[1]
eight = torch.arange(256, dtype=torch.int16).to(torch.uint8)
sixteen = torch.arange(65536, dtype=torch.int32).to(torch.uint16)
some = torch.randint(0, 256, (4096,), generator=torch.Generator().manual_seed(3)).to(torch.uint8)
for name, bits in {
    "float8_e4m3fn": eight, "float8_e5m2": eight, "float8_e4m3fnuz": eight, "float8_e5m2fnuz": eight,
    "float8_e8m0fnu": eight, "int8": eight, "uint8": eight, "float16": sixteen, "bfloat16": sixteen, "int16": sixteen,
    "uint16": sixteen, "float32": some, "float64": some, "int32": some, "uint32": some, "int64": some,
}.items():
    x = bits.view(getattr(torch, name))
    with open(f"{folder}/{name}.raw", "wb") as f:
        f.write(bytes(bits.view(torch.uint8).tolist()))
    with open(f"{folder}/{name}.f64", "wb") as f:
        f.write(bytes(x.to(torch.float64).view(torch.uint8).tolist()))
