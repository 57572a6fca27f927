# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT

"""Writes operators.txt: the names of all operators of ATen with a schema, for the fuzzer.
Run it with a Python that can import torch.
"""

import pathlib

import torch

names = {s.name + ("." + s.overload_name if s.overload_name else "") for s in torch._C._jit_get_all_schemas()}
names = sorted(n for n in names if n.startswith("aten::"))
pathlib.Path(__file__).with_name("operators.txt").write_text("\n".join(names) + "\n")
