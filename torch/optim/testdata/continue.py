# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Continues cases of gen_optimizers.py in PyTorch from state dicts that Etude wrote.

    python continue.py CASES.pt SAVED.pt

SAVED.pt holds the number of each case, its parameters and its optimizer's state dict. The
largest difference of the parameters after 20 steps, relative to their largest number, is
printed for each, as JSON.
"""

import json
import sys

import torch

cases, saved = (torch.load(path, weights_only=True) for path in sys.argv[1:])
differences = {}
for entry in saved["cases"]:
    case = cases["optimizers"][entry["case"]]
    params = [p.clone().requires_grad_() for p in entry["params"]]
    cls, kwargs, half = getattr(torch.optim, case["optimizer"]), case["kwargs"], len(params) // 2
    if case["second"] is None:
        optimizer = cls(params, **kwargs)
    else:
        optimizer = cls([{"params": params[:half]}, {"params": params[half:], **case["second"]}], **kwargs)
    optimizer.load_state_dict(entry["state_dict"])

    def closure():
        optimizer.zero_grad()
        loss = sum((w * (p - t).square()).sum() for w, p, t in zip(case["weight"], params, case["target"]))
        loss.backward()
        return loss

    for _ in range(case["saved_after"], 20):
        if case["optimizer"] == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
    differences[entry["case"]] = max(
        ((p.detach() - want).abs().max() / want.abs().max()).item() for p, want in zip(params, case["trajectory"][20]))
print(json.dumps(differences))
