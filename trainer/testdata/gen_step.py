# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes step.json: PyTorch's loop for a network of two inputs and two outputs.

The loss is that of a number plus half that of a class; some classes are ignored, so
the part "class" is a mean over fewer samples than the batch has. Values of an epoch
are over all of its samples. The order of the samples is torch/data's.
Run: python gen_step.py (PyTorch 2.15 on the CPU).
"""
import json
import pathlib
import sys

import torch
import torch.nn.functional as F

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here / "../../torch/data/testdata"))
from gen_order import shuffled

torch.set_num_threads(1)
torch.manual_seed(20)
BATCH, EPOCHS, SEED, LR = 8, 5, 3, 0.02


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = torch.nn.Linear(5, 6), torch.nn.Linear(2, 6)
        self.number, self.kind = torch.nn.Linear(6, 1), torch.nn.Linear(6, 3)

    def forward(self, x, z):
        h = torch.tanh(self.left(x) + self.right(z))
        return self.number(h), self.kind(h)


def samples(n):
    x, z = torch.randn(n, 5), torch.randn(n, 2)
    y = (x[:, :1] * z[:, 1:]).sin()
    kind = (x.sum(1) + z.sum(1)).round().long() % 3
    kind[1::4] = -100
    return x, z, y, kind


def losses(net, x, z, y, kind):
    number, scores = net(x, z)
    mse, ce = F.mse_loss(number, y), F.cross_entropy(scores, kind)
    return mse + 0.5 * ce, mse, ce, scores


def add(sums, values, kind):
    loss, mse, ce, scores = (v.detach() for v in values)
    n, counted = len(kind), int((kind != -100).sum())
    if counted == 0:
        raise ValueError("a batch without classes has no loss")
    right = int((scores.argmax(1) == kind).sum())
    for i, x in enumerate((loss.item() * n, mse.item() * n, n, ce.item() * counted, right, counted)):
        sums[i] += x


def means(sums):
    loss, mse, n, ce, right, counted = sums
    return {"loss": loss / n, "number": mse / n, "class": ce / counted, "accuracy": right / counted}


def state(net):
    return {k: {"shape": list(t.shape), "values": t.flatten().tolist()} for k, t in net.state_dict().items()}


net, train, val = Net(), samples(25), samples(9)
start = state(net)
optimizer = torch.optim.Adam(net.parameters(), lr=LR)
epochs = []
for epoch in range(EPOCHS):
    order, sums = shuffled(range(25), SEED, epoch + 1), [0] * 6
    for first in range(0, 25, BATCH):
        batch = [t[order[first : first + BATCH]] for t in train]
        optimizer.zero_grad()
        values = losses(net, *batch)
        values[0].backward()
        optimizer.step()
        add(sums, values, batch[3])
    checked = [0] * 6
    with torch.no_grad():
        for first in range(0, 9, BATCH):
            batch = [t[first : first + BATCH] for t in val]
            add(checked, losses(net, *batch), batch[3])
    epochs.append({"train": means(sums), "val": means(checked)})

names = ("x", "z", "y", "kind")
out = {
    "batch": BATCH, "seed": SEED, "lr": LR, "start": start, "last": state(net), "epochs": epochs,
    "train": {k: t.flatten().tolist() for k, t in zip(names, train)},
    "val": {k: t.flatten().tolist() for k, t in zip(names, val)},
}
(here / "step.json").write_text(json.dumps(out))
print(epochs[0], epochs[-1])
