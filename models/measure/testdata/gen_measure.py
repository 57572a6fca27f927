# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes measure.json: predictions, targets and what is measured of them.

The formulas are written out with nothing but the standard library, and apart
from the Go code: python3 gen_measure.py > measure.json
"""
import json
import math
import random
from statistics import fmean

random.seed(20260101)
Q = 1 << 12  # values on a grid that float32 holds exactly


def grid(x):
    return round(x * Q) / Q


def pearson(x, y):
    mx, my = fmean(x), fmean(y)
    sxy = math.fsum((a - mx) * (b - my) for a, b in zip(x, y))
    sxx = math.fsum((a - mx) ** 2 for a in x)
    syy = math.fsum((b - my) ** 2 for b in y)
    return sxy / math.sqrt(sxx * syy) if sxx > 1e-12 and syy > 1e-12 else None


def ccc(x, y):
    n = len(x)
    mx, my = fmean(x), fmean(y)
    sxy = math.fsum((a - mx) * (b - my) for a, b in zip(x, y)) / n
    sxx = math.fsum((a - mx) ** 2 for a in x) / n
    syy = math.fsum((b - my) ** 2 for b in y) / n
    return 2 * sxy / (sxx + syy + (mx - my) ** 2)


def mse_mae(p, t):
    d = [a - b for rp, rt in zip(p, t) for a, b in zip(rp, rt)]
    return fmean(x * x for x in d), fmean(abs(x) for x in d)


def emotion(p, t):
    top = 1 - 2**-24  # the float32 below 1

    def read(rows, lo):
        return [math.atanh(max(min(fmean(r[lo:lo + 32]), top), -top)) for r in rows]

    mse, mae = mse_mae(p, t)
    out = {"mse": mse, "mae": mae}
    for name, lo in (("valence", 0), ("arousal", 32)):
        x, y = read(p, lo), read(t, lo)
        rmse = math.sqrt(fmean((a - b) ** 2 for a, b in zip(x, y)))
        out[name] = {"rmse": rmse, "r": pearson(x, y), "ccc": ccc(x, y)}
    return out


def melody(p, t):
    def log(x):
        return max(math.log(x), -100) if x > 0 else -100

    mse, mae = mse_mae(p, t)
    loss = fmean(-(y * log(x) + (1 - y) * log(1 - x)) for rp, rt in zip(p, t) for x, y in zip(rp, rt))
    kl = []
    ranks = []
    for rp, rt in zip(p, t):
        s = math.fsum(rp)
        kl.append(math.fsum(y * (math.log(y) - math.log(max(x / s, 1e-8))) for x, y in zip(rp, rt) if y))
        order = sorted(range(128), key=lambda i: (-rp[i], i))
        ranks.append(order.index(min(range(128), key=lambda i: (-rt[i], i))))
    return {"loss": loss, "kl": fmean(kl), "top1": fmean(r < 1 for r in ranks),
            "top5": fmean(r < 5 for r in ranks), "mse": mse, "mae": mae}


def case(measure, p, t):
    constant = [grid(fmean(c)) for c in zip(*t)]
    return {"predictions": [x for r in p for x in r], "targets": [x for r in t for x in r],
            "constant": constant,
            "want": {"samples": len(t), "measures": measure(p, t), "constant": measure([constant] * len(t), t)}}


def embedding(v, a, noise):
    row = [math.tanh(v)] * 32 + [math.tanh(a)] * 32
    return [grid(x + random.gauss(0, noise)) for x in row]


def histogram(noise):
    center, row = random.uniform(50, 70), [0.0] * 128
    for _ in range(random.randint(20, 60)):
        row[max(0, min(127, round(random.gauss(center, 5))))] += 1
    s = sum(row)
    t = [grid(x / s) for x in row]
    p = [grid(min(1, max(0, x * random.uniform(0.3, 1.3) + abs(random.gauss(0, noise))))) for x in t]
    return p, t


moods = [(random.uniform(-1, 1), random.uniform(0, 1)) for _ in range(12)]
targets = [embedding(v, a, 0) for v, a in moods]
guesses = [embedding(0.6 * v + random.gauss(0, 0.3), a + random.gauss(0.1, 0.1), 0.05) for v, a in moods]
guesses[3] = [1.5] * 32 + [-1.5] * 32  # outside of what atanh takes
rows = [histogram(0.004) for _ in range(10)]
print(json.dumps({"emotion": case(emotion, guesses, targets),
                  "melody": case(melody, [r[0] for r in rows], [r[1] for r in rows])}))
