# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Continues the schedule of a checkpoint: schedule.py CHECKPOINT STEPS.

Prints the learning rates after each of STEPS further steps of the
CosineAnnealingLR whose state the checkpoint holds.
"""
import json
import sys

import torch

checkpoint = torch.load(sys.argv[1], weights_only=True)
parameters = [torch.nn.Parameter(t) for t in checkpoint["model_state_dict"].values()]
optimizer = torch.optim.Adam(parameters)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1)
optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
scheduler.load_state_dict(checkpoint["etude"]["scheduler"])
rates = []
for _ in range(int(sys.argv[2])):
    optimizer.step()
    scheduler.step()
    rates.append(optimizer.param_groups[0]["lr"])
print(json.dumps({"rates": rates, "open": sorted(checkpoint["etude"].get("accumulation", {}))}))
