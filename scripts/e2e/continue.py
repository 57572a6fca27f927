# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Loads a checkpoint of ours into PyTorch, runs the network, and trains on.

python continue.py NETWORK last.pt batches.pt OUT.pt

batches.pt holds x and y, each [steps, batch, features]. OUT.pt gets the output
for x[0] before training ("output"), the loss of each step ("losses") and the
state_dict after the last ("state").
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "models" / "testdata"))

import torch
from gen_networks import NETWORKS

network, checkpoint, batches, out = sys.argv[1:]
torch.set_num_threads(1)
torch.manual_seed(0)
network, _, _, loss_of, _ = NETWORKS[network]
model = network()
saved = torch.load(checkpoint, weights_only=True)
assert set(saved) >= {"epoch", "model_state_dict", "optimizer_state_dict", "loss", "metrics"}, set(saved)
assert list(saved["model_state_dict"]) == list(model.state_dict())
model.load_state_dict(saved["model_state_dict"])
adam = torch.optim.Adam(model.parameters())
adam.load_state_dict(saved["optimizer_state_dict"])

data = torch.load(batches, weights_only=True)
with torch.no_grad():
    output = model(data["x"][0])
losses = []
for x, y in zip(data["x"], data["y"]):
    adam.zero_grad()
    loss = loss_of(model(x), y)
    loss.backward()
    adam.step()
    losses.append(loss.item())
torch.save({"output": output, "losses": torch.tensor(losses, dtype=torch.float64), "state": model.state_dict()}, out)
