# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Prints what PyTorch's loop makes of autocast, gradient scaling and averages of weights.

The network and the data are those of fit.json. The test runs it, rather than reads a
golden file: kernels for bfloat16 and float16 differ in rounding from one kind of processor
to the next.
Run: python options.py (PyTorch 2.15 on the CPU).
"""
import json
import pathlib
import sys

import torch
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here / "../../torch/data/testdata"))
from gen_order import shuffled

torch.set_num_threads(1)
golden = json.loads((here / "fit.json").read_text())
c = golden["cases"][0]
x, y = torch.tensor(c["x"]).reshape(-1, 5), torch.tensor(c["y"]).reshape(-1, 3)
xv, yv = torch.tensor(c["xv"]).reshape(-1, 5), torch.tensor(c["yv"]).reshape(-1, 3)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = torch.nn.Linear(5, 9), torch.nn.Linear(9, 3)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


def case(batch, accumulate, clip, autocast=None, scale=0, per_step=False, ema=0, muon=False):
    net = Net()
    net.load_state_dict({k: torch.tensor(v["values"]).reshape(v["shape"]) for k, v in c["start"].items()})
    adam = dict(lr=golden["lr"], weight_decay=golden["weight_decay"])
    optimizers = [torch.optim.Adam(net.parameters(), **adam)]
    if muon:
        optimizers = [torch.optim.Muon([p for p in net.parameters() if p.dim() == 2], lr=0.02),
                      torch.optim.Adam([p for p in net.parameters() if p.dim() != 2], **adam)]
    optimizer = optimizers[0]
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3, gamma=0.9) if per_step else None
    averages = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(ema)) if ema else None
    scaler = torch.amp.GradScaler("cpu", init_scale=scale or 1, growth_interval=4, enabled=scale > 0)
    cast = lambda: torch.autocast("cpu", getattr(torch, autocast or "bfloat16"), enabled=autocast is not None)
    out = {"batch": batch, "accumulate": accumulate, "clip": clip, "autocast": autocast or "float32", "scale": scale,
           "per_step": per_step, "ema": ema, "muon": muon, "train_losses": [], "val_losses": [], "rates": [], "norms": [], "weight_norms": [], "skipped": []}
    for epoch in range(golden["epochs"]):
        order, total, norms, skipped = shuffled(range(len(x)), golden["seed"], epoch + 1), 0.0, [], 0
        for start in range(0, len(x), batch * accumulate):
            group = order[start : start + batch * accumulate]
            net.zero_grad()
            for i in range(0, len(group), batch):
                part = group[i : i + batch]
                with cast():
                    loss = F.mse_loss(net(x[part]), y[part])
                scaler.scale(loss * len(part) / len(group)).backward()
                total += loss.item() * len(part)
            for o in optimizers:
                scaler.unscale_(o)
            norm = torch.nn.utils.clip_grad_norm_(net.parameters(), clip or float("inf")).item()
            before = scaler.get_scale()
            for o in optimizers:
                scaler.step(o)
            scaler.update()
            if scaler.get_scale() < before:
                skipped += 1
            else:
                norms.append(norm)
            if averages:
                averages.update_parameters(net)
            if scheduler:
                scheduler.step()
        out["rates"].append(optimizer.param_groups[0]["lr"])
        out["train_losses"].append(total / len(x))
        out["norms"].append(sum(norms) / len(norms) if norms else 0)
        out["skipped"].append(skipped)
        out["weight_norms"].append(torch.nn.utils.get_total_norm(list(net.parameters())).item())
        with torch.no_grad(), cast():
            out["val_losses"].append(F.mse_loss((averages or net)(xv), yv).item())
    out["end_scale"] = scaler.get_scale()
    out["last"] = {k: {"shape": list(t.shape), "values": t.flatten().tolist()} for k, t in (averages.module if averages else net).state_dict().items()}
    return out


print(json.dumps([
    case(8, 1, 0, "bfloat16"),
    case(10, 2, 0.5, "bfloat16", per_step=True),
    case(8, 1, 0, None, 1024.0),
    case(8, 2, 0.5, "float16", 2.0**20),  # the first steps overflow
    case(8, 1, 0, ema=0.9),
    case(8, 2, 0.5, "float16", 2.0**20, True, 0.8),
    case(8, 1, 0.5, muon=True),
]))
