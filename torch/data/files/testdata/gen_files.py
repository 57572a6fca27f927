# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes tables, arrays and images, and what is in them: tables.json, arrays.pt, images.pt.

Tables are read here with Python's csv, means and classes made with numpy; arrays are
numpy's; images are PNG files packed by hand, and resized by PyTorch's interpolate with
antialias, which is what torchvision's Resize calls for tensors.
Run: python gen_files.py (numpy 2.4.6, torch 2.15.0, safetensors 0.8.0).
"""
import csv
import json
import os
import pathlib
import struct
import zlib

import numpy as np
import torch
from safetensors.torch import save_file

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(3)

# A table with a byte order mark, CRLF, quotes, a line break in a field, and missing values.
rows = []
for i in range(40):
    age = "" if i % 13 == 5 else repr(float(rng.integers(100, 900)) / 10)
    income = "NA" if i == 7 else f"{rng.normal() * 1e4:.3e}"
    rows.append([f"person {i}, \"{'abc'[i % 3]}\"", age, income, str(rng.integers(0, 12)), ["über", "no", "yes, a\nlittle"][rng.integers(0, 3)],
                 f"house {i // 4}", repr(float(rng.normal()))])
header = ["name", "age", "income", "rooms", "answer", "house", "score"]
with open(here / "people.csv", "w", newline="", encoding="utf-8-sig") as f:
    csv.writer(f).writerows([header] + rows)
with open(here / "people.tsv", "w", newline="", encoding="utf-8") as f:
    csv.writer(f, dialect="excel-tab").writerows(rows)
with open(here / "people.jsonl", "w", encoding="utf-8") as f:
    for r in rows:
        number = lambda text: None if text in ("", "NA") else float(text)
        f.write(json.dumps({"name": r[0], "age": number(r[1]), "income": number(r[2]), "rooms": int(r[3]), "answer": r[4],
                            "house": r[5], "score": float(r[6]), "grid": [[float(r[6]), 1], [True, int(r[3])], [0, -2.5]]}) + "\n")
with open(here / "people.csv", newline="", encoding="utf-8-sig") as f:
    read = list(csv.DictReader(f))


def numbers(column, missing):
    x = np.array([np.float32(missing) if r[column] in ("", "NA") else np.float32(r[column]) for r in read], dtype=np.float32)
    return x


def classes(column, of=str):
    words, codes = np.unique([of(r[column]) for r in read], return_inverse=True)
    return {"words": [str(w) for w in words], "codes": codes.tolist()}


mean = np.float32(np.nanmean(numbers("age", np.nan), dtype=np.float64))
out = {
    "age": numbers("age", mean).tolist(), "mean": float(mean), "income": numbers("income", -1).tolist(),
    "rooms": numbers("rooms", 0).tolist(), "score": numbers("score", 0).tolist(), "names": [r["name"] for r in read],
    "houses": [r["house"] for r in read], "answers": classes("answer"), "rooms_as_classes": classes("rooms", int),
    "complete": [i for i, r in enumerate(read) if r["age"] and r["income"] != "NA"],
}
(here / "tables.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")

# Every type, order of bytes, order of dimensions, and some shapes.
arrays = {}
for kind in "?bhilBHILefdFD":
    native = np.dtype(kind)
    x = rng.integers(0, 2 if kind == "?" else 100, (2, 3, 4)).astype(native)
    if kind in "FD":
        x = x + 1j * x[::-1]
    for order in "<>":
        for dims in "CF":
            arrays[f"{native.name}{'_big' if order == '>' else ''}{'_fortran' if dims == 'F' else ''}"] = np.array(x, native.newbyteorder(order), order=dims)
arrays |= {"no_dimensions": np.float32(2.5), "empty": np.zeros((0, 3)), "one": np.arange(5), "column": np.asfortranarray(np.arange(5.0))}
np.savez(here / "arrays.npz", texts=np.array(["a", "b"]), records=np.zeros(2, "i4,f4"), objects=np.array([None]), dates=np.zeros(2, "M8[s]"), **arrays)
torch.save({name: torch.from_numpy(np.ascontiguousarray(a, a.dtype.newbyteorder("=")).reshape(a.shape)) for name, a in arrays.items()}, here / "arrays.pt")
samples = {"images": rng.integers(0, 255, (6, 1, 2, 2), dtype=np.uint8), "labels": np.arange(6) % 3, "a": rng.normal(size=6), "b": rng.normal(size=(6, 2))}
np.savez_compressed(here / "samples.npz", **samples)
save_file({k: torch.from_numpy(v) for k, v in samples.items()}, here / "samples.safetensors")
torch.save({"data": {k: torch.from_numpy(v) for k, v in samples.items()}, "bias": torch.nn.Parameter(torch.zeros(6))}, here / "samples.pt")
for version in (1, 2, 3):
    with open(here / f"version{version}.npy", "wb") as f:
        np.lib.format.write_array(f, np.asfortranarray(arrays["int16"][0]), version=(version, 0))


def png(path, pixels, kind, palette=b""):
    """pixels: [h, w, bytes per pixel]; kind: 0 grey, 2 RGB, 3 palette, 6 RGBA."""
    path.parent.mkdir(parents=True, exist_ok=True)
    h, w, _ = pixels.shape
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, kind, 0, 0, 0)) + palette
                     + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))) + chunk(b"IEND", b""))


root = here / "images"
y, x = np.mgrid[0:20, 0:15]
smooth = np.stack([10 * y + 3 * x, 255 - 12 * y, 128 + 100 * np.sin(x + y)], -1).astype(np.uint8)
alpha = np.concatenate([smooth, (x * 17 % 256)[..., None].astype(np.uint8)], -1)
noise = rng.integers(0, 256, (20, 15, 3), dtype=np.uint8)
colours = rng.integers(0, 256, (4, 3), dtype=np.uint8)
index = rng.integers(0, 4, (20, 15, 1), dtype=np.uint8)
grey = noise[..., :1]
chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
files = {
    "Zebra/x.png": smooth, "Zebra/a/c/1.png": noise, "Zebra/a-b/1.PNG": alpha, "cat/10.png": np.repeat(grey, 3, -1), "cat/9.png": colours[index[..., 0]],
}
png(root / "Zebra/x.png", smooth, 2)
png(root / "Zebra/a/c/1.png", noise, 2)
png(root / "Zebra/a-b/1.PNG", alpha, 6)
png(root / "cat/10.png", grey, 0)
png(root / "cat/9.png", index, 3, chunk(b"PLTE", colours.tobytes()) + chunk(b"tRNS", b"\0\x80"))
(root / "cat/bad.png").write_bytes((root / "cat/10.png").read_bytes()[:60])
(root / "cat/notes.txt").write_text("no image\n")
(root / "empty").mkdir(exist_ok=True)
(root / "empty" / ".keep").write_text("")
(root / "readme.md").write_text("no class\n")
# The order of torchvision's ImageFolder.make_dataset.
order = [(pathlib.Path(folder) / name).relative_to(root).as_posix() for label in sorted(p.name for p in root.iterdir() if p.is_dir())
         for folder, _, names in sorted(os.walk(root / label, followlinks=True)) for name in sorted(names)]
order = [name for name in order if name in files]
assert len(order) == len(files) and order != sorted(order)
pixels = torch.stack([torch.from_numpy(files[name][..., :3].copy()).permute(2, 0, 1) for name in order])
rgb = pixels.to(torch.int64)
resized = {f"{h}x{w}": torch.nn.functional.interpolate(pixels.float(), (h, w), mode="bilinear", antialias=True).round().to(torch.uint8)
           for h, w in ((8, 6), (40, 45), (7, 30))}
torch.save({"paths": order, "rgb": pixels.clone(memory_format=torch.contiguous_format), "unit": pixels.float() / 255,
            "grey": ((rgb[:, :1] * 19595 + rgb[:, 1:2] * 38470 + rgb[:, 2:] * 7471 + 32768) >> 16).to(torch.uint8)} | resized, here / "images.pt")
