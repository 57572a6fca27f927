# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Prints PyTorch's learning rates, smoothed losses and suggestions of a range test.

The network and the data are those of fit.json. The smoothing is that of fastai's and
Lightning's finders; the suggestion is where the loss falls most steeply over the logarithm
of the rate, which rises evenly, without the steps that Lightning's leaves out. The test runs
it: at high rates losses depend on the last bits of the kernels at hand.
Run: python findlr.py (PyTorch 2.15 on the CPU).
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
golden = json.loads((here / "fit.json").read_text())
c = golden["cases"][0]
x, y = torch.tensor(c["x"]).reshape(-1, 5), torch.tensor(c["y"]).reshape(-1, 3)


def search(batch, accumulate, low, high, steps, threshold):
    fc1, fc2 = torch.nn.Linear(5, 9), torch.nn.Linear(9, 3)
    net = torch.nn.ModuleDict({"fc1": fc1, "fc2": fc2})
    net.load_state_dict({k: torch.tensor(v["values"]).reshape(v["shape"]) for k, v in c["start"].items()})
    optimizer = torch.optim.Adam(net.parameters(), lr=golden["lr"], weight_decay=golden["weight_decay"])
    lrs, losses, average, best = [], [], 0.0, float("inf")
    epoch = 0
    while True:
        epoch += 1
        order = shuffled(range(len(x)), golden["seed"], epoch)
        for start in range(0, len(x), batch * accumulate):
            group = order[start : start + batch * accumulate]
            optimizer.param_groups[0]["lr"] = low * (high / low) ** (len(lrs) / (steps - 1))
            optimizer.zero_grad()
            total = 0.0
            for i in range(0, len(group), batch):
                part = group[i : i + batch]
                loss = F.mse_loss(fc2(torch.tanh(fc1(x[part]))), y[part])
                (loss * len(part) / len(group)).backward()
                total += loss.item() * len(part)
            optimizer.step()
            average = 0.98 * average + 0.02 * total / len(group)
            smoothed = average / (1 - 0.98 ** (len(lrs) + 1))
            lrs.append(optimizer.param_groups[0]["lr"])
            losses.append(smoothed)
            best = min(best, smoothed)
            if len(lrs) == steps or threshold and smoothed > threshold * best:
                after = torch.tensor(losses[10:-1])
                found = torch.argmin(torch.gradient(after)[0]).item() + 10
                return {"batch": batch, "accumulate": accumulate, "low": low, "high": high, "steps": steps,
                        "threshold": threshold, "lrs": lrs, "losses": losses, "suggestion": lrs[found]}


print(json.dumps([search(8, 1, 1e-8, 1, 100, 4), search(8, 3, 1e-5, 10, 40, 0), search(16, 1, 1e-4, 100, 60, 1.5)]))
