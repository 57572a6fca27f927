# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes weighed.json: cross entropies that do not weigh all samples alike, by PyTorch.

A linear layer is measured on all samples in one batch, which is what every other
size of the batches must come to, and takes four steps of SGD on all of them.
Accuracy is of the targets that are not ignored.
Run: python gen_weighed.py (PyTorch 2.15 on the CPU).
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.manual_seed(11)
n, features, classes = 13, 4, 3
x, xv = torch.randn(n, features), torch.randn(n, features)
mixed = torch.tensor([0, -100, -100, -100, 1, 2, 2, -100, 0, 1, -100, 2, 0])
plain = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 0, 1, 1, 1, 1])
sparse = torch.tensor([-100] * 12 + [1])
start = torch.nn.Linear(features, classes)


def case(name, y, **settings):
    net = torch.nn.Linear(features, classes)
    net.load_state_dict(start.state_dict())
    ignore = settings.get("ignore_index", -100)
    kwargs = dict(settings)
    if "weight" in kwargs:
        kwargs["weight"] = torch.tensor(kwargs["weight"])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def measure(x):
        with torch.no_grad():
            out = net(x)
            counts = y != ignore
            return F.cross_entropy(out, y, **kwargs).item(), (out.argmax(1)[counts] == y[counts]).float().mean().item()

    c = {"name": name, "y": y.tolist(), "settings": settings, "train": [], "val": []}
    c["loss"], c["accuracy"] = measure(xv)
    for _ in range(4):
        c["train"].append(measure(x))
        optimizer.zero_grad()
        F.cross_entropy(net(x), y, **kwargs).backward()
        optimizer.step()
        c["val"].append(measure(xv))
    c["weight"], c["bias"] = net.weight.flatten().tolist(), net.bias.tolist()
    return c


weight = [1.0, 10.0, 100.0]
golden = {
    "x": x.flatten().tolist(), "xv": xv.flatten().tolist(),
    "weight": start.weight.flatten().tolist(), "bias": start.bias.tolist(),
    "cases": [
        case("ignored", mixed),
        case("one class ignored", plain, ignore_index=1),
        case("weights", plain, weight=weight),
        case("weights, ignored", mixed, weight=weight),
        case("smoothed, ignored", mixed, label_smoothing=0.1),
        case("weights, smoothed, ignored", mixed, weight=weight, label_smoothing=0.1),
        case("one that counts", sparse),
        case("plain", plain),
    ],
}
text = json.dumps(golden).replace('{"name"', '\n{"name"')
(pathlib.Path(__file__).parent / "weighed.json").write_text(text + "\n")
