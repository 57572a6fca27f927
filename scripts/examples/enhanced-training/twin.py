# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The same in PyTorch: twin.py ORDERS prints losses and metrics as JSON."""

import json
import sys

import torch
from sklearn.metrics import f1_score, matthews_corrcoef
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


LR = 0.003  # lower than what the search finds, so that steps magnify little


def chords(instruments, n):
    kind, root = torch.randint(0, 4, (instruments * n,)), torch.randint(0, 12, (instruments * n,))
    note = lambda *above: torch.eye(12)[(root + torch.tensor(above)[kind]) % 12]
    notes = note(0, 0, 0, 0) + note(4, 3, 3, 4) + note(7, 7, 6, 8)
    loud = torch.rand(instruments, 2).repeat_interleave(n, 0)
    overtones = [notes.roll(above, 1) * loud[:, i:i + 1] for i, above in enumerate((7, 4))]
    return sum(overtones, notes) + torch.randn(notes.shape) * 0.2, kind


def measure(model, x, y):
    model.eval()
    with torch.no_grad():
        logits = model(x)
    kinds = logits.argmax(1)
    return f1_score(y, kinds, average="macro"), matthews_corrcoef(y, kinds), F.cross_entropy(logits, y).item()


torch.manual_seed(1)
(x, y), test = chords(60, 20), chords(20, 20)
model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.98))
optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=4)
orders = json.load(open(sys.argv[1]))
val = sorted(set(range(len(x))) - set(orders[0]))
losses, first, best = [], None, {"f1": -1}
for order in orders:
    model.train()
    for group in torch.tensor(order).split(32):
        optimizer.zero_grad()
        for batch in group.split(16):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            (loss * len(batch) / len(group)).backward()
            losses.append(loss.item())
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        average.update_parameters(model)
    rate = optimizer.param_groups[0]["lr"] / LR
    f1, mcc, loss = measure(average, x[val], y[val])
    first = first or loss
    scheduler.step(f1)
    if f1 > best["f1"]:
        best = {"f1": f1, "mcc": mcc, "loss": loss, "test f1": measure(average, *test)[0]}
print(json.dumps({"losses": losses, "metrics": best | {"first loss": first, "rate": rate}}))
