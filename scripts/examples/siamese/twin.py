# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The same in PyTorch: twin.py ORDERS prints losses and metrics as JSON."""

import json
import math
import sys

import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn import functional as F

POINTS, OVERTONES = 64, 6


class Ear(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, 32, 9), nn.ReLU(), nn.Conv1d(32, 32, 9), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 16))

    def forward(self, x):
        return self.layers(x.unsqueeze(1))


def sounds(instruments):
    n = len(instruments)
    time = (torch.linspace(0, 3, POINTS) + torch.rand(n, 1)).unsqueeze(1)
    harmonics = (torch.arange(1, OVERTONES + 1).float().unsqueeze(1) * time * (2 * math.pi)).sin()
    return (instruments.unsqueeze(2) * harmonics).sum(1) + torch.randn(n, POINTS) * 0.4


def pairs(instruments, n):
    kinds, one = torch.rand(instruments, OVERTONES), torch.randint(instruments, (n,))
    other = torch.where(torch.rand(n) < 0.5, one, torch.randint(instruments, (n,)))
    return sounds(kinds[one]), sounds(kinds[other]), (one == other).float() * 2 - 1


torch.manual_seed(1)
model, losses, best = Ear(), [], 0
train, (one, other, same) = pairs(100, 2000), pairs(50, 1000)
optimizer = torch.optim.Adam(model.parameters())
for order in json.load(open(sys.argv[1])):
    for batch in torch.tensor(order).split(64):
        optimizer.zero_grad()
        x, y, target = (t[batch] for t in train)
        loss = F.cosine_embedding_loss(model(x), model(y), target, margin=0.5)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        best = max(best, roc_auc_score(same > 0, F.cosine_similarity(model(one), model(other))))
print(json.dumps({"losses": losses, "metrics": {"auc": best}}))
