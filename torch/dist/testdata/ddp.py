# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Trains a network of dist_test.go with PyTorch's DistributedDataParallel, as one rank.

The variables are torchrun's; the argument names the network. Prints its losses and weights.
"""

import datetime
import json
import os
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.nn.functional import all_reduce

STEPS, BATCH = 12, 30


def ramp(salt, *shape):
    n = 1
    for s in shape:
        n *= s
    return torch.tensor([((i * 7919 + salt * 104729) % 1000) / 500 - 1 for i in range(n)]).reshape(shape)


class SyncBatchNorm(nn.BatchNorm1d):
    """torch.nn.SyncBatchNorm, which refuses the CPU, in functions that know their gradients."""

    def forward(self, x):
        count = all_reduce(torch.tensor(float(len(x))))
        mean = all_reduce(x.sum(0)) / count
        var = all_reduce(((x - mean) ** 2).sum(0)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * count / (count - 1), self.momentum)
        return (x - mean) / (var + self.eps).sqrt() * self.weight + self.bias


def network(kind):
    if kind == "mlp":
        return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4))
    # A bias before a batch norm has no gradient but rounding errors, which Adam would enlarge.
    norm = SyncBatchNorm if kind == "sync" else nn.BatchNorm1d
    return nn.Sequential(nn.Linear(8, 16, bias=False), norm(16), nn.Tanh(), nn.Linear(16, 4))


torch.set_num_threads(1)
dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=60))
rank, size = dist.get_rank(), dist.get_world_size()
net = network(sys.argv[1])
with torch.no_grad():
    for salt, p in enumerate(net.parameters()):
        p.copy_(ramp(salt + rank, *p.shape) / 2)  # DDP has to take rank 0's
ddp = nn.parallel.DistributedDataParallel(net)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
losses = []
for step in range(STEPS):
    x, y = ramp(100 + step, BATCH, 8), ramp(200 + step, BATCH, 4)
    parts = [i * BATCH // size for i in range(size + 1)]
    if sys.argv[1] == "sync" and size > 1:
        parts[1] -= 4  # unequal
    rows = slice(parts[rank], parts[rank + 1])
    x, y = x[rows], y[rows]
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(ddp(x), y) * (len(x) * size / BATCH)
    loss.backward()
    optimizer.step()
    total = loss.detach() / size
    dist.all_reduce(total)
    losses.append(total.item())
state = [v for t in net.state_dict().values() for v in t.double().flatten().tolist()]
print(json.dumps({"losses": losses, "state": state}), flush=True)
os._exit(0)  # Python's own exit aborts now and then: "terminate called without an active exception"
