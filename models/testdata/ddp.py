# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Trains networks with PyTorch's DistributedDataParallel, each rank on every SIZE-th sample of a batch.

Usage: python ddp.py CASES.pt OUT.pt SIZE       groups_test.go says what is in CASES.pt; rank 0 writes OUT.pt

Buckets of gradients are made once, as trainer has them: with those that are made again after the
first step, Gloo adds up three ranks or more in another order.
"""

import os
import sys

import torch
import torch.distributed as dist
from gen_networks import NETWORKS
from torch import nn

path, out, size = *sys.argv[1:3], int(sys.argv[3])
torch.set_flush_denormal(True)


def fit(c, rank):
    cls, _, _, loss, lr = NETWORKS[c["network"]]
    net = cls().to(c["x"].dtype)
    net.load_state_dict(c["state"])
    ddp = nn.parallel.DistributedDataParallel(net, find_unused_parameters=True)
    adam = torch.optim.Adam(net.parameters(), lr=lr, weight_decay=c["weight_decay"], fused=True)
    losses = []
    for order in c["order"]:
        total = torch.zeros((), dtype=torch.float64)
        for batch in order.split(c["batch_size"]):
            n = len(batch[rank::size])
            part = batch[min(rank, len(batch) - 1) :: size]  # where there is none, one that does not count
            adam.zero_grad()
            value = loss(ddp(c["x"][part]), c["y"][part])
            total += value.item() * n
            (value * (n * size / len(batch))).backward()
            adam.step()
        dist.all_reduce(total)
        with torch.no_grad():
            losses += [total.item() / len(order), loss(net(c["xv"]), c["yv"]).item()]
    return {"losses": torch.tensor(losses, dtype=torch.float64), "state": net.state_dict()}


def work(rank):
    dist.init_process_group("gloo", init_method=f"file://{out}.store", rank=rank, world_size=size)
    results = {name: fit(c, rank) for name, c in torch.load(path).items()}
    if rank == 0:
        torch.save(results, out)
    os._exit(0)  # Python's own exit aborts now and then: "terminate called without an active exception"


for rank in range(1, size):  # forks, because it takes long to import torch
    if os.fork() == 0:
        work(rank)
work(0)
