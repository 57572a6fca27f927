# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes stop.json: what the early stopping of Lightning and of Keras does.

Values and deltas are multiples of 1/8, so that "better by exactly min_delta"
is exact in every order of computation.
Run: KERAS_BACKEND=torch python gen_stop.py (lightning 2.6.6, keras 3.15.1).
"""
import json
import math
import pathlib
import random
import types

import keras
import torch
from lightning.pytorch.callbacks import EarlyStopping

random.seed(7)


def lightning(case):
    stop = EarlyStopping(
        "x", min_delta=case["min_delta"], patience=case["patience"], mode=case["mode"], check_finite=True,
        stopping_threshold=case.get("threshold"), divergence_threshold=case.get("divergence"),
    )
    for value in case["values"]:
        best = stop.best_score.item()
        done, reason = stop._evaluate_stopping_criteria(torch.tensor(value, dtype=torch.float64))
        kind = "" if not done else next(
            ours for theirs, ours in [
                ("is not finite", "non_finite"), ("Stopping threshold", "threshold"),
                ("Divergence threshold", "divergence"), ("did not improve", "patience"),
            ] if theirs in reason
        )
        limits = kind in ("threshold", "divergence", "non_finite")  # where best is left alone
        yield {"improved": None if limits else stop.best_score.item() != best, "wait": stop.wait_count, "reason": kind}
        if done:
            return


def keras_(case):
    stop = keras.callbacks.EarlyStopping(
        "x", min_delta=case["min_delta"], patience=case["patience"], mode=case["mode"]
    )
    model = types.SimpleNamespace(stop_training=False)
    stop._model = model
    stop.on_train_begin()
    for epoch, value in enumerate(case["values"]):
        stop.on_epoch_end(epoch, {"x": value})
        yield {"improved": stop.wait == 0, "wait": stop.wait, "reason": "patience" if model.stop_training else ""}
        if model.stop_training:
            return


def walk(n):
    value, values = 4.0, []
    for _ in range(n):
        values.append(value)
        value += random.choice([-4, -2, -1, -1, 0, 0, 1, 1, 2, 3]) / 8
    return values


cases = []
for source in (lightning, keras_):
    flat, falls = [1.0] * 6, [5 - i / 8 for i in range(12)]
    for values, patience, delta, mode in [
        (flat, 3, 0, "min"), (flat, 3, 0, "max"), (flat, 1, 0.125, "min"), (falls, 2, 0.125, "min"),
        (falls, 2, 0.25, "min"), (falls, 4, 0, "max"), ([1.0, 2, 3, 3, 3.125, 3.25, 3.25, 3.25], 2, 0.125, "max"),
    ] + [(walk(30), random.randint(1, 6), random.choice([0, 0.125, 0.25, 0.5]), random.choice(["min", "max"])) for _ in range(40)]:
        cases.append({"values": values, "patience": patience, "min_delta": delta, "mode": mode})
        cases[-1] |= {"source": source.__name__.strip("_"), "steps": list(source(cases[-1]))}
for case in [
    {"values": [2.0, 1, math.nan, 0.5], "patience": 5}, {"values": [math.inf, 1.0], "patience": 5},
    {"values": [3.0, -math.inf], "patience": 1}, {"values": [3.0, 2, 1, 0.5, 0.25], "patience": 3, "threshold": 0.5},
    {"values": [3.0, 3, 3, 9, 1], "patience": 9, "divergence": 8.0}, {"values": [3.0, 8, 8.125], "patience": 9, "divergence": 8.0},
    {"values": [0.25, 0.5, 0.625], "patience": 9, "threshold": 0.5, "mode": "max"},
    {"values": [0.5, 0.25, 0.125], "patience": 9, "divergence": 0.25, "mode": "max"},
    {"values": [0.125, 9.0], "patience": 1, "threshold": 0.5, "divergence": 8.0},
]:
    case = {"min_delta": 0, "mode": "min", "source": "lightning"} | case
    cases.append(case | {"steps": list(lightning(case))})
for case in cases:
    case["values"] = [v if math.isfinite(v) else str(v) for v in case["values"]]
text = "[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n"
(pathlib.Path(__file__).parent / "stop.json").write_text(text)
