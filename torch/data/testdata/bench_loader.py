# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Loads files of float32 with PyTorch's DataLoader, on demand, and says how long it took.

    python bench_loader.py FOLDER FILES FLOATS BATCH WORKERS

Prints "ready" after an epoch that nobody times, in which the workers start. Then each line
of standard input stands for one epoch in another order, and is answered with its seconds
and the sum of the first number of every sample. BenchmarkLoader of Go's package data has
it load in turn with our own loader. Each file is read in the fastest of the ways that were
tried (numpy.fromfile, torch.from_file, and open with and without a buffer).
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
        x = bytearray(4 * floats)
        with open(f"{folder}/{i // 1000}/{i}.f32", "rb", buffering=0) as f:
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
