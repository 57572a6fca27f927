# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Trains networks in PyTorch, on demand, and says how long a step took.

Prints one line of JSON, what it runs on, or "failed: REASON" and ends. Then it reads
lines "NETWORK VARIANT STEPS [BATCH]" and answers each with milliseconds a step, or with
"failed: REASON"; each time the weights begin as the seed gave them. If STEPS is
"losses", the answer is the first five losses. Networks are the five, conv, transformer,
gru, and mlpN, a perceptron of width N. Variants: default and fused are Adam's, run
eagerly; loader is default with batches of a DataLoader; compile is fused Adam with the
network and its loss through torch.compile(mode="reduce-overhead"), which on CUDA replays
CUDA graphs. Packages gpucheck and bench have it train in turn with our own steps.
"""

import argparse
import itertools
import json
import os
import pathlib
import platform
import sys
import time

# Answers go to standard output; what libraries print there joins their complaints.
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def failed(error):
    """The first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"failed: {type(error).__name__}: {lines[0] if lines else 'no reason given'}"


options = argparse.ArgumentParser()
options.add_argument("--device", default="cpu")
options.add_argument("--threads", type=int, required=True)
options = options.parse_args()

try:
    import torch

    if options.device.startswith("cuda"):
        # What is compiled asks the current device; and no other one is to be touched.
        torch.cuda.set_device(torch.device(options.device))
    torch.zeros(1, device=options.device)
except Exception as error:
    print(failed(error), file=answers)
    sys.exit(1)

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "models" / "testdata"))

from gen_networks import BATCH, NETWORKS, SEED, inputs_of, targets_of
from torch import nn

torch.set_num_threads(options.threads)
print(json.dumps({"python": platform.python_version(), "torch": torch.__version__}), file=answers)


def wait():
    if options.device.startswith("cuda"):
        torch.cuda.synchronize(options.device)


class GRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.fc = nn.GRU(64, 128, batch_first=True), nn.Linear(128, 32)

    def forward(self, x):
        return self.fc(self.gru(x.unflatten(1, (16, 64)))[0][:, -1])


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(128, 4, 256, dropout=0.0, batch_first=True)
        self.fc = nn.Linear(128, 16)

    def forward(self, x):
        return self.fc(self.block(x.unflatten(1, (32, 128))).mean(1))


def convolution():
    return nn.Sequential(
        nn.Unflatten(1, (3, 32, 32)),
        nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 8 * 8, 10),
    )  # fmt: skip


def perceptron(width):
    return nn.Sequential(
        nn.Linear(128, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 64), nn.Tanh()
    )


LARGER = {
    "conv": (convolution, 3 * 32 * 32, 10, nn.MSELoss(), 1e-3),
    "transformer": (Transformer, 32 * 128, 16, nn.MSELoss(), 1e-3),
    "gru": (GRU, 16 * 64, 32, nn.MSELoss(), 1e-3),
}


def find(network):
    if network.startswith("mlp"):
        return lambda: perceptron(int(network[3:])), 128, 64, nn.MSELoss(), 1e-3
    return {**NETWORKS, **LARGER}[network]


class Training:
    def __init__(self, network, variant, batch):
        make, inputs, outputs, loss, lr = find(network)
        torch.manual_seed(SEED)
        self.model = make().to(options.device)
        fused = True if variant in ("fused", "compile") else None
        self.adam = torch.optim.Adam(self.model.parameters(), lr=lr, weight_decay=1e-4, fused=fused)
        x = inputs_of(0, inputs * batch // BATCH).reshape(batch, inputs)
        y = targets_of(outputs).repeat(-(-batch // BATCH), 1)[:batch]
        self.x, self.y = x.to(options.device), y.to(options.device)
        self.initial = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.variant = variant
        self.loss = lambda x, y: loss(self.model(x), y)
        if variant == "compile":
            # Sizes are the network's own: else those of the second one seen count as
            # unknown, for all that come.
            self.loss = torch.compile(self.loss, mode="reduce-overhead", dynamic=False)
        if variant == "loader":  # the same batch again and again, for the same losses
            set_ = torch.utils.data.TensorDataset(x.repeat(50, 1), y.repeat(50, 1))
            self.loader = torch.utils.data.DataLoader(set_, batch_size=batch)

    def reset(self):
        """So that what is timed is always the same: weights may decay to denormal numbers."""
        self.model.load_state_dict(self.initial)
        for state in self.adam.state.values():
            for value in state.values():
                value.zero_()

    def step(self, x, y):
        if self.variant == "compile":
            torch.compiler.cudagraph_mark_step_begin()
        self.adam.zero_grad()
        loss = self.loss(x, y)
        loss.backward()
        self.adam.step()
        return loss

    def batches(self, steps):
        while self.variant == "loader" and steps > 0:
            yield from itertools.islice(self.loader, steps)
            steps -= len(self.loader)
        for _ in range(steps):
            yield self.x, self.y

    def losses(self):
        self.reset()
        return " ".join(str(self.step(x, y).item()) for x, y in self.batches(5))

    def time(self, steps):
        self.reset()
        wait()
        start = time.perf_counter()
        for x, y in self.batches(steps):
            self.step(x, y)
        wait()
        return (time.perf_counter() - start) / steps * 1e3


trainings = {}
for line in sys.stdin:
    network, variant, steps, *batch = line.split()
    try:
        key = network, variant, int(batch[0]) if batch else BATCH
        if key not in trainings:
            trainings[key] = Training(*key)
        training = trainings[key]
        print(training.losses() if steps == "losses" else training.time(int(steps)), file=answers)
    except Exception as error:
        print(failed(error), file=answers)
