# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The same in PyTorch: twin.py ORDERS prints losses and metrics as JSON."""

import csv
import json
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


class Penguins(nn.Module):
    def __init__(self, x, islands, sexes, species):
        super().__init__()
        self.register_buffer("mean", x.mean(0))
        self.register_buffer("scale", x.std(0))
        self.island = nn.Embedding(islands, 2)
        self.sex = nn.Embedding(sexes, 2)
        self.hidden = nn.Linear(4 + 2 + 2, 16)
        self.out = nn.Linear(16, species)

    def forward(self, x, island, sex):
        x = torch.cat([(x - self.mean) / self.scale, self.island(island), self.sex(sex)], 1)
        return self.out(self.hidden(x).relu())


with open("penguins.csv", newline="") as f:
    rows = list(csv.DictReader(f))
measures = np.array([[np.nan if r[m] == "NA" else float(r[m]) for m in MEASURES] for r in rows])
measures = np.where(np.isnan(measures), np.nanmean(measures.astype(np.float32), 0, dtype=np.float64), measures)
x = torch.from_numpy(measures.astype(np.float32))


def classes(column):
    words, codes = np.unique([r[column].replace("NA", "unknown") for r in rows], return_inverse=True)
    return len(words), torch.from_numpy(codes)


(species, y), (islands, island), (sexes, sex) = classes("species"), classes("island"), classes("sex")
orders = json.load(open(sys.argv[1]))
train = sorted(orders[0])
val = sorted(set(range(len(rows))) - set(train))

torch.manual_seed(1)
model, losses, best = Penguins(x[train], islands, sexes, species), [], (float("inf"), 0)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
for order in orders:
    for batch in torch.tensor(order).split(16):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[batch], island[batch], sex[batch]), y[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        logits = model(x[val], island[val], sex[val])
        best = min(best, (F.cross_entropy(logits, y[val]).item(), (logits.argmax(1) == y[val]).double().mean().item()))
print(json.dumps({"losses": losses, "metrics": dict(zip(["loss", "accuracy"], best))}))
