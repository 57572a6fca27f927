# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes splits.json: the sizes of scikit-learn's splits.

Which samples are drawn differs by generator; how many, of which class, does not. Where
scikit-learn draws which of two classes with the same remainder gives one sample more, the
case is left out.
Run: python gen_splits.py (scikit-learn 1.9.1, numpy 2.4.6).
"""
import json
import pathlib

import numpy as np
from sklearn.model_selection import (GroupKFold, KFold, StratifiedKFold, StratifiedShuffleSplit,
                                     train_test_split)

rng = np.random.default_rng(7)
random, stratified, folds, stratified_folds, group_folds = [], [], [], [], []
for n in (2, 3, 5, 10, 31, 64, 100, 999):
    for share in (0.1, 0.15, 0.2, 0.25, 1 / 3, 0.5):
        if np.ceil(share * n) < n:
            random.append({"n": n, "share": share, "val": len(train_test_split(range(n), test_size=share)[1])})
    folds += [{"n": n, "k": k, "sizes": sorted(len(v) for _, v in KFold(k).split(range(n)))} for k in (2, 3, 5, 10) if k <= n]


def classes(n, k):
    y = np.concatenate([np.repeat(np.arange(k), k + 2), rng.choice(k, n, p=rng.dirichlet(np.ones(k)))])
    return rng.permutation(y)


for n, k, share in [(20, 2, 0.25), (60, 3, 0.2), (150, 5, 0.3), (200, 7, 0.15), (90, 4, 0.5), (300, 10, 0.1), (77, 6, 1 / 3)]:
    while True:
        y = classes(n, k)
        exact = np.bincount(y) * np.ceil(share * len(y)) / len(y)
        rest = np.sort(np.round(exact % 1, 9))[::-1]
        more = round(rest.sum())
        if more == 0 or rest[more - 1] > rest[more]:
            break
    _, val = next(StratifiedShuffleSplit(1, test_size=share, random_state=1).split(y, y))
    stratified.append({"classes": y.tolist(), "share": share, "val": np.bincount(y[val]).tolist()})
for n, k, parts in [(20, 2, 2), (60, 3, 5), (150, 5, 4), (90, 4, 6)]:
    y = classes(n, k)
    stratified_folds.append({"classes": y.tolist(), "k": parts, "val": [
        np.bincount(y[v], minlength=k).tolist() for _, v in StratifiedKFold(parts).split(y, y)]})
    groups = [str(g) for g in y * 3 + rng.integers(0, 3, len(y))]
    group_folds.append({"groups": groups, "k": parts, "sizes": sorted(
        len(v) for _, v in GroupKFold(parts).split(y, y, groups))})
out = {"random": random, "stratified": stratified, "folds": folds, "stratified_folds": stratified_folds, "group_folds": group_folds}
pathlib.Path(__file__).with_name("splits.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
