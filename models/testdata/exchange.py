# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Trains a network in turn with Go, by way of checkpoints; prints what it saw as JSON.

Usage: python exchange.py continue NETWORK IN.pt        reads IN.pt, answers a batch, takes steps 10 to 29
       python exchange.py begin NETWORK OUT.pt [fused]  takes steps 0 to 9, writes OUT.pt, takes steps 10 to 29
"""

import json
import sys

import torch
from gen_networks import NETWORKS, inputs_of, steps

mode, network, path = sys.argv[1:4]
cls, inputs, outputs, loss, lr = NETWORKS[network]
torch.manual_seed(42)
model = cls()
result = {}
if mode == "begin":
    fused = True if sys.argv[4:] == ["fused"] else None
    opt = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=1e-4, fused=fused)
    steps(model, opt, loss, inputs, outputs, range(10))
    torch.save({"model_state_dict": model.state_dict(), "optimizer_state_dict": opt.state_dict()}, path)
else:
    saved = torch.load(path, weights_only=True)
    model.load_state_dict(saved["model_state_dict"])
    opt = torch.optim.Adam(model.parameters())
    opt.load_state_dict(saved["optimizer_state_dict"])
    with torch.no_grad():
        result["output"] = model(inputs_of(0, inputs)).flatten().tolist()
result["losses"] = steps(model, opt, loss, inputs, outputs, range(10, 30))
print(json.dumps(result))
