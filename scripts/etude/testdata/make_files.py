# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes files of tensors into a folder, and what `etude inspect` should say."""

import collections
import hashlib
import json
import sys

import onnx
import onnx.numpy_helper
import safetensors.torch
import torch

folder = sys.argv[1]
generator = torch.Generator().manual_seed(7)


def random(*shape):
    return torch.randn(*shape, generator=generator)


def described(name, t):
    t = t.detach().contiguous()
    raw = t.reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b""
    return {
        "name": name,
        "dtype": str(t.dtype).removeprefix("torch."),
        "shape": list(t.shape),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }


weight = random(3, 4)
tensors = {
    "layer.weight": weight,
    "layer.tied": weight,
    "transposed": random(5, 2).t(),
    "strided": random(10, 6)[1::3, ::2],
    "scalar": torch.tensor(2.5, dtype=torch.float64),
    "empty": torch.empty(0, 3),
    "half": random(7).half(),
    "brain": random(7).bfloat16(),
    "eighth": random(8).to(torch.float8_e4m3fn),
    "steps": torch.arange(6).reshape(2, 3),
    "mask": torch.tensor([True, False, True]),
    "wave": torch.complex(random(3), random(3)),
    'a "name" <ü>': random(2),
}
expected = {}

state = collections.OrderedDict(tensors)
checkpoint = {
    "epoch": 3,
    "model_state_dict": state,
    "optimizer": {"state": {0: {"step": torch.tensor(5.0), "exp_avg": random(3, 4)}}, "groups": [{"lr": 0.5, "params": [0]}]},
    "note": "fine",
    "none": None,
    "size": torch.Size([2, 3]),
    "mixed": [1, random(2), {"deep": True}],
}
listed = [described(f"model_state_dict.{k}", v) for k, v in tensors.items()]
listed += [
    described("optimizer.state.0.step", checkpoint["optimizer"]["state"][0]["step"]),
    described("optimizer.state.0.exp_avg", checkpoint["optimizer"]["state"][0]["exp_avg"]),
    described("mixed.1", checkpoint["mixed"][1]),
]
values = {
    "epoch": 3,
    "optimizer.groups.0.lr": 0.5,
    "optimizer.groups.0.params": [0],
    "note": "fine",
    "none": None,
    "size": [2, 3],
    "mixed.0": 1,
    "mixed.2.deep": True,
}
torch.save(checkpoint, f"{folder}/zip")  # names without extensions: the content counts
expected["zip"] = {"format": "pt", "tensors": listed, "values": values}
torch.save(checkpoint, f"{folder}/legacy.onnx", _use_new_zipfile_serialization=False)
expected["legacy.onnx"] = {"format": "pt", "tensors": listed, "values": values}

plain = {k: v.contiguous() for k, v in tensors.items() if k != "layer.tied"}
safetensors.torch.save_file(plain, f"{folder}/safe.pt", metadata={"made": "here"})
with safetensors.safe_open(f"{folder}/safe.pt", "pt") as f:
    order = list(f.offset_keys())
expected["safe.pt"] = {
    "format": "safetensors",
    "tensors": [described(k, plain[k]) for k in order],
    "values": {},
    "metadata": {"made": "here"},
}

w, b = random(4, 3), random(4)
graph = onnx.helper.make_graph(
    [onnx.helper.make_node("Gemm", ["x", "layer.weight", "layer.bias"], ["y"], transB=1)],
    "g",
    [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3])],
    [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 4])],
    [onnx.numpy_helper.from_array(w.numpy(), "layer.weight"), onnx.numpy_helper.from_array(b.numpy(), "layer.bias")],
)
model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8, producer_name="test")
onnx.helper.set_model_props(model, {"made": "here"})
onnx.save(model, f"{folder}/model.safetensors")
expected["model.safetensors"] = {
    "format": "onnx",
    "tensors": [described("layer.weight", w), described("layer.bias", b)],
    "values": {
        "ir_version": 8,
        "opset": 17,
        "producer": "test",
        "inputs": ["x float32 [n 3]"],
        "outputs": ["y float32 [n 4]"],
        "operators": ["Gemm × 1"],
    },
    "metadata": {"made": "here"},
}

# For `etude diff`: the same weights elsewhere, and others.
torch.save({"layer.weight": w, "layer.bias": b}, f"{folder}/same.pt")
safetensors.torch.save_file({"layer.weight": w, "layer.bias": b}, f"{folder}/same.safetensors")
other = w.clone()
other[2, 1] += 0.25
other[0, 0] += 0.125
other[3, 2] = float("nan")
torch.save({"layer.weight": other, "layer.bias": b.double(), "more": b, "lr": 0.1}, f"{folder}/other.pt")
torch.save({"layer.weight": w, "layer.bias": b[:3].clone(), "lr": 0.2, "why": "x"}, f"{folder}/another.pt")
torch.save({"epoch": 1, "model_state_dict": {"layer.weight": w, "layer.bias": b}}, f"{folder}/checkpoint.pt")
difference = torch.abs(other - w).nan_to_num(0)
expected["difference"] = float(difference.max())

with open(f"{folder}/expected.json", "w") as f:
    json.dump(expected, f)
