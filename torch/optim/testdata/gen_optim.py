# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes optim.json: losses, parameters and state dicts of PyTorch's optimizers.

The losses are those of PyTorch's default implementation, which is not the fused
one; the state dicts are those of fused=True. ramp() is exact in any language.

Usage: python gen_optim.py > optim.json      (torch 2.15.0)
"""

import json

import torch
from torch import nn

torch.set_num_threads(1)
STEPS = 100


def ramp(shape, salt, dtype=torch.float32):
    """((i * 7919 + salt * 104729) % 1000) / 500 - 1 at element i."""
    n = 1
    for s in shape:
        n *= s
    i = torch.arange(n, dtype=torch.int64)
    k = (i * 7919 + salt * 104729) % 1000
    return (k.to(torch.float64) / 500 - 1).to(dtype).reshape(shape)


class Net(nn.Module):
    """fc3 takes no part in the output: its parameters have no gradient."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(5, 4)
        self.fc3 = nn.Linear(2, 2)
        self.fc2 = nn.Linear(4, 3)
        with torch.no_grad():
            for i, p in enumerate(self.parameters()):
                p.copy_(ramp(p.shape, i))

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


def plain(v):
    if isinstance(v, torch.Tensor):
        return {"shape": list(v.shape), "dtype": str(v.dtype).removeprefix("torch."), "values": v.flatten().tolist()}
    if isinstance(v, dict):
        return [[k, plain(x)] for k, x in v.items()]
    if isinstance(v, tuple):
        return {"tuple": [plain(x) for x in v]}
    if isinstance(v, list):
        return {"list": [plain(x) for x in v]}
    return v


def build(cls, groups, fused, kw):
    m = Net()
    if not groups:
        return m, cls(m.parameters(), fused=fused, **kw)
    # Weights, then biases with settings of their own.
    opt = cls([{"params": [p for p in m.parameters() if p.dim() == d]} for d in (2, 1)], fused=fused, **kw)
    opt.param_groups[1].update(lr=0.02, weight_decay=0.0)
    return m, opt


def step(m, opt, i):
    x, y = ramp([6, 5], 100 + i), ramp([6, 3], 500 + i)
    opt.zero_grad()
    loss = nn.functional.mse_loss(m(x), y)
    loss.backward()
    opt.step()
    return loss.item()


def case(name, cls, groups=False, **kw):
    m, opt = build(cls, groups, None, kw)
    losses = [step(m, opt, i) for i in range(STEPS)]
    fused, state = build(cls, groups, True, kw)
    for i in range(3):
        step(fused, state, i)
    return {
        "name": name,
        "losses": losses,
        "parameters": {k: p.flatten().tolist() for k, p in m.named_parameters()},
        "state_dict": plain(state.state_dict()),
    }


def clips():
    out = []
    for limit, order in [(0.5, 2.0), (100.0, 2.0), (0.1, 1.0), (0.3, float("inf")), (0.0, 2.0)]:
        m = Net()
        m(ramp([6, 5], 1)).square().sum().backward()
        total = torch.nn.utils.clip_grad_norm_(m.parameters(), limit, order)
        grads = {k: p.grad.flatten().tolist() for k, p in m.named_parameters() if p.grad is not None}
        out.append({"limit": limit, "order": str(order), "total": total.item(), "grads": grads})
    m = Net()
    m(ramp([6, 5], 1)).square().sum().backward()
    torch.nn.utils.clip_grad_value_(m.parameters(), 0.25)
    grads = {k: p.grad.flatten().tolist() for k, p in m.named_parameters() if p.grad is not None}
    return {"norm": out, "value": {"limit": 0.25, "grads": grads}}


SGD, Adam, AdamW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
print(
    json.dumps(
        {
            "torch": torch.__version__.split("+")[0],
            "cases": [
                case("sgd", SGD),
                case("sgd momentum", SGD, lr=0.05, momentum=0.9, weight_decay=0.01),
                case("sgd dampening", SGD, lr=0.05, momentum=0.8, dampening=0.3),
                case("sgd nesterov", SGD, lr=0.05, momentum=0.9, nesterov=True),
                case("sgd maximize", SGD, lr=0.001, maximize=True),
                case("sgd groups", SGD, groups=True, lr=0.05, momentum=0.9, weight_decay=0.01),
                case("adam", Adam),
                case("adam decay", Adam, lr=0.01, weight_decay=0.1),
                case("adam betas", Adam, lr=0.01, betas=(0.5, 0.9), eps=1e-4),
                case("adam amsgrad", Adam, lr=0.01, amsgrad=True),
                case("adam maximize", Adam, lr=0.001, maximize=True),
                case("adam groups", Adam, groups=True, lr=0.01, weight_decay=0.1),
                case("adamw", AdamW, lr=0.01),
                case("adamw decay", AdamW, lr=0.01, weight_decay=0.3, amsgrad=True),
            ],
            "clips": clips(),
        }
    )
)
