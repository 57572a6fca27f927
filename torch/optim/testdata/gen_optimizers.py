# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes cases of PyTorch's optimizers and schedulers for the tests of package optim.

The optimizers and their settings are those of PyTorch's own test database, optim_db of
torch.testing._internal.common_optimizers. A case holds the parameters after 1, 2, 5, 10
and 20 steps, and the state dict after 10; a case of a scheduler the learning rates of 40
steps and the state dict after 20.

    python gen_optimizers.py                           # optimizers.pt
    python gen_optimizers.py --all --seed 7 FILE.pt    # float64 and larger parameters too

It needs expecttest, beside PyTorch.
"""

import argparse
import pathlib
import warnings

import torch
from torch.optim import SGD, lr_scheduler as lr
from torch.optim.swa_utils import SWALR
from torch.testing._internal.common_optimizers import optim_db

parser = argparse.ArgumentParser()
parser.add_argument("--all", action="store_true")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("file", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).with_name("optimizers.pt"))
options = parser.parse_args()
warnings.simplefilter("ignore")
STEPS, KEPT, SAVED = 20, (1, 2, 5, 10, 20), 10


def plain(x):
    if isinstance(x, torch.Tensor):
        return x.detach().clone() if x.dim() else x.item()
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    return x if isinstance(x, (bool, int, float, str, type(None))) else str(x)


def saved(state):
    """Returns a state dict as it is, with tensors of its own."""
    if isinstance(state, torch.Tensor):
        return state.detach().clone()
    if isinstance(state, dict):
        return type(state)((k, saved(v)) for k, v in state.items())
    if isinstance(state, (list, tuple)):
        return type(state)(saved(v) for v in state)
    return state


def optimizer(cls, given, desc, dtype, shapes, second=None):
    """A step climbs down the sum of w·(p - target)², w and target being fixed."""
    g = torch.Generator().manual_seed(options.seed)
    draw = lambda shape: torch.randn(shape, generator=g, dtype=dtype)
    start, target = [draw(s) for s in shapes], [draw(s) for s in shapes]
    weight = [draw(s).abs() + 0.1 for s in shapes]
    params = [p.clone().requires_grad_() for p in start]
    if cls.__name__ == "LBFGS" and given.get("maximize"):  # whose line search needs a largest value
        weight = [-w for w in weight]
    kwargs = {k: v for k, v in given.items() if k not in ("foreach", "fused", "capturable", "differentiable")}
    if second is None:
        o = cls(params, **kwargs)
    else:
        half = len(params) // 2
        o = cls([{"params": params[:half]}, {"params": params[half:], **second}], **kwargs)

    def closure():
        o.zero_grad()
        loss = sum((w * (p - t).square()).sum() for w, p, t in zip(weight, params, target))
        loss.backward()
        return loss

    case = dict(optimizer=cls.__name__, desc=desc, kwargs=plain(kwargs), second=plain(second), dtype=str(dtype).removeprefix("torch."),
                start=start, target=target, weight=weight, saved_after=SAVED, trajectory={})
    for step in range(1, STEPS + 1):
        if cls.__name__ == "LBFGS":
            o.step(closure)
        else:
            closure()
            o.step()
        if step in KEPT:
            case["trajectory"][step] = [p.detach().clone() for p in params]
        if step == SAVED:
            case["state_dict"] = saved(o.state_dict())
    return case


optimizers = []
for info in optim_db:
    cls = info.optim_cls
    if cls.__name__ == "SparseAdam":  # for sparse gradients alone
        continue
    shapes = [(3, 4), (4, 2)] if cls.__name__ == "Muon" else [(3, 4), (4,), (2, 1, 3)]
    if options.all:
        shapes = [(d * 4, e * 3) for d, e in [(3, 4), (4, 2)]] if cls.__name__ == "Muon" else shapes + [(64, 33), ()]
    for dtype in (torch.float32, torch.float64) if options.all else (torch.float32,):
        for given in info.optim_inputs_func(device="cpu"):
            if torch.is_tensor(given.kwargs.get("lr")) and dtype == torch.float64:
                continue  # such a rate is float32, and PyTorch computes with it in that type
            if cls.__name__ == "LBFGS":
                # It ends where the loss hardly changes any more, and what it remembers is then made of roundings.
                optimizers.append(optimizer(cls, dict(given.kwargs, max_iter=4), given.desc, torch.float64, shapes))
                continue
            optimizers.append(optimizer(cls, given.kwargs, given.desc, dtype, shapes))
        if cls.__name__ != "LBFGS":  # which has one group
            optimizers.append(optimizer(cls, {}, "two groups", dtype, shapes, second={"lr": 0.005}))


def scheduler(name, make, desc, momentum=False, value=None):
    """value gives the measure of an epoch to a scheduler that looks at it."""
    params = [torch.zeros(2, requires_grad=True), torch.zeros(3, requires_grad=True)]
    o = SGD([{"params": params[:1]}, {"params": params[1:], "lr": 0.02}], lr=0.1, momentum=0.9 if momentum else 0)
    s = make(o)
    case = dict(scheduler=name, desc=desc, momentum=momentum, lrs=[[g["lr"] for g in o.param_groups]], momenta=[], values=[], saved_after=20)
    case["momenta"].append([g["momentum"] for g in o.param_groups])
    for step in range(1, 41):
        o.step()
        if value is None:
            s.step()
        else:
            case["values"].append(value(step))
            s.step(value(step))
        case["lrs"].append([float(g["lr"]) for g in o.param_groups])
        case["momenta"].append([float(g["momentum"]) for g in o.param_groups])
        if step == 20:
            state = s.state_dict()
            case["state_dict"] = plain_state(state)
            case["optimizer_state"] = saved(o.state_dict())
    return case


def plain_state(x):
    """Returns the state dict of a scheduler without functions and optimizers."""
    if isinstance(x, dict):
        return {k: plain_state(v) for k, v in x.items() if not callable(v) or isinstance(v, (dict, list))}
    if isinstance(x, (list, tuple)):
        return type(x)(plain_state(v) for v in x)
    return x if isinstance(x, (bool, int, float, str, type(None))) else None


schedulers = [scheduler(name, make, desc, momentum, value) for name, desc, make, momentum, value in [
    ("LambdaLR", "0.95**n; 1/(n+1)", lambda o: lr.LambdaLR(o, [lambda n: 0.95 ** n, lambda n: 1 / (n + 1)]), False, None),
    ("MultiplicativeLR", "0.95; 0.9", lambda o: lr.MultiplicativeLR(o, [lambda n: 0.95, lambda n: 0.9]), False, None),
    ("StepLR", "7, gamma 0.3", lambda o: lr.StepLR(o, 7, 0.3), False, None),
    ("MultiStepLR", "3, 9, 9, 25, gamma 0.5", lambda o: lr.MultiStepLR(o, [3, 9, 9, 25], 0.5), False, None),
    ("ConstantLR", "factor 0.5, 8", lambda o: lr.ConstantLR(o, 0.5, 8), False, None),
    ("LinearLR", "0.25 to 0.8 in 12", lambda o: lr.LinearLR(o, 0.25, 0.8, 12), False, None),
    ("ExponentialLR", "0.9", lambda o: lr.ExponentialLR(o, 0.9), False, None),
    ("CosineAnnealingLR", "15, 0.001", lambda o: lr.CosineAnnealingLR(o, 15, 0.001), False, None),
    ("CosineAnnealingWarmRestarts", "4, 2, 0.001", lambda o: lr.CosineAnnealingWarmRestarts(o, 4, 2, 0.001), False, None),
    ("CosineAnnealingWarmRestarts", "7", lambda o: lr.CosineAnnealingWarmRestarts(o, 7), False, None),
    ("CyclicLR", "triangular", lambda o: lr.CyclicLR(o, 0.001, 0.1, 5, 7), True, None),
    ("CyclicLR", "triangular2", lambda o: lr.CyclicLR(o, [0.001, 0.002], [0.1, 0.2], 4, mode="triangular2", base_momentum=0.7), True, None),
    ("CyclicLR", "exp_range", lambda o: lr.CyclicLR(o, 0.001, 0.1, 5, mode="exp_range", gamma=0.97, cycle_momentum=False), False, None),
    ("OneCycleLR", "cos", lambda o: lr.OneCycleLR(o, 0.5, total_steps=40), True, None),
    ("OneCycleLR", "linear, three phases", lambda o: lr.OneCycleLR(
        o, [0.5, 0.2], epochs=4, steps_per_epoch=10, pct_start=0.25, anneal_strategy="linear", three_phase=True, div_factor=10, final_div_factor=100), True, None),
    ("PolynomialLR", "20, power 2", lambda o: lr.PolynomialLR(o, 20, 2.0), False, None),
    ("ChainedScheduler", "ConstantLR 0.5, 4; ExponentialLR 0.9", lambda o: lr.ChainedScheduler([lr.ConstantLR(o, 0.5, 4), lr.ExponentialLR(o, 0.9)]), False, None),
    ("SequentialLR", "LinearLR 0.1, 1, 5; CosineAnnealingLR 20 from 5", lambda o: lr.SequentialLR(
        o, [lr.LinearLR(o, 0.1, 1, 5), lr.CosineAnnealingLR(o, 20)], [5]), False, None),
    ("SWALR", "0.05; 0.3, 10 epochs", lambda o: SWALR(o, [0.05, 0.3]), False, None),
    ("SWALR", "0.05, 30 epochs, linear", lambda o: SWALR(o, 0.05, 30, "linear"), False, None),
    ("SWALR", "0.05, at once", lambda o: SWALR(o, 0.05, 0), False, None),
    ("ReduceLROnPlateau", "min, 0.5, patience 2", lambda o: lr.ReduceLROnPlateau(o, "min", 0.5, 2), False, lambda n: [5, 4, 4, 4, 4, 3, 3, 3][n % 8]),
    ("ReduceLROnPlateau", "max, abs, cooldown 2", lambda o: lr.ReduceLROnPlateau(
        o, "max", 0.3, 1, 0.5, "abs", cooldown=2, min_lr=[0.001, 0.01]), False, lambda n: [1, 1.2, 1.4, 2, 2, 2, 2][n % 7]),
]]

torch.save(dict(torch=torch.__version__.split("+")[0], seed=options.seed, optimizers=optimizers, schedulers=schedulers), options.file)
print(f"{options.file}: {len(optimizers)} cases of {len({c['optimizer'] for c in optimizers})} optimizers, {len(schedulers)} of "
      f"{len({c['scheduler'] for c in schedulers})} schedulers, {options.file.stat().st_size / 1e6:.1f} MB")
