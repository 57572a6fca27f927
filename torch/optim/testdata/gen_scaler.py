# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes cases of torch.amp.GradScaler for the tests of package optim: scaler.pt.

A case takes 20 steps down the sum of w·(p - target)², with gradients that are not finite in
some of them; after every step it has the scale, the count of steps and whether the optimizer
was stepped, the parameters after some, and all state after 10. Two cases train a network in
float16 inside torch.autocast, with a scale that is too large at first.

    python gen_scaler.py [--seed 1] [FILE.pt]

It ran with PyTorch 2.15.0.
"""

import argparse
import copy
import functools
import pathlib

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("file", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).with_name("scaler.pt"))
options = parser.parse_args()
torch.set_num_threads(1)
STEPS, KEPT, SAVED = 20, (2, 10, 20), 10


def make(optimizer, params):
    # bfloat16 is rounded as in Etude by the same kernels only.
    fused = dict(fused=params[0].dtype == torch.bfloat16 or None)
    return torch.optim.SGD(params, lr=0.01, momentum=0.9, **fused) if optimizer == "SGD" else torch.optim.Adam(params, lr=0.05, **fused)


@functools.cache  # so that the file has them once
def numbers(dtype):
    g = torch.Generator().manual_seed(options.seed)
    draw = lambda: [torch.randn(s, generator=g).to(dtype) for s in [(3, 4), (4,), (2, 1, 3)]]
    return draw(), draw(), [w.abs() + 0.1 for w in draw()]


def trajectory(desc, optimizer="SGD", bad=(), clip=None, unscale=False, two=False, set_scale=None, dtype=torch.float32, **kwargs):
    """bad are pairs of a step and a number that a parameter's gradient is multiplied by."""
    start, target, weight = numbers(dtype)
    params = [p.clone().requires_grad_() for p in start]
    optimizers = [make(optimizer, params[:1]), make(optimizer, params[1:])] if two else [make(optimizer, params)]
    scaler = torch.amp.GradScaler("cpu", **kwargs)
    case = dict(desc=desc, optimizer=optimizer, kwargs=kwargs, bad=dict(bad), clip=clip, unscale=unscale, two=two, set_scale=set_scale, start=start,
                target=target, weight=weight, saved_after=SAVED, scales=[], trackers=[], stepped=[], norms=[], trajectory={})
    for n in range(1, STEPS + 1):
        for o in optimizers:
            o.zero_grad()
        loss = sum((w * (p - t).square()).sum() for w, p, t in zip(weight, params, target))
        if n in case["bad"]:
            loss = loss + (params[0] * case["bad"][n]).sum()
        scaler.scale(loss).backward()
        before = [[p.detach().clone() for p in o.param_groups[0]["params"]] for o in optimizers]
        for o in optimizers:
            if unscale or clip:
                scaler.unscale_(o)
            if clip:
                case["norms"].append(torch.nn.utils.clip_grad_norm_(o.param_groups[0]["params"], clip).item())
            scaler.step(o)
        case["stepped"].append([any(not torch.equal(a, b) for a, b in zip(old, o.param_groups[0]["params"])) for old, o in zip(before, optimizers)])
        if set_scale and n in set_scale:
            scaler.update(set_scale[n])
        else:
            scaler.update()
        case["scales"].append(scaler.get_scale())
        case["trackers"].append(scaler.state_dict()["_growth_tracker"])
        if n in KEPT:
            case["trajectory"][n] = [p.detach().clone() for p in params]
        if n == SAVED:
            case["state_dict"] = scaler.state_dict()
            case["optimizer_states"] = [copy.deepcopy(o.state_dict()) for o in optimizers]
    return case


def network(optimizer, init_scale):
    torch.manual_seed(options.seed)
    start = [torch.randn(16, 6) / 3, torch.zeros(16), torch.randn(4, 16) / 4, torch.zeros(4)]
    x, y = torch.randn(32, 6), torch.randint(0, 4, (32,))
    params, losses, scales = [p.clone().requires_grad_() for p in start], [], []
    o, scaler = make(optimizer, params), torch.amp.GradScaler("cpu", init_scale=init_scale, growth_interval=8)
    for _ in range(30):
        o.zero_grad()
        with torch.autocast("cpu", torch.float16):
            h = torch.nn.functional.linear(x, params[0], params[1]).tanh()
            loss = torch.nn.functional.cross_entropy(torch.nn.functional.linear(h, params[2], params[3]), y)
        scaler.scale(loss).backward()
        scaler.unscale_(o)
        torch.nn.utils.clip_grad_norm_(params, 0.5)
        scaler.step(o)
        scaler.update()
        losses.append(loss.item())
        scales.append(scaler.get_scale())
    return dict(optimizer=optimizer, init_scale=init_scale, start=start, x=x, y=y, losses=losses, scales=scales)


inf, nan = float("inf"), float("nan")
quick = dict(init_scale=1024.0, growth_interval=3)
cases = [
    trajectory("defaults"),
    trajectory("defaults, Adam", optimizer="Adam"),
    trajectory("growth", **quick),
    trajectory("overflows", bad={1: inf, 2: inf, 7: nan, 15: -inf}, **quick),
    trajectory("overflows, Adam", optimizer="Adam", bad={4: nan, 11: inf, 12: inf}, **quick),
    trajectory("factors", bad={5: inf, 16: nan}, growth_factor=3.0, backoff_factor=0.25, **quick),
    trajectory("unscale", bad={5: inf}, unscale=True, **quick),
    trajectory("clipping", bad={5: inf, 13: nan}, clip=0.5, **quick),
    trajectory("clipping, Adam", optimizer="Adam", bad={5: inf}, clip=0.5, **quick),
    trajectory("two optimizers", bad={3: inf, 14: nan}, two=True, **quick),
    trajectory("a scale that is set", bad={9: inf}, set_scale={6: 64.0, 17: 2.0}, **quick),
    trajectory("growth to infinity", init_scale=2.0**126, growth_interval=1),
    trajectory("float64", dtype=torch.float64, bad={8: inf}, **quick),
    trajectory("bfloat16", dtype=torch.bfloat16, bad={8: inf}, **quick),
    trajectory("bfloat16, Adam", optimizer="Adam", dtype=torch.bfloat16, bad={1: inf, 8: nan}, **quick),
    trajectory("bfloat16, clipping", dtype=torch.bfloat16, bad={8: inf}, clip=0.5, **quick),
    trajectory("interval of 1", growth_interval=1, bad={2: inf}),
]
networks = [network("SGD", 2.0**24), network("Adam", 2.0**20)]
torch.save(dict(torch=torch.__version__.split("+")[0], cases=cases, networks=networks), options.file)
print(f"{options.file}: {len(cases)} cases, {options.file.stat().st_size / 1e3:.0f} kB; scales of the networks: {networks[0]['scales'][::4]}")
