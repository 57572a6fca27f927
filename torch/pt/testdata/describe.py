# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Describes what a .pt file holds as JSON, element for element.

usage: describe.py FILE...   loads each with weights_only=True, once plain, once with
                             mmap=True, checks that both agree, prints a line
"""

import collections
import json
import sys

import torch


def elements(t):
    t = t.detach().resolve_conj().resolve_neg().contiguous()
    return bytes(t.flatten().view(torch.uint8).tolist()).hex() if t.numel() else ""


class Describer:
    def __init__(self):
        self.storages = {}
        self.objects = {}  # tensors and dicts, to see which are the same object

    def same(self, v):
        return self.objects.setdefault(id(v), len(self.objects))

    def describe(self, v):
        if isinstance(v, torch.Tensor):
            s = v.untyped_storage()
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
            return {
                "dict": self.same(v),
                "ordered": isinstance(v, collections.OrderedDict),
                "items": [[self.describe(k), self.describe(x)] for k, x in v.items()],
            }
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


if __name__ == "__main__":
    for path in sys.argv[1:]:
        plain, mapped = (
            json.dumps(Describer().describe(torch.load(path, weights_only=True, mmap=mmap)))
            for mmap in (False, True)
        )
        if plain != mapped:
            sys.exit(path + ": mmap=True reads something else")
        print(plain)
