# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The same in PyTorch: twin.py ORDERS prints losses and metrics as JSON."""

import copy
import json
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

DAY = 24
HOURS, PAST, FUTURE = 60 * DAY, 2 * DAY, 10 * DAY


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(1, 32, batch_first=True), nn.Linear(32, DAY)

    def forward(self, x):
        last = x[:, -1:]
        return self.out(self.lstm((x - last).unsqueeze(2))[0][:, -1]) + last


def series():
    t = torch.arange(HOURS)
    wave = lambda period: (t * (2 * math.pi / period)).sin()
    return wave(DAY) * (wave(7 * DAY) * 0.5 + 1) + t / HOURS + torch.randn(HOURS) * 0.1


def rmse(x, y):
    return (x - y).double().square().mean(0).sqrt().mean().item()


def r2(x, y):
    x, y = x.double(), y.double()
    return (1 - (y - x).square().sum(0) / (y - y.mean(0)).square().sum(0)).mean().item()


torch.manual_seed(3)
model, s, losses, best, least = Forecaster(), series(), [], None, math.inf
windows = lambda s: s.unfold(0, PAST + DAY, 1).split([PAST, DAY], 1)
(train_x, train_y), (x, y) = windows(s[:HOURS - FUTURE]), windows(s[HOURS - FUTURE - PAST:])
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 15, 0.3)
for order in json.load(open(sys.argv[1])):
    for batch in torch.tensor(order).split(64):
        optimizer.zero_grad()
        loss = F.mse_loss(model(train_x[batch]), train_y[batch])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    with torch.no_grad():
        if (loss := F.mse_loss(model(x), y).item()) < least:
            best, least = copy.deepcopy(model.state_dict()), loss
model.load_state_dict(best)
with torch.no_grad():
    output, yesterday = model(x), x[:, -DAY:]
print(json.dumps({"losses": losses, "metrics": {
    "RMSE": rmse(output, y), "RMSE of yesterday": rmse(yesterday, y), "R²": r2(output, y), "R² of yesterday": r2(yesterday, y)}}))
