# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes accumulate.json: gradient accumulation, clipping and a schedule by PyTorch.

The network and the data are those of fit.json. A group of batches is one step of
the optimizer; the loss of a batch counts by its share of the group's samples, in
an epoch's last group too. The order of the samples is torch/data's.
Run: python gen_accumulate.py (PyTorch 2.15 on the CPU).
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
xv, yv = torch.tensor(c["xv"]).reshape(-1, 5), torch.tensor(c["yv"]).reshape(-1, 3)


def case(batch, accumulate, clip, scheduled):
    net = torch.nn.ModuleDict({"fc1": torch.nn.Linear(5, 9), "fc2": torch.nn.Linear(9, 3)})
    net.load_state_dict({k: torch.tensor(v["values"]).reshape(v["shape"]) for k, v in c["start"].items()})
    forward = lambda x: net["fc2"](torch.tanh(net["fc1"](x)))
    optimizer = torch.optim.Adam(net.parameters(), lr=golden["lr"], weight_decay=golden["weight_decay"])
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5) if scheduled else None
    out = {"batch": batch, "accumulate": accumulate, "clip": clip, "scheduled": scheduled,
           "train_losses": [], "val_losses": [], "rates": [], "norms": []}
    for epoch in range(golden["epochs"]):
        order, total, norms = shuffled(range(len(x)), golden["seed"], epoch + 1), 0.0, []
        for start in range(0, len(x), batch * accumulate):
            group = order[start : start + batch * accumulate]
            optimizer.zero_grad()
            for i in range(0, len(group), batch):
                part = group[i : i + batch]
                loss = F.mse_loss(forward(x[part]), y[part])
                (loss * len(part) / len(group)).backward()
                total += loss.item() * len(part)
            if clip:
                norms.append(torch.nn.utils.clip_grad_norm_(net.parameters(), clip).item())
            optimizer.step()
        out["rates"].append(optimizer.param_groups[0]["lr"])
        out["train_losses"].append(total / len(x))
        out["norms"].append(sum(norms) / len(norms) if norms else 0)
        with torch.no_grad():
            out["val_losses"].append(F.mse_loss(forward(xv), yv).item())
        if scheduler:
            scheduler.step()
    out["last"] = {k: {"shape": list(t.shape), "values": t.flatten().tolist()} for k, t in net.state_dict().items()}
    return out


# 49 samples: batches of 8, groups of 3, so the last group is of 1 sample alone;
# batches of 10, groups of 2, so it is of 9.
cases = [case(8, 3, 0, False), case(10, 2, 0.5, True), case(16, 1, 0.3, False), case(49, 1, 0, True), case(5, 99, 0, True)]
(here / "accumulate.json").write_text(json.dumps(cases).replace(', "', ',\n"') + "\n")
for c in cases:
    print(c["batch"], c["accumulate"], c["norms"], c["val_losses"])
