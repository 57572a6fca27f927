# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes sound files of every kind libsndfile can write, and what it reads back.

usage: gen_streams.py OUT [FILE …]

Further files are only read. OUT gets the files and, for each, NUMBER.f64: the
mean of its channels as little-endian float64, and index.json: [{file, rate,
channels, frames, error}], error being why libsndfile refuses a file.
"""
import json
import sys
from pathlib import Path

import numpy as np
import soundfile as sf

out = Path(sys.argv[1])
rng = np.random.default_rng(5)
index = []


def music(rate, channels, seconds=1.0):
    """Decaying partials and noise bursts: transients make an encoder use all
    block types, and channels that are alike make it use joint stereo."""
    t = np.arange(int(rate * seconds)) / rate
    y = np.zeros((len(t), channels))
    for onset in np.arange(0, seconds, 0.17):
        f = 110 * 2 ** rng.uniform(0, 4)
        env = np.where(t >= onset, np.exp(-6 * (t - onset)), 0)
        pan = rng.uniform(0.2, 1, channels)
        for k in range(1, 8):
            y += (env * np.sin(2 * np.pi * f * k * t) / k)[:, None] * pan
        burst = (t >= onset) & (t < onset + 0.01)
        y[burst] += rng.normal(0, 0.5, (burst.sum(), 1)) * pan
    return 0.7 * y / np.abs(y).max()


def add(name, rate, channels, **how):
    try:
        sf.write(out / name, music(rate, channels), rate, **how)
    except (sf.LibsndfileError, ValueError):  # a combination it does not write
        return
    read(out / name)


def read(path):
    # Reading to the end matters: an MP3's declared length may be an estimate.
    try:
        with sf.SoundFile(path) as f:
            data, rate, channels = f.read(dtype="float64", always_2d=True), f.samplerate, f.channels
    except sf.LibsndfileError as e:
        index.append({"file": str(path), "error": str(e)})
        return
    data.mean(axis=1).astype("<f8").tofile(out / f"{len(index)}.f64")
    index.append({"file": str(path), "rate": rate, "channels": channels, "frames": len(data)})


for path in sys.argv[2:]:
    read(path)
for rate in (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000):
    for channels in (1, 2):
        for mode in ("CONSTANT", "AVERAGE", "VARIABLE"):
            for level in (0.0, 0.5, 0.95):
                add(f"mp3-{rate}-{channels}-{mode}-{level}.mp3", rate, channels,
                    format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode, compression_level=level)
for subtype in ("PCM_S8", "PCM_16", "PCM_24"):
    for channels in (1, 2, 3, 8):
        for level in (0.0, 0.5, 1.0):
            add(f"flac-{subtype}-{channels}-{level}.flac", 44100, channels,
                format="FLAC", subtype=subtype, compression_level=level)
for form in ("WAV", "WAVEX", "RF64"):
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"):
        for endian in ("LITTLE", "BIG"):
            if form == "WAV" or endian == "LITTLE":
                add(f"{form}-{subtype}-{endian}.wav", 48000, 2, format=form, subtype=subtype, endian=endian)
for subtype in ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"):
    for endian in ("FILE", "LITTLE", "BIG"):
        for channels in (1, 2, 5):
            add(f"AIFF-{subtype}-{endian}-{channels}.aiff", 44100, channels, format="AIFF", subtype=subtype, endian=endian)
for form in ("WAV", "W64"):
    for subtype in ("IMA_ADPCM", "MS_ADPCM", "PCM_U8", "PCM_24", "DOUBLE", "ULAW"):
        for rate in (8000, 22050, 44100):
            for channels in (1, 2):
                add(f"{form}-{subtype}-{rate}-{channels}.{form.lower()}", rate, channels, format=form, subtype=subtype)
# The bit rate falls from 256 to 6 kb/s a channel: the first two are CELT, in the
# others the encoder takes SILK, or both, where that suits.
for rate in (8000, 12000, 16000, 24000, 48000):
    for channels in (1, 2):
        for level in (0.0, 0.5, 0.9, 0.95, 1.0):
            add(f"{'celt' if level < 0.9 else 'silk'}-{rate}-{channels}-{level}.opus", rate, channels,
                format="OGG", subtype="OPUS", compression_level=level)

(out / "index.json").write_text(json.dumps(index))
