# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes cases of torch.optim.swa_utils for the tests of package swa: averages.pt.

A network with a batch norm is changed at random four times; a case holds the averaged state
after two times and after all. Another case passes batches through update_bn.

    python gen_averages.py [--seed 1] [FILE.pt]

It ran with PyTorch 2.15.0.
"""

import argparse
import pathlib

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("file", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).with_name("averages.pt"))
options = parser.parse_args()
torch.manual_seed(options.seed)
UPDATES = 4


def network(dtype):
    return nn.Sequential(nn.Linear(3, 4, dtype=dtype), nn.BatchNorm1d(4, dtype=dtype), nn.Linear(4, 2, dtype=dtype))


def saved(m):
    return {k: v.detach().clone() for k, v in m.state_dict().items()}


def drawn(dtype, n):
    draw = lambda v: torch.randint(n, 9 * n, v.shape) if v.dtype == torch.int64 else torch.randn(v.shape, dtype=dtype)
    return {k: draw(v) for k, v in network(dtype).state_dict().items()}


states = {dtype: [drawn(dtype, n) for n in range(1, UPDATES + 1)] for dtype in (torch.float32, torch.float64)}
cases = []
for dtype in states:
    for decay in (None, 0.9, 0.0) if dtype == torch.float32 else (None, 0.9):
        for use_buffers in (False, True):
            model = network(dtype)
            averaged = AveragedModel(model, multi_avg_fn=None if decay is None else get_ema_multi_avg_fn(decay), use_buffers=use_buffers)
            case = dict(dtype=str(dtype).removeprefix("torch."), decay=decay, use_buffers=use_buffers, states=states[dtype], averages={})
            for n, state in enumerate(states[dtype], start=1):
                model.load_state_dict(state)
                averaged.update_parameters(model)
                if n == UPDATES or n == 2 and dtype == torch.float32:
                    case["averages"][n] = saved(averaged)
            cases.append(case)

model = network(torch.float32)
averaged = AveragedModel(model)
averaged.update_parameters(model)
averaged.eval()
data = [torch.randn(n, 3) * 2 + 1 for n in (8, 5, 16)]
batch_norm = dict(before=saved(averaged), data=data)
update_bn(data, averaged)
batch_norm.update(after=saved(averaged), output=averaged(data[0]).detach())
torch.save(dict(torch=torch.__version__.split("+")[0], cases=cases, batch_norm=batch_norm), options.file)
print(f"{options.file}: {len(cases)} cases, {options.file.stat().st_size / 1e3:.0f} kB")
