# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes kinds.json: the first 300 bytes of files of many kinds, each written by
the library that defines or reads its kind, and the kind that is to be named.

Run: python gen_kinds.py (soundfile 0.14.0, numpy; all else is Python's own)
"""
import base64
import bz2
import gzip
import io
import json
import lzma
import pathlib
import plistlib
import sqlite3
import tarfile
import tempfile
import zipfile

import numpy as np
import soundfile as sf

heads = {}


def keep(name, kind, data):
    heads[name] = {"kind": kind, "head": base64.b64encode(bytes(data)[:300]).decode()}


folder = pathlib.Path(tempfile.mkdtemp())
tone = np.sin(np.arange(4000) / 9)
for kind, formats in {
    "an AU file": ["AU"], "a CAF file": ["CAF"], "an AVR file": ["AVR"], "an IRCAM file": ["IRCAM"], "an 8SVX file": ["SVX"],
    "a PAF file": ["PAF"], "a PVF file": ["PVF"], "a VOC file": ["VOC"], "a NIST SPHERE file": ["NIST"], "an XI instrument": ["XI"],
    "a Psion sound file": ["WVE"], "a MIDI sample dump": ["SDS"], "a MATLAB file": ["MAT5"], "a wav file": ["WAV", "WAVEX"],
    "an AIFF file": ["AIFF"], "a FLAC file": ["FLAC"], "an Ogg file": ["OGG"],
}.items():
    for name in formats:
        for endian in ["LITTLE", "BIG"] if name in ("AU", "IRCAM", "PAF") else ["FILE"]:
            sf.write(folder / "file", tone, 8000, format=name, subtype=sf.default_subtype(name) if name != "SVX" else "PCM_S8", endian=endian)
            keep(f"{name} {endian}", kind, (folder / "file").read_bytes())

packed = io.BytesIO()
with zipfile.ZipFile(packed, "w") as z:
    z.writestr("song.wav", b"x" * 50)
keep("zip", "a zip archive", packed.getvalue())
packed = io.BytesIO()
zipfile.ZipFile(packed, "w").close()
keep("empty zip", "a zip archive", packed.getvalue())
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w") as t:
    t.addfile(tarfile.TarInfo("song.wav"))
keep("tar", "a tar archive", packed.getvalue())
keep("gzip", "a gzip file", gzip.compress(b"song", mtime=0))
keep("bzip2", "a bzip2 file", bz2.compress(b"song"))
keep("xz", "an xz file", lzma.compress(b"song"))
array = io.BytesIO()
np.save(array, np.zeros(3))
keep("npy", "a NumPy array", array.getvalue())
keep("plist", "a property list", plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY))
database = sqlite3.connect(folder / "base")
database.execute("create table a (b)")
database.commit()
keep("sqlite", "an SQLite database", (folder / "base").read_bytes())

here = pathlib.Path(__file__).parent
(here / "kinds.json").write_text(json.dumps(heads, indent=1, sort_keys=True) + "\n")
