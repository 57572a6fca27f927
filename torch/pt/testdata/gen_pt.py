# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes the golden files: NAME.pt with torch.save, and NAME.json, what it holds.

PyTorch 2.15. Run in this folder.
"""

import json
from collections import OrderedDict

import torch

from describe import Describer

torch.manual_seed(0)

DTYPES = [
    "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
    "bool", "uint16", "uint32", "uint64", "complex32", "complex64", "complex128",
    "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
]  # fmt: skip


def of(dtype, *shape):
    """A tensor with bytes of all kinds."""
    n = torch.Size(shape).numel()
    size = torch.empty(0, dtype=dtype).element_size()
    raw = (torch.arange(n * size) * 37 + 1).to(torch.uint8)
    if dtype == torch.bool:
        raw %= 2
    return raw.view(dtype).reshape(shape)


def save(name, value):
    torch.save(value, name + ".pt")
    with open(name + ".json", "w") as f:
        json.dump(Describer().describe(value), f)
        f.write("\n")


# dtypes: every element type, with dimensions and without, and empty
save("dtypes", {d: [of(getattr(torch, d), 2, 3), of(getattr(torch, d)), of(getattr(torch, d), 0, 2)] for d in DTYPES})

# views: shared storages, strides, offsets, one tensor at two places
base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
inner = {"x": base}
half = of(torch.uint16, 8)
save(
    "views",
    {
        "base": base,
        "again": base,
        "t": base.t(),
        "row": base[2],
        "column": base[:, 3],
        "block": base[1:3, 2:5],
        "element": base[3, 5],
        "empty": base[:, 6:],
        "expanded": torch.tensor([1.5]).expand(2, 3),
        "channels_last": of(torch.float32, 1, 2, 3, 4).to(memory_format=torch.channels_last),
        "untyped": half,
        "untyped_view": half[2:7:2],
        "grad": torch.ones(2, requires_grad=True),
        "dict": inner,
        "same dict": inner,
    },
)

# lazy: conjugates and negatives that are only marked as such
z = torch.tensor([1 + 2j, 3 - 4j])
save("lazy", {"conj": z.conj(), "neg": torch._neg_view(torch.tensor([1.0, -2.0])), "both": z})

# plain: everything but tensors
save(
    "plain",
    {
        "ints": [0, 1, 255, 256, 65535, 65536, -1, -128, -129, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1,
                 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 2**64 - 1, 2**100, -(2**127), -(2**71)],
        "floats": [0.0, -0.0, 0.1, 1e300, 5e-324, float("inf"), float("-inf"), float("nan")],
        "bools": (True, False, None),
        "texts": ["", "a", "ünïcödé", "日本", "𝄞", "line\nbreak\x00nul"],
        "bytes": [b"", b"\x00\xff", bytes(range(256))],
        "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "lists": [[], [1], [[]], list(range(2500))],
        "dicts": [{}, {"one": 1}, OrderedDict(), OrderedDict(one=1), {i: i * i for i in range(1001)}],
        "keys": {"s": 0, 1: 1, -5: 2, 2.5: 3, 2**40: 4, "": 5},
        "size": torch.Size([1, 2]),
        "kinds": [torch.float32, torch.bfloat16, torch.uint16, torch.device("cpu"), torch.device("cuda", 1), torch.strided],
    },
)  # fmt: skip

# module: a state_dict, which has attributes, and a bare list of Parameters
net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2), torch.nn.LSTM(2, 2))
save("module", {"state": net.state_dict(), "parameters": list(net.parameters())[:2]})

# checkpoint: as trainers write it, after two steps of Adam
net = torch.nn.Sequential(OrderedDict(fc1=torch.nn.Linear(3, 4), fc2=torch.nn.Linear(4, 1)))
adam = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-4)
for _ in range(2):
    adam.zero_grad()
    net(torch.randn(5, 3)).square().mean().backward()
    adam.step()
state = OrderedDict(net.state_dict())  # without the attributes, so that we can write the same bytes
checkpoint = {
    "epoch": 3,
    "model_state_dict": state,
    "optimizer_state_dict": adam.state_dict(),
    "loss": 0.25,
    "metrics": {"val_loss": [0.5, 0.25], "best": True, "note": None},
}
save("checkpoint", checkpoint)

# a class, which is refused by name
torch.save(net, "class.pt")
# without checksums
torch.serialization.set_crc32_options(False)
torch.save({"a": torch.ones(2)}, "nocrc.pt")
