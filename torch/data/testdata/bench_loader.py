# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Loads files of float32 with PyTorch's DataLoader, on demand, and says how long it took.

    python bench_loader.py FOLDER FILES FLOATS BATCH WORKERS

Prints "ready" after an epoch that nobody times, in which the workers start. Then each line
of standard input stands for one epoch in another order, and is answered with its seconds
and the sum of the first number of every sample. BenchmarkLoader of Go's package data has
it load in turn with our own loader. Large files are mapped and small ones read without a
buffer, which were the fastest ways beside numpy.fromfile and an open with a buffer.
"""

import sys
import time

import torch
from torch.utils.data import DataLoader, Dataset

folder = sys.argv[1]
files, floats, batch, workers = map(int, sys.argv[2:])


class Files(Dataset):
    def __len__(self):
        return files

    def __getitem__(self, i):
        path = f"{folder}/{i // 1000}/{i}.f32"
        if floats > 10_000:
            return torch.from_file(path, size=floats, dtype=torch.float32), i % 10
        x = bytearray(4 * floats)
        with open(path, "rb", buffering=0) as f:
            if f.readinto(x) != len(x):
                raise ValueError(f"file {i} is short")
        return torch.frombuffer(x, dtype=torch.float32), i % 10


torch.set_num_threads(1)
loader = DataLoader(Files(), batch, shuffle=True, num_workers=workers, persistent_workers=True)


def epoch():
    start, total = time.perf_counter(), 0.0
    for x, y in loader:
        total += x[:, 0].sum(dtype=torch.float64).item()
    return time.perf_counter() - start, total


epoch()
print("ready", flush=True)
for line in sys.stdin:
    print(*epoch(), flush=True)
