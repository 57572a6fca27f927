# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes mp3.json: short MP3 files by LAME and what libsndfile (mpg123) reads.

usage: gen_mp3.py > mp3.json

One file of each MPEG version, with transients for short blocks; `every5th`
holds samples 0, 5, 10 … of the mean of the channels.
"""
import base64
import io
import json

import numpy as np
import soundfile as sf

rng = np.random.default_rng(3)
out = []
for rate, channels, seconds, mode, level in [
    (44100, 2, 0.2, "VARIABLE", 0.5), (22050, 2, 0.3, "CONSTANT", 0.7), (8000, 1, 0.5, "AVERAGE", 0.5),
]:
    t = np.arange(int(rate * seconds)) / rate
    y = 0.3 * np.sin(2 * np.pi * 440 * t)[:, None] * np.linspace(0.5, 1, channels)
    y[len(t) // 2 : len(t) // 2 + 60] += rng.normal(0, 0.4, (60, channels))
    buf = io.BytesIO()
    sf.write(buf, y, rate, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode, compression_level=level)
    data, _ = sf.read(io.BytesIO(buf.getvalue()), dtype="float64", always_2d=True)
    mono = data.mean(axis=1)
    out.append({
        "rate": rate, "channels": channels, "frames": len(mono),
        "mp3": base64.b64encode(buf.getvalue()).decode(),
        "every5th": [round(float(v), 8) for v in mono[::5]],
    })
print("[" + ",\n".join(json.dumps(o) for o in out) + "]")
