# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Loads a checkpoint of ours into PyTorch, runs the network, and trains on.

python continue.py NETWORK last.pt batches.pt OUT.pt

batches.pt holds x and y, each [steps, batch, features]. OUT.pt gets the output
for x[0] before training ("output"), the loss of each step ("losses") and the
state_dict after the last ("state").
"""

import sys

import torch
from torch import nn


class EmotionRecognizer(nn.Module):
    loss = nn.MSELoss()

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(128, 512)
        self.fc2 = nn.Linear(512, 256)
        self.lstm = nn.LSTM(256, 128, batch_first=True)
        self.fc3 = nn.Linear(128, 64)

    def forward(self, x):
        x = torch.tanh(self.fc1(x))
        x = torch.tanh(self.fc2(x))
        x, _ = self.lstm(x.unsqueeze(1))
        return torch.tanh(self.fc3(x.squeeze(1)))


class MelodyTransformer(nn.Module):
    loss = nn.BCELoss()

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 256)
        self.lstm = nn.LSTM(256, 256, batch_first=True)
        self.fc2 = nn.Linear(256, 256)
        self.fc3 = nn.Linear(256, 128)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x, _ = self.lstm(x.unsqueeze(1))
        x = torch.relu(self.fc2(x.squeeze(1)))
        return torch.sigmoid(self.fc3(x))


network, checkpoint, batches, out = sys.argv[1:]
torch.set_num_threads(1)
torch.manual_seed(0)
model = {"emotion": EmotionRecognizer, "melody": MelodyTransformer}[network]()
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
    loss = model.loss(model(x), y)
    loss.backward()
    adam.step()
    losses.append(loss.item())
torch.save({"output": output, "losses": torch.tensor(losses, dtype=torch.float64), "state": model.state_dict()}, out)
