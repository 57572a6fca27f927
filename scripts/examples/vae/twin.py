# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The same in PyTorch: twin.py ORDERS prints losses and metrics as JSON."""

import json
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

SIDE = 8


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(SIDE * SIDE, 64), nn.ReLU(), nn.Linear(64, 4))
        self.decoder = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, SIDE * SIDE))

    def step(self, x):
        mean, log_var = self.encoder(x).chunk(2, 1)
        code = mean + (0.5 * log_var).exp() * torch.randn_like(mean) if self.training else mean
        logits = self.decoder(code)
        drawing = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        kl = (mean ** 2 + log_var.exp() - log_var - 1).sum() / (2 * len(x))
        return drawing + kl, drawing, kl, F.mse_loss(logits.sigmoid(), x)


def pictures(n):
    near = (-(torch.rand(n, 2, 1) * (SIDE - 1) - torch.arange(SIDE)) ** 2 / 3).exp()
    return (near[:, 0, :, None] * near[:, 1, None, :]).flatten(1)


torch.manual_seed(2)
model, losses, best = VAE(), [], [math.inf]
train, val = pictures(1000), pictures(200)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for order in json.load(open(sys.argv[1])):
    model.train()
    for batch in train[order].split(50):
        optimizer.zero_grad()
        loss = model.step(batch)[0]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        best = min(best, [x.item() for x in model.step(val)])
print(json.dumps({"losses": losses, "metrics": dict(zip(["loss", "drawing", "kl", "mse"], best))}))
