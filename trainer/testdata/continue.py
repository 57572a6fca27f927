# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Loads a checkpoint into PyTorch, trains on, and saves: continue.py IN OUT.

The network and the data are those of the first case in fit.json; 20 steps follow
the checkpoint.
"""
import json
import pathlib
import sys

import torch

golden = json.loads((pathlib.Path(__file__).parent / "fit.json").read_text())
case = golden["cases"][0]
net = torch.nn.ModuleDict({"fc1": torch.nn.Linear(5, 9), "fc2": torch.nn.Linear(9, 3)})
checkpoint = torch.load(sys.argv[1], weights_only=True)
net.load_state_dict(checkpoint["model_state_dict"])
optimizer = torch.optim.Adam(net.parameters())
optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
x, y = torch.tensor(case["x"]).reshape(-1, 5), torch.tensor(case["y"]).reshape(-1, 3)
losses = []
for i in range(20):
    batch = [(7 * i + j) % len(x) for j in range(16)]
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(net["fc2"](net["fc1"](x[batch]).tanh()), y[batch])
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
torch.save(
    {"epoch": checkpoint["epoch"] + 1, "model_state_dict": net.state_dict(), "optimizer_state_dict": optimizer.state_dict(),
     "loss": losses[-1], "metrics": {"steps": 20}}, sys.argv[2],
)
print(json.dumps({"losses": losses, "keys": list(checkpoint), "epoch": checkpoint["epoch"], "loss": checkpoint["loss"],
                  "metrics": checkpoint["metrics"], "etude": sorted(checkpoint["etude"])}))
