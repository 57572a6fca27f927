# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Computes the log-mel feature of sound files with libsndfile, soxr and librosa, on demand.

Says that it is ready. Each line of input is "VARIANT PATH"; the answer is the milliseconds
of processor time that it took. Variants: librosa calls melspectrogram, which makes the mel
filters for each file; kept makes them once.
"""

import sys
import time

import librosa
import numpy as np

SHAPE = dict(n_fft=2048, hop_length=512, pad_mode="constant")
FILTERS = librosa.filters.mel(sr=22050, n_fft=2048, n_mels=128, fmax=11025)


def feature(variant, path):
    y, _ = librosa.load(path, sr=22050, duration=2.0)
    if variant == "kept":
        mel = FILTERS @ np.abs(librosa.stft(y, **SHAPE)) ** 2
    else:
        mel = librosa.feature.melspectrogram(y=y, sr=22050, n_mels=128, fmax=11025, **SHAPE)
    return librosa.power_to_db(mel, ref=np.max, top_db=80).mean(axis=1) / 80


print("ready", flush=True)
for line in sys.stdin:
    variant, path = line.rstrip("\n").split(" ", 1)
    start = time.process_time()
    feature(variant, path)
    print((time.process_time() - start) * 1e3, flush=True)
