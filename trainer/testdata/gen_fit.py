# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes fit.json: two small networks trained by PyTorch, epoch by epoch.

Losses are means over samples: validation's is computed on the whole set at
once, training's from the sum of each batch. The order of the samples is
torch/data's, by the Python implementation beside its golden file.
Run: python gen_fit.py (PyTorch 2.15 on the CPU).
"""
import json
import pathlib
import sys

import torch
from torch import nn
import torch.nn.functional as F

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here / "../../torch/data/testdata"))
from gen_order import shuffled  # writes its own golden file anew, the same

torch.set_num_threads(1)
BATCH, EPOCHS, SEED, LR, DECAY, TRAIN, VAL = 16, 8, 7, 0.02, 1e-4, 49, 13


class Net(nn.Module):
    def __init__(self, out):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(5, 9), nn.Linear(9, out)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


def state(net):
    return {name: {"shape": list(t.shape), "values": t.flatten().tolist()} for name, t in net.state_dict().items()}


def case(name, out, classes):
    torch.manual_seed(3)
    net = Net(out)
    start = state(net)
    x, xv = torch.randn(TRAIN, 5), torch.randn(VAL, 5)
    weights = torch.randn(5, out)
    target = lambda x: (x @ weights).argmax(1) if classes else torch.sin(x @ weights) + 0.3 * torch.randn(len(x), out)
    y, yv = target(x), target(xv)
    loss = F.cross_entropy if classes else F.mse_loss
    right = lambda output, y: (output.argmax(1) == y).sum().item() if classes else 0
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, weight_decay=DECAY)
    case = {"name": name, "start": start, "train_losses": [], "val_losses": [], "train_accs": [], "val_accs": []}
    for key, t in [("x", x), ("y", y), ("xv", xv), ("yv", yv)]:
        case[key] = t.flatten().tolist()
    states = []
    for epoch in range(EPOCHS):
        order, total, hits = shuffled(range(TRAIN), SEED, epoch + 1), 0.0, 0
        for i in range(0, TRAIN, BATCH):
            batch = order[i : i + BATCH]
            optimizer.zero_grad()
            output = net(x[batch])
            value = loss(output, y[batch])
            value.backward()
            optimizer.step()
            total += loss(output.detach().double(), y[batch] if classes else y[batch].double(), reduction="sum").item()
            hits += right(output, y[batch])
        with torch.no_grad():
            output = net(xv)
            case["val_losses"].append(loss(output.double(), yv if classes else yv.double()).item())
        case["train_losses"].append(total / (TRAIN if classes else y.numel()))
        case["train_accs"].append(hits / TRAIN)
        case["val_accs"].append(right(output, yv) / VAL)
        states.append(state(net))
    best = min(range(EPOCHS), key=case["val_losses"].__getitem__)
    with torch.no_grad():
        net.load_state_dict({k: torch.tensor(v["values"]).reshape(v["shape"]) for k, v in states[best].items()})
        output = net(xv)
        case["mse"] = None if classes else F.mse_loss(output, yv).item()
        case["mae"] = None if classes else F.l1_loss(output, yv).item()
    return case | {"best_epoch": best, "best": states[best], "last": states[-1]}


cases = [case("regression", 3, False), case("classes", 4, True)]
settings = {"batch": BATCH, "epochs": EPOCHS, "seed": SEED, "lr": LR, "weight_decay": DECAY}
(here / "fit.json").write_text(json.dumps(settings | {"cases": cases}).replace(', "', ',\n"') + "\n")
for c in cases:
    print(c["name"], c["best_epoch"], c["train_losses"], c["val_losses"], c["val_accs"])
