# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Describes what a .pt file holds as JSON, element for element.

usage: describe.py FILE...        loads each with weights_only=True, once plain, once with
                                  mmap=True, checks that both agree, prints a line
       describe.py --any FILE...  loads each with weights_only=False
"""

import collections
import json
import sys

import numpy
import torch


def elements(t):
    t = t.detach().resolve_conj().resolve_neg().contiguous()
    return bytes(t.flatten().view(torch.uint8).tolist()).hex() if t.numel() else ""


def compact(v):
    return json.dumps(v, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


class Describer:
    def __init__(self):
        self.storages = {}
        self.arrays = {}
        self.objects = {}  # tensors and dicts, to see which are the same object

    def same(self, v):
        return self.objects.setdefault(id(v), len(self.objects))

    def array(self, v):
        """The same tensor for the same array."""
        if id(v) not in self.arrays:
            native = v.astype(v.dtype.newbyteorder("="), order="K", copy=True)
            t = torch.from_numpy(native)
            if not t.numel():
                t = torch.empty(t.shape, dtype=t.dtype)  # numpy's strides are all 0
            self.arrays[id(v)] = (v, t)  # v too, so that its id stays its own
        return self.arrays[id(v)][1]

    def describe(self, v):
        if isinstance(v, torch.Tensor):
            s = v.untyped_storage() if hasattr(v, "untyped_storage") else v.storage().untyped()
            return {
                "tensor": self.same(v),
                "dtype": str(v.dtype).removeprefix("torch."),
                "shape": list(v.shape),
                "stride": list(v.stride()),
                "offset": v.storage_offset(),
                "storage": self.storages.setdefault(s._cdata, len(self.storages)),
                "bytes": s.nbytes(),
                "requires_grad": v.requires_grad,
                "elements": elements(v),
            }
        if isinstance(v, dict):
            d = {
                "dict": self.same(v),
                "ordered": isinstance(v, collections.OrderedDict),
                "items": [[self.describe(k), self.describe(x)] for k, x in v.items()],
            }
            if getattr(v, "__dict__", None):
                d["attributes"] = self.describe(v.__dict__)
            return d
        if isinstance(v, torch.Size):
            return {"size": list(v)}
        if isinstance(v, (set, frozenset)):
            return {type(v).__name__: sorted(compact(self.describe(x)) for x in v)}
        if isinstance(v, bytearray):
            return {"bytearray": v.hex()}
        if isinstance(v, complex):
            return {"complex": [self.describe(v.real), self.describe(v.imag)]}
        if isinstance(v, (numpy.generic, numpy.ndarray)):  # what they are read as
            if isinstance(v, numpy.generic):
                return self.describe(v.item())
            return self.describe(self.array(v))
        if isinstance(v, list):
            return {"list": [self.describe(x) for x in v]}
        if isinstance(v, tuple):
            return {"tuple": [self.describe(x) for x in v]}
        if v is None or isinstance(v, (bool, str)):
            return v
        if isinstance(v, int):
            return {"int": str(v)}
        if isinstance(v, float):
            return {"float": torch.tensor(v, dtype=torch.float64).view(torch.int64).item().__str__()}
        if isinstance(v, bytes):
            return {"bytes": v.hex()}
        if isinstance(v, (torch.dtype, torch.device, torch.layout)):
            return {type(v).__name__: str(v).removeprefix("torch.")}
        raise TypeError(type(v))


def load(path, **options):
    return json.dumps(Describer().describe(torch.load(path, **options)))


if __name__ == "__main__":
    if sys.argv[1] == "--any":
        for path in sys.argv[2:]:
            print(load(path, weights_only=False))
        sys.exit()
    for path in sys.argv[1:]:
        plain = load(path, weights_only=True)
        if plain != load(path, weights_only=True, mmap=True):
            sys.exit(path + ": mmap=True reads something else")
        print(plain)
