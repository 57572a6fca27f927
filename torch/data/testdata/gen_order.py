# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes order.json: splits and epoch orders, computed without Go.

PCG with 128 bits of state and the DXSM output function is M. O'Neill's
(https://www.pcg-random.org), with the full 128-bit multiplier; the bounded
draw is D. Lemire's (arXiv 1805.10941), powers of two by their low bits.
Run: python gen_order.py (Python only).
"""
import json
import math
import pathlib

MASK64, MASK128 = (1 << 64) - 1, (1 << 128) - 1
MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
INCREMENT = 0x5851F42D4C957F2D14057B7EF767814F


class PCG:
    def __init__(self, high, low):
        self.state = high << 64 | low

    def next(self):
        self.state = (self.state * MULTIPLIER + INCREMENT) & MASK128
        high, low = self.state >> 64, self.state & MASK64
        high ^= high >> 32
        high = high * 0xDA942042E4DD58B5 & MASK64
        high ^= high >> 48
        return high * (low | 1) & MASK64

    def below(self, n):
        if n & (n - 1) == 0:
            return self.next() & (n - 1)
        while True:
            product = self.next() * n
            if product & MASK64 >= (1 << 64) % n:
                return product >> 64


def shuffled(items, seed, stream):
    items, rng = list(items), PCG(seed, stream)
    for i in range(len(items) - 1, 0, -1):
        j = rng.below(i + 1)
        items[i], items[j] = items[j], items[i]
    return items


def validation(groups, share, seed):
    order = shuffled(sorted(set(groups)), seed, 0)
    want, chosen, have = math.ceil(round(share * len(groups), 6)), set(), 0
    while order[1:] and have < want:
        group = order.pop(0)
        chosen.add(group)
        have += groups.count(group)
    return [i for i, g in enumerate(groups) if g in chosen]


orders = [
    {"n": n, "seed": seed, "epoch": epoch, "order": shuffled(range(n), seed, epoch + 1)}
    for n, seed, epoch in [(1, 42, 0), (2, 42, 0), (16, 42, 0), (16, 42, 1), (16, 43, 0), (100, 2**64 - 1, 49), (300, 0, 7)]
]
splits = []
for count, per, share, seed in [(2, 1, 0.2, 42), (30, 1, 0.1, 42), (40, 3, 0.2, 42), (40, 3, 0.2, 43), (7, 5, 0.9, 1), (3, 1, 0.99, 5)]:
    # Uneven groups, first seen out of their order by name.
    groups = [f"song {g * 17 % count}" for g in range(count) for _ in range(1 + g % per)]
    splits.append({"groups": groups, "share": share, "seed": seed, "val": validation(groups, share, seed)})
text = json.dumps({"orders": orders, "splits": splits}).replace('}, {"', '},\n {"')
(pathlib.Path(__file__).parent / "order.json").write_text(text + "\n")
