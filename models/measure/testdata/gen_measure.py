# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes measure.json: predictions, targets and what is measured of them.

Losses are PyTorch's, correlations and divergences SciPy's, the rest is NumPy's,
all in float64 on the values that float32 holds.

Usage: python gen_measure.py > measure.json      (numpy 2.4.6, scipy 1.17.1, torch 2.15.0)
"""

import json
import warnings

import numpy as np
import torch
from scipy import special, stats
from torch.nn import functional

rng = np.random.default_rng(20260101)
warnings.simplefilter("ignore", stats.ConstantInputWarning)


def short(rows):
    """Values of four decimals, as float32 holds them."""
    return np.atleast_2d(np.round(rows, 4)).astype(np.float32)


def pearson(x, y):
    r = stats.pearsonr(x, y).statistic if len(x) > 1 else np.nan
    return None if np.isnan(r) else r


def mse_mae(p, t):
    return {"mse": np.mean((p - t) ** 2), "mae": np.mean(np.abs(p - t))}


def rmse(x, y):
    return np.sqrt(np.mean((x - y) ** 2))


def ccc(x, y):
    (xx, xy), (_, yy) = np.cov(x, y, ddof=0)
    below = xx + yy + (np.mean(x) - np.mean(y)) ** 2
    return 2 * xy / below if below > 1e-14 else None  # rounding left of two equal constants


def emotion(p, t):
    top = 1 - 2**-24  # the float32 below 1
    out = mse_mae(p, t)
    for name, half in (("valence", slice(0, 32)), ("arousal", slice(32, 64))):
        x, y = (np.arctanh(np.clip(rows[:, half].mean(axis=1), -top, top)) for rows in (p, t))
        out[name] = {"rmse": rmse(x, y), "r": pearson(x, y), "ccc": ccc(x, y)}
    return out


def distribution(loss, p, t):
    top1, top5 = [], []
    for predicted, truth in zip(p, t):
        order = np.argsort(-predicted, kind="stable")
        commonest = np.flatnonzero(truth == truth.max())
        top1.append(np.isin(order[:1], commonest).any())
        top5.append(np.isin(order[:5], commonest).any())
    share = np.maximum(p / np.maximum(p.sum(axis=1, keepdims=True), 1e-8), 1e-8)
    return {
        "loss": loss(torch.from_numpy(p), torch.from_numpy(t)).item(),
        "kl": special.rel_entr(t, share).sum(axis=1).mean(),
        "top1": np.mean(top1), "top5": np.mean(top5), **mse_mae(p, t),
    }


def melody(p, t):
    return distribution(functional.binary_cross_entropy, p, t)


def harmony(p, t):
    def loss(x, y):
        return functional.kl_div(torch.log(x + 1e-8), y, reduction="batchmean")
    return distribution(loss, p, t)


def regression(p, t):
    outputs = [{"name": f"output {i}", "rmse": rmse(x, y), "mae": np.mean(np.abs(x - y)), "r": pearson(x, y)}
               for i, (x, y) in enumerate(zip(p.T, t.T))]
    defined = [o["r"] for o in outputs if o["r"] is not None]
    return {**mse_mae(p, t), "rmse": rmse(p, t), "r": np.mean(defined) if defined else None, "outputs": outputs}


def case(measure, p, t, constant=None):
    if constant is None:
        constant = t.astype(np.float64).mean(axis=0).astype(np.float32)
    p64, t64, c64 = (x.astype(np.float64) for x in (p, t, np.tile(constant, (len(t), 1))))
    return {"func": measure.__name__, "width": t.shape[1],
            "predictions": values(p), "targets": values(t), "constant": values(constant),
            "want": {"samples": len(t), "measures": measure(p64, t64), "constant": measure(c64, t64)}}


def values(rows):
    """The shortest decimals that read back as the same float32."""
    return [float(str(x)) for x in rows.ravel()]


def embeddings(valence, arousal, noise):
    rows = np.repeat(np.tanh(np.stack([valence, arousal], axis=1)), 32, axis=1)
    return short(rows + rng.normal(0, noise, rows.shape))


def histograms(n, width, notes, noise):
    """Predictions and targets, n distributions of which many shares are zero."""
    t = np.zeros((n, width))
    for row, center in zip(t, rng.uniform(0.4, 0.6, n) * width):
        for i in rng.normal(center, width / 20, notes).round().astype(int):
            row[i % width] += 1 / notes
    p = np.clip(t * rng.uniform(0.3, 1.3, t.shape) + np.abs(rng.normal(0, noise, t.shape)), 0, 1)
    return short(p), short(t)


def emotions():
    v, a = rng.uniform(-1, 1, 12), rng.uniform(0, 1, 12)
    t = embeddings(v, a, 0)
    p = embeddings(0.6 * v + rng.normal(0, 0.3, 12), a + rng.normal(0.1, 0.1, 12), 0.05)
    p[3] = [1.5] * 32 + [-1.5] * 32  # outside of what atanh takes
    yield "emotion", case(emotion, p, t)
    yield "emotion, one sample", case(emotion, p[:1], t[:1])
    yield "emotion, constant arousal", case(emotion, p[4:7], embeddings(v[4:7], 0 * a[4:7] + 0.25, 0))


def distributions():
    p, t = histograms(10, 128, 40, 0.004)
    yield "melody", case(melody, p, t)
    yield "melody, one sample", case(melody, p[:1], t[:1])
    edges = np.zeros((3, 128), np.float32)
    edges[0, 60], edges[1, 60:62], edges[2, :4] = 1, 0.5, 0.25
    yield "melody, zeros and ones", case(melody, edges[::-1], edges)

    p, t = histograms(8, 64, 4, 0.01)
    p = short(p / p.sum(axis=1, keepdims=True))
    p[2] = np.float32(1 / 64)  # all the same
    p[5] = np.where(t[5] > 0, 0, p[5])  # nothing where there is something
    yield "harmony", case(harmony, p, t)
    yield "harmony, one sample", case(harmony, p[:1], t[:1])
    # Four classes share the first place of the target; the prediction has ties at
    # its first place, and at the border of the first five.
    t, p = np.zeros((4, 64), np.float32), np.zeros((4, 64), np.float32)
    t[:, [3, 9, 30, 60]] = 0.25
    p[0, [2, 9]], p[1, [9, 10]], p[2, 10:16], p[3, 26:31] = 0.5, 0.5, 0.125, 0.2
    p[2, 30] = 0.125
    yield "harmony, ties", case(harmony, p, t)


def regressions():
    n, width = 9, 6
    t = rng.uniform(0, 1, (n, width)) * [1, 0.5, 0.1, 1, 1, 1] + [0, 0.4, 0.9, 0, 0, 0]
    p = t + rng.normal(0, 0.1, t.shape)
    t[:, 3], p[:, 4] = 0.5, 0.25  # constants have no correlation
    t[:, 5] = np.round(t[:, 5] * 2) / 2  # ties
    p[:, 5] = 1 - p[:, 5]
    p, t = short(p), short(t)
    yield "regression", case(regression, p, t)
    yield "regression, one sample", case(regression, p[:1], t[:1])
    yield "regression, constant", case(regression, p[:, 4:5], t[:, 4:5])
    yield "regression, perfect", case(regression, t[:, :3], t[:, :3])


def cases():
    yield from emotions()
    yield from distributions()
    yield from regressions()


# A case a line.
lines = (f"{json.dumps(name)}: {json.dumps(c, separators=(',', ':'))}" for name, c in cases())
print("{\n" + ",\n".join(lines) + "\n}")
