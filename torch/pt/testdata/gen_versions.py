# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes version_VERSION.pt and its .json with whatever PyTorch runs it, and
version_VERSION_legacy.pt, which holds the same.

Made with 1.13.1, 2.1.2, 2.11.0 and 2.15.0 (numpy 1.26 for the first two). Run in
this folder.
"""

import io
import json
from collections import OrderedDict

import numpy as np
import torch

from describe import Describer

torch.manual_seed(0)
version = torch.__version__.split("+")[0]

names = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64", "complex128"]
names += [n for n in ("uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2") if hasattr(torch, n)]
dtypes = {}
for i, name in enumerate(names):
    dtype = getattr(torch, name)
    size = torch.empty(0, dtype=dtype).element_size()
    raw = ((torch.arange(6 * size) * 37 + i) % (2 if dtype == torch.bool else 120)).to(torch.uint8)
    try:
        t = raw.view(dtype).reshape(2, 3)
        torch.save(t, io.BytesIO())
        dtypes[name] = t
    except (RuntimeError, KeyError):
        pass  # 2.1 has float8, but cannot save it

net = torch.nn.Sequential(OrderedDict(fc=torch.nn.Linear(3, 2), norm=torch.nn.BatchNorm1d(2), lstm=torch.nn.LSTM(2, 2)))
adam = torch.optim.Adam(net.fc.parameters(), lr=np.float64(1e-3), amsgrad=True)
schedule = torch.optim.lr_scheduler.MultiStepLR(adam, milestones=[1, 1, 3])
for _ in range(2):
    adam.zero_grad()
    net.fc(torch.ones(4, 3)).square().mean().backward()
    adam.step()
    schedule.step()
base = torch.arange(12.0).reshape(3, 4)
value = {
    "dtypes": dtypes,
    "state": net.state_dict(),
    "optimizer": adam.state_dict(),
    "schedule": schedule.state_dict(),
    "base": base, "view": base.t()[1:, :2], "parameter": net.fc.weight, "empty": torch.empty(0, 2), "scalar": torch.tensor(3),
    "numpy": [np.float32(1.5), np.arange(4.0).reshape(2, 2), np.int64(7)],
    "rng": {"torch": torch.get_rng_state()[:100].clone(), "numpy": np.random.RandomState(0).get_state()[1][:50].astype(np.int64)},
    "plain": [1, 2**70, "ünïcödé", b"\x00\xff", (1,), {1, 2}, torch.Size([1, 2]), None, True, 0.1, torch.float32, torch.device("cpu")],
}  # fmt: skip
torch.save(value, f"version_{version}.pt")
torch.save(value, f"version_{version}_legacy.pt", _use_new_zipfile_serialization=False)
with open(f"version_{version}.json", "w") as f:
    json.dump(Describer().describe(value), f)
    f.write("\n")
