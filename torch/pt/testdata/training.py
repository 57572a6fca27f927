# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""A training script whose checkpoints are continued elsewhere.

usage: training.py make           writes training_NAME.pt of every optimizer: the checkpoint
                                  after 3 steps, and the parameters after 3 more
       training.py continue FILE...  continues each FILE, a checkpoint of the optimizer that
                                  its key "name" says, for 3 steps, and prints a line of JSON:
                                  its parameters
PyTorch 2.15 and numpy 2. Run make in this folder.
"""

import io
import json
import sys
from collections import OrderedDict

import numpy as np
import torch

torch.set_num_threads(1)
OPTIMIZERS = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01, fused=True),
    "sgd_plain": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.8, dampening=0.1),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.01, weight_decay=0.01, fused=True),
    "adam_plain": lambda groups: torch.optim.Adam(groups, lr=0.01),
    "amsgrad": lambda groups: torch.optim.Adam(groups, lr=0.01, amsgrad=True, fused=True),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.01, fused=True),
}
X = (torch.arange(15.0).reshape(5, 3) - 7) / 8
Y = torch.arange(5.0).reshape(5, 1) / 4


def new(name):
    torch.manual_seed(3)
    net = torch.nn.Sequential(OrderedDict(fc1=torch.nn.Linear(3, 4), act=torch.nn.Tanh(), fc2=torch.nn.Linear(4, 1)))
    groups = [{"params": net.fc1.parameters()}, {"params": net.fc2.parameters(), "lr": 0.02, "weight_decay": 0.1}]
    optimizer = OPTIMIZERS[name](groups)
    return net, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)


def train(net, optimizer, schedule, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(net(X), Y)
        loss.backward()
        optimizer.step()
        schedule.step()
    return loss.item()


if sys.argv[1] == "make":
    for name in OPTIMIZERS:
        net, optimizer, schedule = new(name)
        loss = train(net, optimizer, schedule, 3)
        checkpoint = {
            "name": name, "epoch": np.int64(3), "loss": np.float32(loss), "losses": np.array([loss, loss]),
            "model": OrderedDict((k, v.clone()) for k, v in net.state_dict().items()),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(), "x": X, "y": Y,
        }  # fmt: skip
        file = io.BytesIO()
        torch.save(checkpoint, file)  # before training on changes the tensors
        file.seek(0)
        before = torch.load(file, weights_only=False)
        train(net, optimizer, schedule, 3)
        torch.save({"before": before, "after": net.state_dict()}, f"training_{name}.pt")
else:
    for path in sys.argv[2:]:
        checkpoint = torch.load(path, weights_only=True)
        net, optimizer, schedule = new(checkpoint["name"])
        net.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        for group in optimizer.param_groups:  # a file leaves the choice of the kernel to its reader
            group["fused"] = optimizer.defaults["fused"]
        schedule.load_state_dict(checkpoint["schedule"])
        train(net, optimizer, schedule, 3)
        print(json.dumps({k: v.double().flatten().tolist() for k, v in net.state_dict().items()}))
