# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes networks.json: what PyTorch makes of the networks and of 100 steps of Adam.

The batches come from formulas that need no generator and are exact in any language.

Usage: python gen_networks.py > networks.json      (torch 2.15.0, one thread)
"""

import hashlib
import json

import torch
from torch import nn

torch.set_num_threads(1)
SEED, STEPS, BATCH = 42, 100, 64


class EmotionRecognizer(nn.Module):
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


def inputs_of(number, features):
    """Element i is ((i * 7919 + number * 104729) % 1000) / 1000."""
    i = torch.arange(BATCH * features, dtype=torch.int64)
    k = (i * 7919 + number * 104729) % 1000
    return (k.to(torch.float64) / 1000).to(torch.float32).reshape(BATCH, features)


def targets_of(features):
    """Feature f of row r is ((f * 7919) % 1000 + r) / 1064: there is something to learn."""
    f, r = torch.arange(features, dtype=torch.int64), torch.arange(BATCH, dtype=torch.int64)
    k = ((f * 7919) % 1000)[None, :] + r[:, None]
    return (k.to(torch.float64) / 1064).to(torch.float32)


def sha256(t):
    return hashlib.sha256(t.detach().contiguous().numpy().tobytes()).hexdigest()


def steps(model, opt, loss, inputs, outputs, numbers):
    losses = []
    for number in numbers:
        x, y = inputs_of(number, inputs), targets_of(outputs)
        opt.zero_grad()
        value = loss(model(x), y)
        value.backward()
        opt.step()
        losses.append(value.item())
    return losses


def run(cls, inputs, outputs, loss, lr):
    torch.manual_seed(SEED)
    model = cls()
    state = [
        {"name": k, "shape": list(v.shape), "sha256": sha256(v)} for k, v in model.state_dict().items()
    ]
    opt = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=1e-4, fused=True)
    losses = steps(model, opt, loss, inputs, outputs, range(STEPS))
    norms = {k: torch.linalg.vector_norm(v.double()).item() for k, v in model.state_dict().items()}
    return {"state": state, "losses": losses, "norms": norms}


def main():
    print(
        json.dumps(
            {
                "torch": torch.__version__.split("+")[0],
                "seed": SEED,
                "emotion": run(EmotionRecognizer, 128, 64, nn.MSELoss(), 1e-3),
                "melody": run(MelodyTransformer, 64, 128, nn.BCELoss(), 5e-4),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
