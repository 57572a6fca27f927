# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes each clip of music in many encodings, so that their features can be compared.

usage: gen_twins.py OUT FILE …

Of each file the first 3 s, as 16 bits, become OUT/NUMBER-ENCODING.EXTENSION.
"""
import sys
from pathlib import Path

import numpy as np
import soundfile as sf

ENCODINGS = {
    "pcm_16": ("wav", "WAV", "PCM_16"),
    "pcm_24": ("wav", "WAV", "PCM_24"),
    "pcm_32": ("wav", "WAV", "PCM_32"),
    "float": ("wav", "WAV", "FLOAT"),
    "double": ("wav", "WAV", "DOUBLE"),
    "extensible": ("wav", "WAVEX", "PCM_16"),
    "rf64": ("rf64", "RF64", "PCM_16"),
    "aiff": ("aiff", "AIFF", "PCM_16"),
    "flac": ("flac", "FLAC", "PCM_16"),
    "ulaw": ("wav", "WAV", "ULAW"),
    "alaw": ("wav", "WAV", "ALAW"),
    "pcm_u8": ("wav", "WAV", "PCM_U8"),
    "mp3": ("mp3", "MP3", "MPEG_LAYER_III"),
}

out = Path(sys.argv[1])
for number, path in enumerate(sys.argv[2:]):
    with sf.SoundFile(path) as f:
        rate, data = f.samplerate, f.read(3 * f.samplerate, dtype="int16", always_2d=True)
    samples = data.astype(np.float64) / 32768
    for name, (extension, container, subtype) in ENCODINGS.items():
        if container == "MP3" and rate not in (16000, 22050, 24000, 32000, 44100, 48000):
            continue
        target = out / f"{number}-{name}.{extension}"
        sf.write(target, samples, rate, format=container, subtype=subtype)
