# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes networks.json: what PyTorch makes of the networks and of 100 steps of Adam.

The batches come from formulas that need no generator and are exact in any language.

Usage: python gen_networks.py > networks.json      (torch 2.15.0, one thread)
       python gen_networks.py state                prints the initial values alone, whose last
                                                   bits depend on the processor
"""

import hashlib
import json
import sys

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


class HarmonyPredictor(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(128, 256)
        self.fc2 = nn.Linear(256, 128)
        self.fc3 = nn.Linear(128, 64)

    def forward(self, x):
        x = torch.tanh(self.fc1(x))
        x = torch.tanh(self.fc2(x))
        return torch.softmax(self.fc3(x), dim=-1)


class DynamicsEngine(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(32, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 16)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return torch.sigmoid(self.fc3(x))


class GroovePredictor(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 32)

    def forward(self, x):
        x = torch.tanh(self.fc1(x))
        x = torch.tanh(self.fc2(x))
        return torch.tanh(self.fc3(x))


def harmony_loss(p, t):
    return nn.functional.kl_div(torch.log(p + 1e-8), t, reduction="batchmean")


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


NETWORKS = {
    "emotion": (EmotionRecognizer, 128, 64, nn.MSELoss(), 1e-3),
    "melody": (MelodyTransformer, 64, 128, nn.BCELoss(), 5e-4),
    "harmony": (HarmonyPredictor, 128, 64, harmony_loss, 1e-3),
    "dynamics": (DynamicsEngine, 32, 16, nn.MSELoss(), 1e-3),
    "groove": (GroovePredictor, 64, 32, nn.MSELoss(), 1e-3),
}


def start(cls):
    torch.manual_seed(SEED)
    model = cls()
    state = [
        {"name": k, "shape": list(v.shape), "sha256": sha256(v)} for k, v in model.state_dict().items()
    ]
    return model, state


def run(cls, inputs, outputs, loss, lr):
    model, state = start(cls)
    opt = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=1e-4, fused=True)
    losses = steps(model, opt, loss, inputs, outputs, range(STEPS))
    norms = {k: torch.linalg.vector_norm(v.double()).item() for k, v in model.state_dict().items()}
    return {"state": state, "losses": losses, "norms": norms}


def main():
    if sys.argv[1:] == ["state"]:
        print(json.dumps({name: {"state": start(network[0])[1]} for name, network in NETWORKS.items()}))
        return
    result = {"torch": torch.__version__.split("+")[0], "seed": SEED}
    for name, network in NETWORKS.items():
        result[name] = run(*network)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
