# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes loader.json: sequences padded by pad_sequence, and shards of DistributedSampler.

Run: python gen_loader.py (torch 2.15.0).
"""
import json
import pathlib

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DistributedSampler

padded = []
for dtype, value, row, lengths in [
    ("float32", 0.0, [], [3, 1, 4]),
    ("float32", -1.5, [2, 3], [1, 5, 0, 2]),
    ("int64", -100, [], [2, 7, 7]),
    ("uint8", 255, [2], [3, 3]),
    ("bool", 1, [], [1, 2]),
    ("float16", 0.5, [2], [2, 1]),
]:
    sequences, at = [], 0
    for n in lengths:
        x = torch.arange(at, at + torch.Size([n, *row]).numel()).reshape(n, *row)
        at += x.numel()
        sequences.append((x % 2 if dtype == "bool" else x).to(getattr(torch, dtype)))
    out = pad_sequence(sequences, batch_first=True, padding_value=value)
    padded.append({
        "dtype": dtype, "value": value, "row": row, "lengths": lengths,
        "elements": [x.double().flatten().tolist() for x in sequences],
        "shape": list(out.shape), "padded": out.double().flatten().tolist(),
    })

shards = []
for n in (1, 2, 7, 12):
    for ranks in (1, 3, 4):
        for drop in (False, True):
            parts = [list(DistributedSampler(range(n), ranks, rank, shuffle=False, drop_last=drop)) for rank in range(ranks)] if n >= ranks or not drop else None
            if parts:
                shards.append({"n": n, "ranks": ranks, "drop_last": drop, "parts": parts})

path = pathlib.Path(__file__).with_name("loader.json")
path.write_text(json.dumps({"torch": torch.__version__, "padded": padded, "shards": shards}).replace("}, ", "},\n ") + "\n")
