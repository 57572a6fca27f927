# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Describes what a safetensors file holds as JSON, element for element.

usage: describe.py FILE
"""

import json
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file


def describe(path):
    tensors = {
        name: {
            "dtype": str(t.dtype).removeprefix("torch."),
            "shape": list(t.shape),
            "elements": bytes(t.contiguous().flatten().view(torch.uint8).tolist()).hex() if t.numel() else "",
        }
        for name, t in load_file(path).items()
    }
    with safe_open(path, framework="pt") as f:
        return json.dumps({"tensors": tensors, "metadata": f.metadata() or {}})


if __name__ == "__main__":
    print(describe(sys.argv[1]))
