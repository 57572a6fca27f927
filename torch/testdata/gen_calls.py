# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes calls of operators for TestCallsAgreeWithPyTorch.

PyTorch's own test database op_db, of torch.testing._internal.common_methods_invocations,
is run with its samples, and every call of an ATen operator that reaches the dispatcher is
kept with its arguments, its results and, where there are any, the gradients of its inputs.

    python gen_calls.py                       # calls.pt, one small call of as many operators as fit
    python gen_calls.py --all FILE.pt         # up to 16 calls of every operator

It needs expecttest, scipy, hypothesis and pytest, beside PyTorch.
"""

import argparse
import collections
import pathlib
import warnings

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

parser = argparse.ArgumentParser()
parser.add_argument("--all", action="store_true")
parser.add_argument("--most", type=int, default=16, help="with --all: calls of one operator")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("file", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).with_name("calls.pt"))
options = parser.parse_args()
warnings.simplefilter("ignore")
torch.set_num_threads(1)

# What these return is not set, depends on memory, or is not a matter of values.
LEFT_OUT = ("empty", "new_empty", "resize", "set_", "record_stream", "_unsafe_index", "data_ptr", "_local_scalar_dense", "is_pinned",
            "_linalg_check_errors", "_assert", "sym_", "_nested", "_sparse", "to_sparse", "_spsolve", "sparse_", "_coalesce", "lift_fresh")
MOST = 512  # elements of a tensor


class Unusable(Exception):
    """A value that a file of plain values cannot hold."""


def plain(x):
    if isinstance(x, torch.Tensor):
        if x.layout != torch.strided or x.is_quantized or x.numel() > MOST or x.device.type != "cpu" or x.is_nested:
            raise Unusable
        return x.detach().resolve_conj().resolve_neg().clone()
    if isinstance(x, (torch.dtype, torch.device, torch.layout, torch.memory_format)):
        return f"{type(x).__name__}:{str(x).removeprefix('torch.')}"
    if isinstance(x, (list, tuple)):
        return [plain(y) for y in x]
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (bool, int, float, complex, str, type(None))):
        return x
    raise Unusable


def tensors(x):
    return [t for t in tree_flatten(x)[0] if isinstance(t, torch.Tensor)]


calls, count, seen, skipped = [], collections.Counter(), set(), collections.Counter()
limit = options.most if options.all else 1


def signature(args, kwargs):
    of = lambda x: (tuple(x.shape), str(x.dtype)) if isinstance(x, torch.Tensor) else repr(x)
    return repr(tree_map(of, (args, kwargs)))


class Keep(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = f"{func._schema.name}" + (f".{func._overloadname}" if func._overloadname != "default" else "")
        what = func._schema.name.removeprefix("aten::")
        wanted = func._schema.name.startswith("aten::") and count[name] < limit and not any(what.startswith(p) for p in LEFT_OUT)
        if wanted:
            mark = (name, signature(args, kwargs))
            wanted = mark not in seen
            seen.add(mark)
        if not wanted:
            return func(*args, **kwargs)
        try:
            call = dict(op=name, args=plain(args), kwargs=plain(kwargs), seed=options.seed)
        except Unusable:
            skipped["arguments"] += 1
            return func(*args, **kwargs)
        torch.manual_seed(options.seed)
        result = func(*args, **kwargs)
        try:
            call["results"] = plain(list(result) if isinstance(result, (list, tuple)) else [result])
        except Unusable:
            skipped["results"] += 1
            return result
        pending.append((func, call))
        return result


def gradients(func, call):
    """Adds the gradients of the arguments; leaves them out where there are none."""
    schema = func._schema
    if schema.is_mutable or any(a.alias_info and a.alias_info.is_write for a in schema.arguments):
        return
    restore = lambda x: restored(x)
    args, kwargs = restore(call["args"]), restore(call["kwargs"])
    leaves = [t for t in tensors((args, kwargs))]
    for t in leaves:
        if t.is_floating_point() or t.is_complex():
            t.requires_grad_()
    torch.manual_seed(options.seed)
    try:
        results = [t for t in tensors(func(*args, **kwargs)) if t.requires_grad]
        if not results:
            return
        g = torch.Generator().manual_seed(options.seed)
        cotangents = [torch.randn(t.shape, generator=g, dtype=t.dtype) for t in results]
        grads = torch.autograd.grad(results, [t for t in leaves if t.requires_grad], cotangents, allow_unused=True)
        call["cotangents"], call["grads"] = cotangents, [None if t is None else plain(t) for t in grads]
    except (RuntimeError, NotImplementedError, Unusable):  # no derivative
        return


def restored(x):
    if isinstance(x, torch.Tensor):
        return x.detach().clone()
    if isinstance(x, list):
        return [restored(y) for y in x]
    if isinstance(x, dict):
        return {k: restored(v) for k, v in x.items()}
    if isinstance(x, str) and ":" in x:
        kind, _, value = x.partition(":")
        if kind == "device":
            return torch.device(value)
        if kind in ("dtype", "layout", "memory_format"):
            return getattr(torch, value)
    return x


def run(op, variant, sample):
    # The derivative of an operator calls others, which are wanted too.
    inputs = tree_map(lambda t: t.detach().clone() if isinstance(t, torch.Tensor) else t, (sample.input, sample.args, sample.kwargs))
    with Keep():
        out = variant(inputs[0], *inputs[1], **inputs[2])
    if variant is op and op.supports_autograd:
        leaves = [t.requires_grad_() for t in tensors(inputs) if t.is_floating_point() and t.is_leaf]
        out = [t for t in tensors(variant(inputs[0], *inputs[1], **inputs[2])) if t.requires_grad]
        if leaves and out:
            with Keep():
                torch.autograd.grad(out, leaves, [torch.ones_like(t) for t in out], allow_unused=True)


dtypes = (torch.float32, torch.float64, torch.int64, torch.bool, torch.complex64) if options.all else (torch.float32,)
for op in op_db:
    for dtype in dtypes:
        if dtype not in op.supported_dtypes("cpu"):
            continue
        torch.manual_seed(options.seed)
        try:
            samples = list(zip(range(12 if options.all else 4), op.sample_inputs("cpu", dtype, requires_grad=False)))
        except Exception:  # a sample that this machine cannot make
            skipped[op.name] += 1
            continue
        for _, sample in samples:
            for variant in (op, op.get_inplace()):
                if variant is None:
                    continue
                pending = []
                try:
                    run(op, variant, sample)
                except Exception:  # PyTorch refuses it, too
                    pass
                for func, call in pending:
                    name = call["op"]
                    if count[name] >= limit:
                        continue
                    gradients(func, call)
                    count[name] += 1
                    calls.append(call)

if not options.all:  # the smallest ones, as many as fit
    size = lambda call: sum(t.numel() * t.element_size() + 400 for t in tensors(call))
    calls.sort(key=lambda c: (size(c), c["op"]))
    total, kept = 0, []
    for call in calls:
        total += size(call)
        if total < 250_000:
            kept.append(call)
    calls = sorted(kept, key=lambda c: c["op"])
torch.save(dict(torch=torch.__version__.split("+")[0], seed=options.seed, calls=calls), options.file)
print(f"{options.file}: {len(calls)} calls of {len({c['op'] for c in calls})} operators, {sum('grads' in c for c in calls)} with gradients, "
      f"{options.file.stat().st_size / 1e6:.1f} MB; not kept: {dict(skipped.most_common(8))}")
