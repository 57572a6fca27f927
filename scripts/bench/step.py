# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Trains EmotionRecognizer in PyTorch, on demand, and says how long a step took.

Reads lines "ADAM STEPS" (ADAM: default or fused) and answers each with
milliseconds a step. step_bench_test.go runs it in turn with our own steps.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "models" / "testdata"))

import torch
from gen_networks import EmotionRecognizer
from torch import nn

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(42)

x, y = torch.randn(64, 128), torch.rand(64, 64)
loss_of = nn.MSELoss()
runs = {}
for name, fused in (("default", None), ("fused", True)):
    model = EmotionRecognizer()
    runs[name] = model, torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4, fused=fused)


def step(model, adam):
    adam.zero_grad()
    loss = loss_of(model(x), y)
    loss.backward()
    adam.step()


for line in sys.stdin:
    name, steps = line.split()
    start = time.perf_counter()
    for _ in range(int(steps)):
        step(*runs[name])
    print((time.perf_counter() - start) / int(steps) * 1e3, flush=True)
