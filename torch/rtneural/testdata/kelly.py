# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Prints what PyTorch computes for a frame, with the layers of a file in the dialect kelly:
python kelly.py FILE FRAME, where FRAME is a JSON list. Fails where a field that
verify_rtneural of the plugin's pipeline asks for is missing."""
import json
import sys

import torch

file = json.load(open(sys.argv[1]))
x = torch.tensor([json.loads(sys.argv[2])])
assert file["model_type"] == "sequential" and file["input_size"] == x.shape[1]
count, size = 0, file["input_size"]
for layer in file["layers"]:
    assert layer["in_size"] == size
    size = layer["out_size"]
    if layer["type"] == "dense":
        module = torch.nn.Linear(layer["in_size"], size, bias=bool(layer["bias"]))
        state = {"weight": layer["weights"]} | ({"bias": layer["bias"]} if layer["bias"] else {})
    elif layer["type"] == "lstm":
        module = torch.nn.LSTM(layer["in_size"], size, batch_first=True)
        assert {len(layer[k]) for k in ("weights_ih", "weights_hh", "bias_ih", "bias_hh")} == {4}
        state = {"weight_ih_l0": sum(layer["weights_ih"], []), "weight_hh_l0": sum(layer["weights_hh"], []),
                 "bias_ih_l0": sum(layer["bias_ih"], []), "bias_hh_l0": sum(layer["bias_hh"], [])}
    else:
        x = getattr(torch, layer["type"])(x)
        continue
    module.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    count += sum(p.numel() for p in module.parameters())
    with torch.no_grad():
        x = module(x) if layer["type"] == "dense" else module(x.unsqueeze(1))[0].squeeze(1)
    name = layer.get("activation", "linear")
    x = {"linear": lambda x: x, "softmax": lambda x: x.softmax(-1)}.get(name, getattr(torch, name, None))(x)
assert file["output_size"] == size == x.shape[1]
metadata = file["metadata"]
assert metadata["parameter_count"] == count and metadata["memory_bytes"] == 4 * count
assert metadata["input_size"] == file["input_size"] and metadata["output_size"] == size
json.dump(x[0].tolist(), sys.stdout)
