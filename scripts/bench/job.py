# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Does in Python what `etude train emotion melody` does: features, 50 epochs, the best weights.

usage: job.py train DATA OUT CACHE [NETWORK SEED]
                                       trains both networks, or one with a seed; prints samples, mean input,
                                       mean target and best loss of each
       job.py infer OUT/emotion.pt FILE

Files are read by as many processes as there are processors, and features are kept in
CACHE. A batch is an index_select, Adam is fused, and losses are read once an epoch.
"""

import concurrent.futures
import csv
import json
import math
import os
import pathlib
import sys

import numpy as np


def emotion_features(path):
    import librosa

    y, _ = librosa.load(path, sr=22050, duration=2.0)
    mel = librosa.feature.melspectrogram(y=y, sr=22050, n_mels=128, n_fft=2048, hop_length=512, fmax=11025, pad_mode="constant")
    return librosa.power_to_db(mel, ref=np.max, top_db=80).mean(axis=1) / 80


def melody_features(path):
    import mido

    notes = [m.note for m in mido.MidiFile(path) if m.type == "note_on" and m.velocity > 0]
    return np.bincount(notes, minlength=128) / len(notes)


def embedding(label):
    return np.repeat(np.tanh([float(label["valence"]), float(label["arousal"])]), 32)


def samples(network, data, cache):
    """Inputs, targets and groups."""
    folder = pathlib.Path(data, "training", "audio" if network == "emotion" else "midi")
    if network == "emotion":
        with open(folder / "labels.csv") as f:
            labels = {row["filename"]: row for row in csv.DictReader(f)}
    else:
        labels = json.loads((folder / "emotion_labels.json").read_text())
    kept = pathlib.Path(cache, network + ".npy")
    if kept.exists():
        features = np.load(kept)
    else:
        read = emotion_features if network == "emotion" else melody_features
        with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
            features = np.array(list(pool.map(read, [folder / name for name in labels], chunksize=8)))
        np.save(kept, features)
    embeddings = np.array([embedding(label) for label in labels.values()])
    x, y = (features, embeddings) if network == "emotion" else (embeddings, features)
    return x.astype(np.float32), y.astype(np.float32), [label["group"] for label in labels.values()]


def networks():
    sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "models" / "testdata"))
    import gen_networks

    return gen_networks.NETWORKS


def train(data, out, cache, one=None, seed="42"):
    read = {network: samples(network, data, cache) for network in ([one] if one else ["emotion", "melody"])}  # before libtorch has threads
    seed = int(seed)
    import torch

    torch.set_num_threads(1)
    for network, (x, y, groups) in read.items():
        torch.manual_seed(seed)
        cls, _, _, loss, lr = networks()[network]
        model = cls()
        adam = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=1e-4, fused=True)
        held = set(np.random.default_rng(seed).permutation(sorted(set(groups)))[: len(set(groups)) // 5])
        mask = torch.tensor([group in held for group in groups])
        x, y = torch.from_numpy(x), torch.from_numpy(y)
        tx, ty, vx, vy = x[~mask], y[~mask], x[mask], y[mask]
        best = math.inf
        for _ in range(50):
            order, losses = torch.randperm(len(tx)), []
            for indices in order.split(64):
                adam.zero_grad()
                value = loss(model(tx.index_select(0, indices)), ty.index_select(0, indices))
                value.backward()
                adam.step()
                losses.append(value.detach())
            torch.stack(losses).mean().item()
            with torch.no_grad():
                value = loss(model(vx), vy).item()
            if value < best:
                best = value
                torch.save(model.state_dict(), pathlib.Path(out, network + ".pt"))
        print(len(x), x.mean().item(), y.mean().item(), best)


def infer(model, path):
    import torch

    network = networks()["emotion"][0]()
    network.load_state_dict(torch.load(model))
    with torch.inference_mode():
        print(network(torch.from_numpy(emotion_features(path).astype(np.float32))[None]).mean().item())


if __name__ == "__main__":
    {"train": train, "infer": infer}[sys.argv[1]](*sys.argv[2:])
