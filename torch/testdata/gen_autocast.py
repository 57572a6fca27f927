# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes autocast.pt for TestAutocastAgreesWithPyTorch.

The calls are those of PyTorch's own test lists for the CPU, AutocastCPUTestLists of
torch.testing._internal.autocast_test_lists: every kind of operator that autocast treats, made inside
torch.autocast with bfloat16 and with float16, with results and gradients, in the format of
calls.pt. A small network that is trained inside autocast comes with its losses.

    python gen_autocast.py [--seed 1] [FILE.pt]

It ran with PyTorch 2.15.0, and needs expecttest and pytest beside it.
"""

import argparse
import pathlib

import torch
from torch.testing._internal.autocast_test_lists import AutocastCPUTestLists

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("file", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).with_name("autocast.pt"))
options = parser.parse_args()
torch.set_num_threads(1)


def mapped(f, x):
    if isinstance(x, torch.Tensor):
        return f(x)
    return [mapped(f, y) for y in x] if isinstance(x, (list, tuple)) else x


def tensors(x):
    return [x] if isinstance(x, torch.Tensor) else [t for y in x for t in tensors(y)] if isinstance(x, (list, tuple)) else []


def call(op, args, kwargs, dtype):
    """Returns the first overload of the operator that takes the arguments, with what it makes of them."""
    with_grad = lambda t: t.detach().contiguous().clone().requires_grad_(t.is_floating_point())
    packet = getattr(torch.ops.aten, op)
    for overload in packet.overloads():
        inputs = mapped(with_grad, args)
        try:
            with torch.autocast("cpu", dtype):
                results = getattr(packet, overload)(*inputs, **kwargs)
        except (RuntimeError, TypeError) as e:
            why = e
            continue
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        name = f"aten::{op}" + (f".{overload}" if overload != "default" else "")
        c = dict(op=name, args=mapped(lambda t: t.detach().clone(), args), kwargs=kwargs, seed=options.seed,
                 autocast=str(dtype).removeprefix("torch."), results=[t.detach() for t in results])
        outputs, leaves = [t for t in results if t.requires_grad], [t for t in tensors(inputs) if t.requires_grad]
        if outputs:
            cotangents = [torch.randn(t.shape).to(t.dtype) for t in outputs]
            try:
                grads = torch.autograd.grad(outputs, leaves, cotangents, allow_unused=True)
            except (RuntimeError, NotImplementedError):  # no derivative
                return c
            c.update(cotangents=cotangents, grads=list(grads))
        return c
    raise RuntimeError(f"{op}: {why}")


def training(dtype):
    torch.manual_seed(options.seed)
    start = [torch.randn(16, 6) / 3, torch.zeros(16), torch.randn(4, 16) / 4, torch.zeros(4)]
    x, y = torch.randn(32, 6), torch.randint(0, 4, (32,))
    params, losses = [p.clone().requires_grad_() for p in start], []
    o = torch.optim.SGD(params, lr=0.2)
    for _ in range(20):
        o.zero_grad()
        with torch.autocast("cpu", dtype):
            h = torch.nn.functional.linear(x, params[0], params[1]).tanh()
            loss = torch.nn.functional.cross_entropy(torch.nn.functional.linear(h, params[2], params[3]), y)
        loss.backward()
        o.step()
        losses.append(loss.item())
    return dict(autocast=str(dtype).removeprefix("torch."), start=start, x=x, y=y, losses=losses)


torch.manual_seed(options.seed)
lists, calls = AutocastCPUTestLists("cpu"), []
for dtype in (torch.bfloat16, torch.float16):
    other = lambda t: t.to(dtype) if t.dtype == torch.bfloat16 else t
    for which in (lists.torch_16, lists.nn_16, lists.torch_fp32, lists.nn_fp32):
        for op, args, *kwargs in which:
            if op == "_native_multi_head_attention":  # it refuses inputs that need gradients
                continue
            small = mapped(lambda t: t[(slice(4),) * t.dim()], args)  # instead of 8
            calls.append(call(op, mapped(other, small), {k: mapped(None, v) for k, v in (kwargs[0] if kwargs else {}).items()}, dtype))
    for op, args_bf16, args_fp16, *_ in lists.torch_need_autocast_promote + lists.torch_expect_builtin_promote:
        calls.append(call(op, args_bf16 if dtype == torch.bfloat16 else args_fp16, {}, dtype))
torch.save(dict(torch=torch.__version__.split("+")[0], calls=calls, training=[training(torch.bfloat16), training(torch.float16)]), options.file)
print(f"{options.file}: {len(calls)} calls of {len({c['op'] for c in calls})} operators, {sum('grads' in c for c in calls)} with gradients, "
      f"{options.file.stat().st_size / 1e6:.2f} MB")
