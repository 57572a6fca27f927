# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes state dicts whose keys hold dots, and one file without tensors.

usage: dots.py FOLDER
"""

import sys

import torch

folder = sys.argv[1]


def t(x):
    return torch.tensor([float(x)])


torch.save({"a.b": t(1), "a": {"b": t(3)}, "c": {"d": t(5)}, 0: t(7), "0": t(8)}, f"{folder}/one.pt")
torch.save({"a": {"b": t(3)}, "0": t(8), 0: t(7), "c": {"d": t(5)}, "a.b": t(1)}, f"{folder}/reordered.pt")
torch.save({"a.b": t(3), "a": {"b": t(1)}, "c": {"d": t(5)}, 0: t(7), "0": t(8)}, f"{folder}/swapped.pt")
torch.save({"epoch": 3, "note": "no tensors"}, f"{folder}/plain.pt")
