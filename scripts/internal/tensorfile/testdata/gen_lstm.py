# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes lstm.pt, the state dict of a network with LSTMs, and the same network as
PyTorch's two exporters write it: lstm_torchscript.onnx and lstm_dynamo.onnx.

The dynamo exporter needs the package onnxscript. Written with torch 2.15.0 and
onnxscript 0.7.2.

usage: gen_lstm.py FOLDER
"""

import pathlib
import sys

import onnx
import torch
from torch import nn

folder = pathlib.Path(sys.argv[1])


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = nn.ModuleList([nn.LSTM(3, 2, num_layers=2, bidirectional=True, batch_first=True), nn.LSTM(4, 3, bias=False)])

    def forward(self, x):
        for cell in self.cells:
            x, _ = cell(x)
        return x


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.inner, self.last = nn.Linear(2, 3), Inner(), nn.Linear(3, 2)

    def forward(self, x):
        return self.last(self.inner(self.first(x))[:, -1])


torch.manual_seed(3)
network = Network().eval()
torch.save(network.state_dict(), folder / "lstm.pt")
x = torch.randn(2, 4, 2)
for name, dynamo in {"lstm_torchscript.onnx": False, "lstm_dynamo.onnx": True}.items():
    path = folder / name
    torch.onnx.export(network, (x,), path, dynamo=dynamo, input_names=["x"], output_names=["y"], **({"external_data": False} if dynamo else {}))
    model = onnx.load(path)
    for node in model.graph.node:  # it names files of the machine that wrote it
        kept = [p for p in node.metadata_props if p.key != "pkg.torch.onnx.stack_trace"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
        node.doc_string = ""
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    onnx.save(model, path)
