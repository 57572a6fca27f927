# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes scheduler.json: learning rates and state dicts of PyTorch's schedulers.

Each case steps a scheduler over an SGD with two groups (0.1 and 0.02), with a
value for each epoch; after CUT epochs its state dict is taken.

Usage: python gen_scheduler.py > scheduler.json      (torch 2.15.0)
"""

import json
import math

import torch
from torch.optim import lr_scheduler

EPOCHS, CUT = 30, 11
# Falls, stands still, rises a little, falls below all: what a loss may do.
VALUES = [1 / (1 + i) if i < 6 else 0.16 + 0.001 * (i % 3) if i < 22 else 0.1 - 0.002 * i for i in range(EPOCHS)]


def plain(v):
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, list):
        return [plain(x) for x in v]
    return str(v) if isinstance(v, float) and math.isinf(v) else v


def case(name, make):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": lr} for lr in (0.1, 0.02)]
    optimizer = torch.optim.SGD(groups, lr=0.5)
    scheduler, rates = make(optimizer), []
    for epoch, value in enumerate(VALUES):
        optimizer.step()
        scheduler.step(value) if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau) else scheduler.step()
        rates.append([g["lr"] for g in optimizer.param_groups])
        if epoch + 1 == CUT:
            state = plain(scheduler.state_dict())
            initial = [g.get("initial_lr") for g in optimizer.param_groups]
    return {"name": name, "rates": rates, "state": state, "keys": list(state), "initial": initial}


L = lr_scheduler
print(
    json.dumps(
        {
            "cut": CUT,
            "values": VALUES,
            "cases": [
                case("step", lambda o: L.StepLR(o, 4)),
                case("step gamma", lambda o: L.StepLR(o, 1, gamma=0.9)),
                case("cosine", lambda o: L.CosineAnnealingLR(o, 9)),
                case("cosine min", lambda o: L.CosineAnnealingLR(o, 40, eta_min=0.01)),
                case("plateau", lambda o: L.ReduceLROnPlateau(o, patience=2)),
                case("plateau cooldown", lambda o: L.ReduceLROnPlateau(o, factor=0.5, patience=0, cooldown=3, min_lr=0.005)),
                case("plateau abs", lambda o: L.ReduceLROnPlateau(o, patience=1, threshold=0.05, threshold_mode="abs", eps=1e-3)),
                case("plateau max", lambda o: L.ReduceLROnPlateau(o, mode="max", patience=3, threshold=0.01)),
                case("plateau max abs", lambda o: L.ReduceLROnPlateau(o, mode="max", patience=1, threshold=0, threshold_mode="abs")),
            ],
        }
    )
)
