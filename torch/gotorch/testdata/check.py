# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Loads MODEL, the state dict of GoTorch's MLP, strictly into a module of PyTorch's that has the
same names, and prints the largest differences of its outputs, and of ONNX Runtime's for the file
ONNX, from those in CASE, a dict with x and y, as JSON.

usage: check.py MODEL ONNX CASE
"""
import json
import sys

import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn.functional import linear


class Linear(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.Weight, self.Bias = nn.Parameter(torch.empty(o, i)), nn.Parameter(torch.empty(o))

    def forward(self, x):
        return linear(x, self.Weight, self.Bias)


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.FC1, self.FC2, self.FC3 = Linear(28 * 28, 512), Linear(512, 512), Linear(512, 10)

    def forward(self, x):
        return self.FC3(self.FC2(self.FC1(x.view(-1, 28 * 28)).tanh()).tanh()).log_softmax(1)


net = nn.ModuleDict({"MLPModule": MLP()})
net.load_state_dict(torch.load(sys.argv[1], weights_only=True), strict=True)
case = torch.load(sys.argv[3], weights_only=True)
onnx.checker.check_model(sys.argv[2], full_check=True)
session = onnxruntime.InferenceSession(sys.argv[2], providers=["CPUExecutionProvider"])
(y,) = session.run(None, {"pixels": case["x"].numpy()})
with torch.no_grad():
    json.dump({
        "pytorch": (net["MLPModule"](case["x"]) - case["y"]).abs().max().item(),
        "onnxruntime": (torch.from_numpy(y) - case["y"]).abs().max().item(),
    }, sys.stdout)
