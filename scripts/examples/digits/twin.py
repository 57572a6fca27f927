# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The same in PyTorch: twin.py ORDERS prints losses and metrics as JSON."""

import gzip
import json
import sys

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import nn
from torch.nn import functional as F

table = torch.from_numpy(np.loadtxt(gzip.open("testdata/digits.csv.gz", "rt"), delimiter=",", skiprows=1, dtype=np.float32))
x, y = table[:, :-1], table[:, -1].long()
orders = json.load(open(sys.argv[1]))
val = sorted(set(range(len(table))) - set(orders[0]))

torch.manual_seed(1)
model = nn.Sequential(
    nn.Unflatten(1, (1, 8, 8)),
    nn.Conv2d(1, 16, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Dropout(0.25), nn.Linear(32 * 2 * 2, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
losses, best = [], (-1, 0, 0)
for order in orders:
    model.train()
    for batch in torch.tensor(order).split(64):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[batch]), y[batch])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    model.eval()
    with torch.no_grad():
        logits = model(x[val])
    accuracy = (logits.argmax(1) == y[val]).double().mean().item()
    if accuracy > best[0]:
        best = (accuracy, F.cross_entropy(logits, y[val]).item(), f1_score(y[val], logits.argmax(1), average="macro"))
print(json.dumps({"losses": losses, "metrics": dict(zip(["accuracy", "loss", "f1"], best))}))
