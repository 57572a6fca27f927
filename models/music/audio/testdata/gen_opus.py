# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes opus.json: short Ogg Opus files and what libsndfile (libopus) reads.

usage: gen_opus.py > opus.json

The first is of CELT alone, the second of SILK alone, decoded to 48 and 16 kHz;
`every5th` holds samples 0, 5, 10 … of the mean of the channels.
"""
import base64
import io
import json

import numpy as np
import soundfile as sf

rng = np.random.default_rng(4)
out = []
for rate, channels, seconds, level in [(48000, 2, 0.15, 0.8), (16000, 1, 0.3, 1.0)]:
    t = np.arange(int(rate * seconds)) / rate
    y = 0.3 * np.sin(2 * np.pi * 440 * t)[:, None] * np.linspace(0.5, 1, channels)
    y[len(t) // 2 : len(t) // 2 + 60] += rng.normal(0, 0.2, (60, channels))
    buf = io.BytesIO()
    sf.write(buf, y, rate, format="OGG", subtype="OPUS", compression_level=level)
    data, read_rate = sf.read(io.BytesIO(buf.getvalue()), dtype="float64", always_2d=True)
    mono = data.mean(axis=1)
    out.append({
        "rate": read_rate, "channels": channels, "frames": len(mono),
        "opus": base64.b64encode(buf.getvalue()).decode(),
        "every5th": [round(float(v), 7) for v in mono[::5]],
    })
print(json.dumps(out))
