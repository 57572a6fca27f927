# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes mel.json: the feature of made signals, by librosa 0.11.

usage: gen_mel.py > mel.json

The signals are made again in mel_test.go from the same few lines; only the
features are stored. `trusted` counts the bands below 0.85 of the lower Nyquist
frequency, where any good resampler gives the same.
"""
import json

import librosa
import numpy as np


def signal(kind, n, rate):
    i = np.arange(n)
    t = i / rate
    if kind == "chord":
        return 0.2 * sum(np.sin(2 * np.pi * f * t) for f in (220.0, 277.5, 330.0, 1760.0))
    if kind == "chirp":
        return 0.5 * np.sin(2 * np.pi * (50 + 0.2 * rate * t / 2) * t) * np.exp(-t)
    if kind == "noise":  # a 32-bit linear congruential generator
        x, out = 1, []
        for _ in range(n):
            x = (1664525 * x + 1013904223) % 2**32
            out.append(x / 2**31 - 1)
        return 0.1 * np.array(out)
    if kind == "click":
        y = np.zeros(n)
        y[0] = 0.5
        return y
    raise ValueError(kind)


cases = []
for kind, n, rate in [
    ("chord", 44100, 22050), ("chirp", 44100, 22050), ("noise", 30000, 22050),
    ("noise", 1, 22050), ("click", 1, 22050), ("click", 511, 22050), ("noise", 512, 22050),
    ("chord", 88200, 44100), ("chirp", 70000, 48000), ("noise", 16000, 8000),
    ("chirp", 20000, 11025), ("noise", 44099, 44099), ("noise", 96000, 96000),
    ("noise", 5000, 192000), ("chord", 2468, 1234),
]:
    y = signal(kind, n, rate).astype(np.float32)
    if rate != 22050:
        y = librosa.resample(y, orig_sr=rate, target_sr=22050)  # soxr_hq, as librosa.load
    mel = librosa.feature.melspectrogram(y=y, sr=22050, n_mels=128, n_fft=2048, hop_length=512, fmax=11025, pad_mode="constant")
    db = librosa.power_to_db(mel, ref=np.max, top_db=80)
    centres = librosa.mel_frequencies(n_mels=130, fmin=0, fmax=11025)[2:]
    trusted = 128 if rate == 22050 else int((centres < 0.85 * min(rate, 22050) / 2).sum())
    cases.append({"signal": kind, "samples": n, "rate": rate, "trusted": trusted,
                  "feature": [round(float(v), 7) for v in db.mean(axis=1) / 80]})

print("[" + ",\n".join(json.dumps(c) for c in cases) + "]")
