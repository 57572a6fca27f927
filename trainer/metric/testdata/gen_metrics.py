# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes metrics.json: outputs, targets and what scikit-learn measures of them.

A value is null where scikit-learn returns NaN and "refused" where it raises; what it warns
of is printed. Pearson's r is SciPy's, the concordance and the perplexity are NumPy's by their
formulas. All compute in float64 on the values that float32 holds.

Usage: python gen_metrics.py      (scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1)
"""

import json
import pathlib
import warnings

import numpy as np
from scipy import special, stats
from sklearn import metrics as sk

rng = np.random.default_rng(20261130)
IGNORED = -100


def short(x, digits=3):
    return np.round(x, digits).astype(np.float32)


def averages(kinds, f):
    return {kind: (lambda *a, k=kind: f(*a, average=k)) for kind in kinds}


def decided(kinds):
    """What is measured of targets and predicted classes."""
    table = {"accuracy": sk.accuracy_score, "mcc": sk.matthews_corrcoef}
    for name in "precision", "recall", "f1":
        for kind, f in averages(kinds, getattr(sk, name + "_score")).items():
            table[f"{name} {kind}"] = f
    return table


def classes(output, target, ignore=IGNORED, probabilities=False):
    """Scores [N, C] or [N, C, T] and classes [N] or [N, T]."""
    n = output.shape[1]
    x, y = np.moveaxis(output, 1, -1).reshape(-1, n).astype(np.float64), target.reshape(-1)
    x, y = x[y != ignore], y[y != ignore]
    p, labels = x if probabilities else special.softmax(x, axis=1), list(range(n))
    want = {name: lambda f=f: f(y, refuse_nan(x).argmax(1)) for name, f in decided(["macro", "micro", "weighted"]).items()}
    if n > 2:
        for k in 1, 2:
            want[f"top{k}"] = lambda k=k: sk.top_k_accuracy_score(y, x, k=k, labels=labels)
        for kind in "macro", "micro", "weighted":
            want[f"auc {kind}"] = lambda kind=kind: sk.roc_auc_score(y, p, multi_class="ovr", average=kind, labels=labels)
            want[f"average_precision {kind}"] = lambda kind=kind: sk.average_precision_score(np.eye(n)[y], refuse_nan(p), average=kind)
    else:
        want["auc macro"] = lambda: sk.roc_auc_score(y, p[:, 1])
        want["average_precision macro"] = lambda: sk.average_precision_score(y, p[:, 1])
        want["f1 binary"] = lambda: sk.f1_score(y, refuse_nan(x).argmax(1))
    want["perplexity"] = lambda: np.exp(-np.mean(np.log(p[np.arange(len(y)), y]) if probabilities else
                                                 special.log_softmax(x, axis=1)[np.arange(len(y)), y]))
    want["confusion"] = lambda: sk.confusion_matrix(y, refuse_nan(x).argmax(1), labels=labels).ravel().tolist()
    return record("classes", output, target, want, ignore=ignore, probabilities=probabilities)


def binary(output, target, ignore=IGNORED, probabilities=False):
    """Scores of class 1, and 0 or 1, one for each."""
    x, y = output.reshape(-1).astype(np.float64), target.reshape(-1)
    x, y = x[y != ignore], y[y != ignore].astype(np.int64)
    want = {name: lambda f=f: f(y, refuse_nan(x) > (0.5 if probabilities else 0))
            for name, f in decided(["binary", "macro", "micro", "weighted"]).items()}
    want["auc macro"] = lambda: sk.roc_auc_score(y, x)
    want["average_precision macro"] = lambda: sk.average_precision_score(y, x)
    want["confusion"] = lambda: sk.confusion_matrix(y, refuse_nan(x) > (0.5 if probabilities else 0), labels=[0, 1]).ravel().tolist()
    return record("binary", output, target, want, ignore=ignore, probabilities=probabilities)


def regression(output, target):
    x, y = (t.reshape(len(t), t[:1].size or 1).astype(np.float64) for t in (output, target))

    def ccc():
        d = x.mean(0) - y.mean(0)
        return np.mean(2 * ((x - x.mean(0)) * (y - y.mean(0))).mean(0) / (x.var(0) + y.var(0) + d * d))

    want = {"mse": lambda: sk.mean_squared_error(y, x), "mae": lambda: sk.mean_absolute_error(y, x),
            "rmse": lambda: sk.root_mean_squared_error(y, x), "r2": lambda: sk.r2_score(y, x),
            "pearson": lambda: np.mean(stats.pearsonr(x, y).statistic), "ccc": ccc}
    return record("regression", output, target, want)


def refuse_nan(x):
    if np.isnan(x).any():
        raise ValueError("Input contains NaN.")
    return x


def record(kind, output, target, want, **settings):
    results = {}
    for name, f in want.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                value = f()
                if not isinstance(value, list):
                    value = None if np.isnan(value) else float(value)
                says = ", ".join(sorted({w.category.__name__ for w in caught}))
            except (ValueError, IndexError) as e:
                value, says = "refused", str(e).splitlines()[0]
        results[name] = value
        if says:
            notes.append((name, value, says))
    return {"kind": kind, "output": values(output), "shape": output.shape, "double": output.dtype == np.float64,
            "target": values(target), "target_shape": target.shape, "ints": target.dtype == np.int64, **settings, "want": results}


def values(x):
    """The shortest decimals that read back as the same number; null for NaN."""
    return [None if np.isnan(v) else int(v) if v == int(v) else float(str(v)) for v in x.ravel()]


def cases():
    scores = lambda *shape: short(rng.normal(0, 2, shape))
    drawn = lambda n, *shape: rng.integers(0, n, shape)
    better = lambda x, y: short(x + 2 * np.eye(x.shape[1])[y])  # right more often than not

    y = drawn(5, 60)
    yield "classes", classes(better(scores(60, 5), y), y)
    y = np.minimum(rng.geometric(0.6, 50) - 1, 3)
    yield "rare classes", classes(better(scores(50, 4), y), y)
    yield "ties", classes(np.round(scores(40, 3) / 2).astype(np.float32), drawn(3, 40))
    yield "all scores equal", classes(np.ones((6, 3), np.float32), drawn(3, 6))
    yield "targets of one class", classes(scores(12, 3), np.full(12, 1))
    yield "one class predicted", classes(short(scores(12, 3) + [0, 0, 20]), drawn(3, 12))
    yield "one class and no other", classes(short(scores(6, 3) + [20, 0, 0]), np.zeros(6, np.int64))
    yield "a class that never occurs", classes(short(scores(20, 4) - [0, 0, 30, 0]), drawn(2, 20) * 3)
    y = np.where(rng.random(30) < 0.3, IGNORED, drawn(3, 30))
    yield "ignored targets", classes(scores(30, 3), y)
    yield "class 0 ignored", classes(scores(30, 3), drawn(3, 30), ignore=0)
    yield "all ignored", classes(scores(4, 3), np.full(4, IGNORED))
    yield "no samples", classes(scores(0, 3), drawn(3, 0))
    yield "one sample", classes(scores(1, 3), np.array([2]))
    x = scores(10, 3)
    x[4, 1] = np.nan
    yield "NaN in a score", classes(x, drawn(3, 10))
    y = np.where(np.arange(10) == 4, IGNORED, drawn(3, 10))
    yield "NaN where the target is ignored", classes(x, y)
    y = drawn(3, 15)
    yield "all right", classes(short(9 * np.eye(3)[y]), y)
    yield "all wrong", classes(short(-9 * np.eye(3)[y]), y)
    yield "large logits", classes(short(scores(15, 3) * 10), y)
    p = rng.multinomial(60, [0.25] * 4, 30) + 1
    yield "probabilities", classes((p / 64).astype(np.float32), drawn(4, 30), probabilities=True)
    yield "classes in sequences", classes(scores(6, 3, 5), drawn(3, 6, 5))
    yield "two classes", classes(scores(30, 2), drawn(2, 30))

    y = drawn(2, 40)
    yield "binary", binary(short(rng.normal(0, 2, 40) + y), y)
    yield "binary column", binary(short(rng.normal(0, 2, (30, 1))), drawn(2, 30))
    yield "binary, targets of float32", binary(scores(6, 4), drawn(2, 6, 4).astype(np.float32))
    yield "binary ties", binary(np.round(scores(30) / 2).astype(np.float32), drawn(2, 30))
    yield "binary probabilities", binary(short(rng.random(30), 1), drawn(2, 30), probabilities=True)
    yield "binary, positive targets alone", binary(scores(8), np.ones(8, np.int64))
    yield "binary, negative targets alone", binary(scores(8), np.zeros(8, np.int64))
    yield "binary, nothing positive predicted", binary(-np.abs(scores(8)), drawn(2, 8))
    yield "binary, nothing positive", binary(-np.abs(scores(8)), np.zeros(8, np.int64))
    yield "binary, ignored", binary(scores(20), np.where(rng.random(20) < 0.3, IGNORED, drawn(2, 20)))
    yield "binary, no samples", binary(scores(0), drawn(2, 0))
    x = scores(8)
    x[3] = np.nan
    yield "binary, NaN in a score", binary(x, drawn(2, 8))

    y = scores(40)
    yield "regression", regression(short(y + rng.normal(0, 1, 40)), y)
    y = short(scores(30, 3) * [1, 0.1, 10] + [0, 5, -3])
    yield "three outputs", regression(short(y + rng.normal(0, 0.5, (30, 3))), y)
    y = scores(8, 2, 3)
    yield "outputs of two dimensions", regression(short(y + rng.normal(0, 0.5, y.shape)), y)
    y = np.round(rng.normal(0, 1, 30), 3) + 1e8
    yield "far from zero", regression(np.round(y + rng.normal(0, 1, 30), 3), y)
    yield "constant targets", regression(scores(9), np.full(9, 0.1, np.float32))
    yield "constant targets, met", regression(np.full(9, 0.1, np.float32), np.full(9, 0.1, np.float32))
    yield "constant outputs", regression(np.full(9, 0.1, np.float32), scores(9))
    yield "two constants", regression(np.full(9, 0.1, np.float32), np.full(9, 0.25, np.float32))
    yield "constant outputs of float64", regression(np.full(9, 0.1), scores(9).astype(np.float64))
    y = scores(12)
    yield "met", regression(y, y)
    yield "one value", regression(scores(1), scores(1))
    yield "two values", regression(scores(2), scores(2))
    yield "no values", regression(scores(0), scores(0))
    x = scores(6)
    x[2] = np.nan
    yield "NaN", regression(x, scores(6))


notes, lines = [], []
for title, c in cases():
    lines.append(f"{json.dumps(title)}: {json.dumps(c, separators=(',', ':'))}")
    for name, value, says in notes:
        print(f"{title}: {name}: {value}: {says}")
    notes.clear()
pathlib.Path(__file__).with_name("metrics.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
