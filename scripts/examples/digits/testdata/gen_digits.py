# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes digits.csv.gz: 1,797 handwritten digits of 8×8 points from 0 to 16.

They are the test part of "Optical Recognition of Handwritten Digits" by E. Alpaydin and
C. Kaynak (UCI Machine Learning Repository, https://doi.org/10.24432/C50P49), CC BY 4.0,
as scikit-learn carries them.
Run: python gen_digits.py (scikit-learn 1.9.1).
"""
import gzip
import pathlib

from sklearn.datasets import load_digits

digits = load_digits()
lines = [",".join([*digits.feature_names, "digit"])]
lines += [",".join(str(int(v)) for v in [*x, y]) for x, y in zip(digits.data, digits.target)]
text = "\n".join(lines) + "\n"
pathlib.Path(__file__).with_name("digits.csv.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
