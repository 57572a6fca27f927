# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Trains on from two checkpoints of gen_pt.py's network, and prints "same" if all
parameters are equal, bit for bit, after five steps.

usage: continue_adam.py FILE FILE
"""

import sys
from collections import OrderedDict

import torch

results = []
for path in sys.argv[1:3]:
    checkpoint = torch.load(path, weights_only=True)
    net = torch.nn.Sequential(OrderedDict(fc1=torch.nn.Linear(3, 4), fc2=torch.nn.Linear(4, 1)))
    net.load_state_dict(checkpoint["model_state_dict"])
    adam = torch.optim.Adam(net.parameters())
    adam.load_state_dict(checkpoint["optimizer_state_dict"])
    torch.manual_seed(1)
    for _ in range(5):
        adam.zero_grad()
        net(torch.randn(5, 3)).square().mean().backward()
        adam.step()
    results.append([p.detach().clone() for p in net.parameters()] + [adam.state_dict()["state"][0]["step"]])
print("same" if all(a.equal(b) for a, b in zip(*results, strict=True)) else results)
