# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes nn.json: initial values, outputs, gradients and names by PyTorch.

Inputs come from ramp(), a formula that is exact in any language. Large tensors are
written as a print: their sum and their dot product with a ramp, which changes when
elements are exchanged.

Initial values come as a hash and as a print. Their last bits depend on the processor,
because PyTorch's vector kernels do. So a test compares hashes with those that this
script prints on the same machine, and the committed prints within a tolerance.

Usage: python gen_nn.py > nn.json             (torch 2.15.0)
       python gen_nn.py inits > inits.json
"""

import hashlib
import json
import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from torch.nn.utils.parametrize import remove_parametrizations

torch.set_num_threads(1)


def ramp(shape, salt, dtype=torch.float32):
    """((i * 7919 + salt * 104729) % 1000) / 500 - 1 at element i."""
    n = 1
    for s in shape:
        n *= s
    i = torch.arange(n, dtype=torch.int64)
    k = (i * 7919 + salt * 104729) % 1000
    return (k.to(torch.float64) / 500 - 1).to(dtype).reshape(shape)


def values(t):
    return {"shape": list(t.shape), "values": t.detach().flatten().tolist()}


def print_of(t):
    t = t.detach().double().flatten()
    return {"sum": t.sum().item(), "dot": (t * ramp(t.shape, 9, torch.float64)).sum().item()}


def sha256(t):
    return hashlib.sha256(t.detach().contiguous().numpy().tobytes()).hexdigest()


def hashes(module):
    return [{"name": k, "shape": list(v.shape), "sha256": sha256(v), **print_of(v)} for k, v in module.state_dict().items()]


def grads(module):
    return {k: print_of(p.grad) for k, p in module.named_parameters()}


def inits():
    cases = {
        "linear": lambda: nn.Linear(7, 5),
        "linear without bias": lambda: nn.Linear(64, 33, bias=False),
        "linear float64": lambda: nn.Linear(7, 5, dtype=torch.float64),
        "lstm": lambda: nn.LSTM(5, 6),
        "lstm large": lambda: nn.LSTM(7, 6, num_layers=3, bidirectional=True),
        "lstm without bias": lambda: nn.LSTM(5, 6, num_layers=2, bias=False),
        "layer norm": lambda: nn.LayerNorm([3, 4]),
        "layer norm without bias": lambda: nn.LayerNorm(4, bias=False),
        "embedding": lambda: nn.Embedding(11, 9),
        "embedding small": lambda: nn.Embedding(3, 5),
        "embedding padded": lambda: nn.Embedding(11, 9, padding_idx=-2),
    }
    out = {}
    for name, make in cases.items():
        torch.manual_seed(7)
        out[name] = hashes(make())
    return out


def init_functions():
    out = {}
    for name, f in {
        "kaiming_uniform": lambda w: nn.init.kaiming_uniform_(w, a=0.2),
        "kaiming_normal": lambda w: nn.init.kaiming_normal_(w),
        "xavier_uniform": lambda w: nn.init.xavier_uniform_(w, gain=1.5),
        "xavier_normal": lambda w: nn.init.xavier_normal_(w),
        "uniform": lambda w: nn.init.uniform_(w, -2, 3),
        "normal": lambda w: nn.init.normal_(w, 1, 2),
        "kaiming_uniform fan out": lambda w: nn.init.kaiming_uniform_(w, 0.2, "fan_out", "tanh"),
        "kaiming_normal fan out": lambda w: nn.init.kaiming_normal_(w, 0, "fan_out", "relu"),
        "ones": nn.init.ones_,
        "zeros": nn.init.zeros_,
        "trunc_normal": lambda w: nn.init.trunc_normal_(w, 0.1, 0.5, -0.3, 0.4),
        "trunc_normal tail": lambda w: nn.init.trunc_normal_(w, 0, 0.5, 0.7, 2),
        "orthogonal": nn.init.orthogonal_,
        "orthogonal wide": lambda w: nn.init.orthogonal_(w.view(5, 12), 1.5),
        "orthogonal tall": lambda w: nn.init.orthogonal_(w.view(15, 4), 1.5),
        "sparse": lambda w: nn.init.sparse_(w.view(12, 5), 0.3, 0.5),
        "eye": lambda w: nn.init.eye_(w.view(12, 5)),
        "dirac": nn.init.dirac_,
        "dirac groups": lambda w: nn.init.dirac_(w.view(6, 2, 5), 3),
        "dirac 2d": lambda w: nn.init.dirac_(w.view(5, 3, 2, 2)),
        "dirac 3d": lambda w: nn.init.dirac_(w.view(2, 5, 1, 2, 3)),
        "gains": lambda w: w.view(15, 4)[:, 0].copy_(torch.tensor([nn.init.calculate_gain(n, p) for n, p in [
            *((n, None) for n in ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")),
            ("sigmoid", None), ("tanh", None), ("relu", None), ("selu", None), ("leaky_relu", None), ("leaky_relu", 0.3),
            ("leaky_relu", 0), ("leaky_relu", 5**0.5)]])),
    }.items():
        torch.manual_seed(8)
        w = torch.zeros(6, 5, 2)
        f(w)
        out[name] = {"sha256": sha256(w), **print_of(w)}
    return out


def lstms():
    cases = []
    for name, kw, shape, state in [
        ("one step", {"batch_first": True}, [4, 1, 3], False),
        ("one step, steps first", {}, [1, 4, 3], False),
        ("one step without batch", {}, [1, 3], False),
        ("one step without bias", {"bias": False, "batch_first": True}, [4, 1, 3], False),
        ("one step with state", {"batch_first": True}, [4, 1, 3], True),
        ("one step, two layers", {"batch_first": True, "num_layers": 2}, [4, 1, 3], False),
        ("one step, two directions", {"batch_first": True, "bidirectional": True}, [4, 1, 3], False),
        ("steps", {}, [5, 2, 3], False),
        ("batch first", {"batch_first": True}, [2, 5, 3], False),
        ("without batch", {"batch_first": True}, [5, 3], False),
        ("without batch, with state", {"num_layers": 2}, [5, 3], True),
        ("with state", {"batch_first": True}, [2, 5, 3], True),
        ("two layers", {"num_layers": 2}, [5, 2, 3], True),
        ("all", {"num_layers": 2, "bidirectional": True, "batch_first": True}, [2, 5, 3], True),
        ("without bias", {"num_layers": 2, "bidirectional": True, "bias": False}, [5, 2, 3], False),
        ("dropout", {"num_layers": 2, "dropout": 0.4}, [5, 2, 3], False),
    ]:
        torch.manual_seed(11)
        m = nn.LSTM(3, 4, **kw)
        x = ramp(shape, 1).requires_grad_()
        hc = None
        if state:
            runs = kw.get("num_layers", 1) * (2 if kw.get("bidirectional") else 1)
            at = 0 if kw.get("batch_first") else 1
            hs = [runs, shape[at], 4] if len(shape) == 3 else [runs, 4]
            hc = (ramp(hs, 2), ramp(hs, 3))
        torch.manual_seed(12)
        y, (h, c) = m(x, hc)
        # Forward alone gives y, so y alone makes the gradients.
        (y * ramp(list(y.shape), 4)).sum().backward()
        cases.append(
            {
                "name": name,
                "layers": kw.get("num_layers", 1),
                "bidirectional": kw.get("bidirectional", False),
                "batch_first": kw.get("batch_first", False),
                "bias": kw.get("bias", True),
                "dropout": kw.get("dropout", 0.0),
                "shape": shape,
                "state": state,
                "keys": list(m.state_dict()),
                "y": values(y),
                "h": print_of(h),
                "c": print_of(c),
                "h_shape": list(h.shape),
                "x_grad": print_of(x.grad),
                "grads": grads(m),
            }
        )
    return cases


def losses():
    out = []

    def add(name, reduction, output, target, f):
        o = output.clone().requires_grad_()
        loss = f(o, target)
        loss.sum().backward()
        out.append({"name": name, "reduction": reduction, "loss": values(loss), "grad": print_of(o.grad)})

    x, y = ramp([3, 4], 1), ramp([3, 4], 2)
    p, q = x * 0.5 + 0.5, y * 0.5 + 0.5
    logp, dist = F.log_softmax(x, 1), F.softmax(y, 1)
    weight = ramp([4], 3) + 1.5
    classes = torch.tensor([1, 3, 0])
    for r in ["mean", "sum", "none"]:
        add("mse", r, x, y, nn.MSELoss(reduction=r))
        add("l1", r, x, y, nn.L1Loss(reduction=r))
        add("huber", r, x, y, nn.HuberLoss(reduction=r))
        add("huber delta", r, x, y, nn.HuberLoss(reduction=r, delta=0.3))
        add("bce", r, p, q, nn.BCELoss(reduction=r))
        add("bce weight", r, p, q, nn.BCELoss(reduction=r, weight=weight))
        add("bce logits", r, x, q, nn.BCEWithLogitsLoss(reduction=r))
        add("bce logits weights", r, x, q, nn.BCEWithLogitsLoss(reduction=r, weight=weight, pos_weight=weight))
        add("cross entropy", r, x, classes, nn.CrossEntropyLoss(reduction=r))
        add("cross entropy weight", r, x, classes, nn.CrossEntropyLoss(reduction=r, weight=weight))
        add("cross entropy ignore 0", r, x, classes, nn.CrossEntropyLoss(reduction=r, ignore_index=0))
        add("cross entropy smooth", r, x, classes, nn.CrossEntropyLoss(reduction=r, label_smoothing=0.1))
        add("cross entropy weight smooth", r, x, classes,
            nn.CrossEntropyLoss(reduction=r, weight=weight, ignore_index=0, label_smoothing=0.3))
        add("cross entropy shares", r, x, dist, nn.CrossEntropyLoss(reduction=r))
        add("kl log target", r, logp, dist.log(), nn.KLDivLoss(reduction=r, log_target=True))
        add("kl", r, logp, dist, nn.KLDivLoss(reduction=r))
    add("kl", "batchmean", logp, dist, nn.KLDivLoss(reduction="batchmean"))
    add("kl log target", "batchmean", logp, dist.log(), nn.KLDivLoss(reduction="batchmean", log_target=True))
    return out


def layers():
    out = {}
    m = nn.LayerNorm([3, 4])
    with torch.no_grad():
        m.weight.copy_(ramp([3, 4], 5))
        m.bias.copy_(ramp([3, 4], 6))
    x = ramp([2, 3, 4], 1).requires_grad_()
    y = m(x)
    (y * ramp([2, 3, 4], 4)).sum().backward()
    out["layer norm"] = {"y": values(y), "x_grad": print_of(x.grad), "grads": grads(m)}
    x = ramp([2, 3, 4], 1)
    out["layer norm eps"] = {"y": values(nn.LayerNorm(4, eps=0.5, elementwise_affine=False)(x))}

    torch.manual_seed(13)
    m = nn.Embedding(5, 3, padding_idx=1)
    i = torch.tensor([[0, 1, 4], [4, 2, 1]])
    y = m(i)
    (y * ramp([2, 3, 3], 4)).sum().backward()
    out["embedding"] = {"y": values(y), "grads": grads(m)}

    torch.manual_seed(14)
    m = nn.Dropout(0.3)
    x = ramp([6, 7], 1)
    out["dropout"] = {"y": values(m(x))}

    for name, parametrization in {"weight norm": parametrizations.weight_norm, "spectral norm": parametrizations.spectral_norm}.items():
        torch.manual_seed(15)
        m = parametrization(nn.Linear(3, 4))
        with torch.no_grad():
            next(m.parametrizations.weight.parameters()).mul_(1.5)
        out[name + " removed"] = {"y": values(remove_parametrizations(m, "weight").weight)}
    return out


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.rnn = nn.LSTM(4, 2, bidirectional=True)


class Net(nn.Module):
    """The twin of the test's net."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer("mean", torch.zeros(4))
        self.embedding = nn.Embedding(6, 4)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Dropout(0.1), nn.Linear(3, 2, bias=False))
        self.tied = self.embedding
        self.out_proj1 = nn.Linear(2, 2)


def names():
    m = Net()
    # PyTorch lists a module's own parameters and buffers before its children's.
    return {"state": list(m.state_dict()), "parameters": [k for k, _ in m.named_parameters()]}


if sys.argv[1:] == ["inits"]:
    print(json.dumps({"inits": inits(), "init_functions": init_functions()}))
    sys.exit()
print(
    json.dumps(
        {
            "torch": torch.__version__.split("+")[0],
            "inits": {k: [{x: v[x] for x in ("name", "shape", "sha256")} for v in vs] for k, vs in inits().items()},
            "init_functions": {k: v["sha256"] for k, v in init_functions().items()},
            "lstms": lstms(),
            "losses": losses(),
            "layers": layers(),
            "names": names(),
        }
    )
)
