# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The same in PyTorch: twin.py ORDERS prints losses and metrics as JSON.

Without ORDERS it trains the network on four other waveforms and writes testdata/pretrained.pt
(PyTorch 2.15.0).
"""

import json
import math
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

POINTS, FILE = 64, pathlib.Path(__file__).parent / "testdata" / "pretrained.pt"


class Listener(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(16, 32, 5, padding=2), nn.ReLU(),
            nn.MaxPool1d(2), nn.Conv1d(32, 32, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.head = nn.Linear(32, classes)

    def forward(self, x):
        return self.head(self.features(x.unsqueeze(1)))


known = [lambda t: (2 * math.pi * t).sin(), lambda t: (2 * math.pi * t).sin().sign(), lambda t: 2 * t - 1,
         lambda t: 4 * (t - 0.5).abs() - 1]
new = [lambda t: (2 * math.pi * t).sin().relu() * 2 - 1, lambda t: (t < 0.25).float() * 2 - 1, lambda t: t * -2 + 1]


def waves(kinds, n):
    x = []
    for kind in kinds:
        frequency, phase = torch.rand(n, 1) * 3 + 2, torch.rand(n, 1)
        x.append(kind((torch.linspace(0, 1, POINTS) * frequency + phase).frac()) + torch.randn(n, POINTS) * 0.5)
    return torch.cat(x), torch.arange(len(kinds)).repeat_interleave(n)


def descend(model, lr, x, y, orders, size):
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=lr), []
    for order in orders:
        for batch in torch.as_tensor(order).split(size):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def accuracy(model, x, y):
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def fit(taught, orders):
    torch.manual_seed(1)
    model = Listener(4)
    if taught:
        model.load_state_dict(torch.load(FILE, weights_only=True))
        model.features.requires_grad_(False)
    model.head = nn.Linear(32, len(new))
    losses = descend(model, 0.01, *waves(new, 2), orders, 6)
    return losses, accuracy(model, *waves(new, 200))


if len(sys.argv) == 1:
    torch.manual_seed(0)
    model, (x, y) = Listener(4), waves(known, 500)
    descend(model, 3e-3, x, y, (torch.randperm(len(x)) for _ in range(15)), 64)
    print("accuracy", accuracy(model, *waves(known, 500)))
    torch.save(model.state_dict(), FILE)
else:
    orders = json.load(open(sys.argv[1]))
    losses, taught = fit(True, orders)
    print(json.dumps({"losses": losses, "metrics": {"taught": taught, "from the beginning": fit(False, orders)[1]}}))
