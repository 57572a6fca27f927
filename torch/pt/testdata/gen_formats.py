# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes golden files of every protocol and format, and of what is refused.

PyTorch 2.15 and numpy 2. Run in this folder, after gen_pt.py. NAME.json is what
NAME.pt holds; that of the files everythingN.pt and legacyN.pt is everything.json.
"""

import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import torch

from describe import Describer

torch.manual_seed(0)


def describe(value):
    return json.dumps(Describer().describe(value))


def write_json(name, text):
    with open(name + ".json", "w") as f:
        f.write(text + "\n")


def everything():
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    attributes = torch.ones(2)
    attributes.note = "left out"
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.note = "left out"
    by_default = defaultdict(list)
    by_default["a"].append(1)
    net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    return {
        "numbers": [0, -1, 2**31, -(2**40), 2**63, 0.1, True, None, 1 + 2j],
        "texts": ["", "short", "ünïcödé", "long" * 100],
        "bytes": [b"", b"\x00\xff", bytes(range(256)) * 2],
        "bytearrays": [bytearray(), bytearray(b"\x01\x80")],
        "sets": [set(), {1, 2, 3}, {"a", (1, 2), None}, frozenset(), frozenset([frozenset([1]), 2.5])],
        "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "size": torch.Size([2, 3]),
        "dicts": [{}, {1: "a", "b": 2, 2.5: 3}, OrderedDict(a=1), Counter([3, 3, 4]), by_default],
        "kinds": [torch.float32, torch.bfloat16, torch.device("cuda", 1), torch.strided],
        "state": net.state_dict(),
        "base": base,
        "view": base.t()[1:, :2],
        "again": base,
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(7),
        "uint16": torch.tensor([1, 65535], dtype=torch.uint16),
        "float8": torch.tensor([0.5, -1.5]).to(torch.float8_e4m3fn),
        "attributes": [attributes, parameter],
        "numpy numbers": [
            np.float32(1.5), np.float64(0.1), np.float16(-0.333), np.float16(6e-8), np.int64(-5), np.int8(-5), np.uint8(200),
            np.uint64(2**64 - 1), np.bool_(True), np.complex64(1 - 2j), np.complex128(3j), np.str_("é𝄞"),
        ],
        "numpy arrays": [
            array, array, np.asfortranarray(array), array[:, ::2], np.ones((2, 2), ">f8") * 3, np.array(2.5),
            np.zeros((0, 3), np.float32), np.array([True, False]), np.array([1 + 2j]), np.arange(3, dtype=np.uint32),
        ],
    }  # fmt: skip


value = everything()
write_json("everything", describe(value))
for protocol in (2, 3, 4, 5):
    torch.save(value, f"everything{protocol}.pt", pickle_protocol=protocol)
    torch.save(value, f"legacy{protocol}.pt", pickle_protocol=protocol, _use_new_zipfile_serialization=False)

# What is written byte for byte as PyTorch does. No two equal texts or tuples: they
# are one object here, and may be two in Python.
named = torch.nn.Sequential(OrderedDict(fc=torch.nn.Linear(2, 1), norm=torch.nn.BatchNorm1d(1)))
containers = {k: value[k] for k in ("numbers", "bytearrays", "sets", "size", "view")} | {"state": named.state_dict()}
torch.save(containers, "containers.pt")
write_json("containers", describe(containers))

# The legacy format with every element type, and with shared storages
for name in ("dtypes", "views"):
    torch.save(torch.load(name + ".pt"), "legacy_" + name + ".pt", _use_new_zipfile_serialization=False)


# Storages that are parts of others, as files before PyTorch 0.4 have them
class ViewPickler(pickle.Pickler):
    def persistent_id(self, v):
        return v[1] if isinstance(v, tuple) and len(v) == 2 and v[0] == "pid" else None


class Rebuilt:
    def __init__(self, *args):
        self.args = args

    def __reduce__(self):
        return torch._utils._rebuild_tensor, self.args


with open("legacy_parts.pt", "wb") as f:
    for v in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}):
        pickle.dump(v, f, protocol=2)
    whole = ("pid", ("storage", torch.FloatStorage, "10", "cpu", 6, None))
    part = ("pid", ("storage", torch.FloatStorage, "10", "cpu", 6, ("11", 2, 3)))
    ViewPickler(f, protocol=2).dump([Rebuilt(whole, 0, (2, 3), (3, 1)), Rebuilt(part, 1, (2,), (1,))])
    pickle.dump(["10"], f, protocol=2)
    f.write(struct.pack("<q6f", 6, *range(6)))
tensors = torch.load("legacy_parts.pt")
assert tensors[1].tolist() == [3, 4]
write_json("legacy_parts", json.dumps([t.tolist() for t in tensors]))

# The tar format, before PyTorch 0.2: refused
with tarfile.open("tar.pt", "w") as tar:
    info = tarfile.TarInfo("sys_info")
    info.size = 3
    tar.addfile(info, io.BytesIO(b"abc"))

# Big-endian, as on s390x: every number of the storages turned round
source = {
    "f4": torch.arange(6, dtype=torch.float32).reshape(2, 3).t(), "f8": torch.tensor(0.1, dtype=torch.float64),
    "bf16": torch.tensor([1.5, -2]).bfloat16(), "i8": torch.tensor([-2]), "i2": torch.tensor([258], dtype=torch.int16),
    "u1": torch.tensor([1, 2, 3], dtype=torch.uint8), "b": torch.tensor([True, False]), "c8": torch.tensor([1 + 2j, -3j]),
}  # fmt: skip
torch.save(source, "big.pt")
with zipfile.ZipFile("big.pt") as z:
    records = [(i.filename, z.read(i)) for i in z.infolist()]
with zipfile.ZipFile("big.pt", "w") as z:
    for name, content in records:
        if name.endswith("byteorder"):
            content = b"big"
        if "/data/" in name:
            t = list(source.values())[int(name.rsplit("/", 1)[1])]
            unit = t.element_size() // (2 if t.is_complex() else 1)
            content = b"".join(content[i : i + unit][::-1] for i in range(0, len(content), unit))
        z.writestr(zipfile.ZipInfo(name), content)
write_json("big", describe(torch.load("big.pt")))
assert describe(torch.load("big.pt")) == describe(source)

# What is refused by name
refused = {
    "sparse": torch.eye(2).to_sparse(),
    "sparse_csr": torch.eye(2).to_sparse_csr(),
    "quantised": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
    "nested": torch.nested.nested_tensor([torch.ones(1), torch.ones(2)]),
    "meta": torch.ones(2, device="meta"),
    "objects": np.array([None, "a"], dtype=object),
    "structured": np.zeros(1, dtype=[("a", "f4")]),
    "dates": np.array(["2026-01-01"], dtype="M8[D]"),
    "namespace": __import__("argparse").Namespace(lr=0.1),
    "path": __import__("pathlib").PurePosixPath("/tmp"),
    "storage": torch.ones(2).untyped_storage(),
    "qint8": torch.qint8,
    "range": range(3),
    "function": torch.nn.functional.relu,
}
for name, v in refused.items():
    torch.save({"x": v}, "refused_" + name + ".pt")
