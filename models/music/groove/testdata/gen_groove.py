# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The reference for GroovePredictor's 32 targets, and its pieces.

Without arguments: composes small .mid files, writes them and groove.json
beside itself. With files as arguments: one JSON line for each of them,
{"file", "windows": [{"first_bar", "bars", "target"}]}, bars from 0, or
{"file", "error"}.

Usage: python gen_groove.py [FILE.mid ...]      (numpy 2.4.6, mido 1.3.3)
"""

import math
import pathlib
import sys
from fractions import Fraction

import mido
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "../../../internal/musictest"))
import pieces

BARS = 4  # of a window
STEPS = 16  # of a bar
FEWEST = 4  # hits of a window that is shorter


def read(path):
    """(tick, velocity) of all note-ons by tick, (tick, quarters in a bar) by tick, ticks per quarter note."""
    file = mido.MidiFile(path)
    if file.ticks_per_beat <= 0:
        raise ValueError(f"{file.ticks_per_beat} ticks per quarter note")
    hits, metres = [], []
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity > 0:
                hits.append((tick, message.velocity))
            elif message.type == "time_signature":
                if message.numerator == 0:
                    raise ValueError(f"a bar of {message.numerator}/{message.denominator}")
                metres.append((tick, Fraction(4 * message.numerator, message.denominator)))
    hits.sort(key=lambda h: h[0])
    # choice: of several signatures at one tick the last holds, by track, then by place in it
    metres.sort(key=lambda m: m[0])
    return hits, list(dict(metres).items()), file.ticks_per_beat


def bars_of(metres, ticks_per_beat, last_tick):
    """The ticks at which bars begin, from 0 to the first one after last_tick."""
    # choice: a step is a share of the bar's ticks, so the tempo moves no hit, not inside a bar either
    # choice: 4/4 until the first signature
    lines, length, changes = [Fraction(0)], Fraction(4 * ticks_per_beat), list(metres)
    while lines[-1] <= last_tick:
        while changes and changes[0][0] <= lines[-1]:
            length = changes.pop(0)[1] * ticks_per_beat
        # A repeated signature is not a change.
        while changes and changes[0][1] * ticks_per_beat == length:
            changes.pop(0)
        line = lines[-1] + length
        # choice: a change inside a bar ends that bar there; what is left of it has 16 steps, too
        if changes and changes[0][0] < line:
            line = Fraction(changes[0][0])
        lines.append(line)
    return lines


def place(tick, lines, bar):
    """The bar, the step and the offset in half-steps of a hit that lies in the bar."""
    step_length = (lines[bar + 1] - lines[bar]) / STEPS
    position = (tick - lines[bar]) / step_length
    step = math.floor(position + Fraction(1, 2))
    # choice: the offset of a hit at step 16 is measured in steps of the bar that it lies in
    offset = float((position - step) * 2)
    return (bar, step, offset) if step < STEPS else (bar + 1, 0, offset)


def windows_of(path):
    hits, metres, ticks_per_beat = read(path)
    if not hits:
        return []
    lines = bars_of(metres, ticks_per_beat, hits[-1][0])
    placed, bar = [], 0
    for tick, velocity in hits:
        while lines[bar + 1] <= tick:
            bar += 1
        placed.append((*place(tick, lines, bar), velocity))
    # choice: the piece ends with the bar of its last hit, the next one where that is step 16
    bars = max(p[0] for p in placed) + 1
    result = []
    for first in range(0, bars, BARS):
        inside = [p for p in placed if first <= p[0] < first + BARS]
        # choice: a window of 4 bars counts with however few hits, with none, too
        if bars - first < BARS and len(inside) < FEWEST:
            continue
        target = np.zeros(2 * STEPS)
        for step in range(STEPS):
            here = [p for p in inside if p[1] == step]
            if here:
                target[step] = np.mean([p[3] for p in here]) / 127
                target[STEPS + step] = np.mean([p[2] for p in here])
        result.append({"first_bar": first, "bars": min(BARS, bars - first), "target": pieces.digits(target)})
    return result


class Song(pieces.Song):
    def hit(self, tick, pitch, velocity, track=0, channel=9, length=10, zero=False):
        self.note(tick, length, pitch, velocity, track, channel, zero)

    def metre(self, tick, numerator, denominator, track=0):
        self.add(track, tick, "time_signature", numerator=numerator, denominator=denominator)

    def tempo(self, tick, tempo, track=0):
        self.add(track, tick, "set_tempo", tempo=tempo)


def beat(song, rng, first, last, bar, steps=16, early=-20, late=20, **where):
    """A kick, a snare and hats from tick first to tick last, each a little early or late."""
    count = 0
    while first < last:
        for step in range(steps):
            tick = first + bar * step // steps
            pitch = 36 if step % 8 == 0 else 38 if step % 8 == 4 else 42
            if pitch != 42 or step % 2 == 0:
                moved = max(0, tick + int(rng.integers(early, late + 1)))
                song.hit(moved, pitch, int(rng.integers(30, 128)), zero=count % 3 == 0, **where)
                count += 1
        first += bar


def straight():
    """Two windows of four bars in 4/4, which no signature gives, and two bars more."""
    rng, song = np.random.default_rng(1), Song(480)
    beat(song, rng, 0, 10 * 1920, 1920, early=-40, late=50)
    return song


def swing():
    """Off-beats at two thirds of the quarter; the last bar alone has four hits."""
    rng, song = np.random.default_rng(2), Song(96)
    song.metre(0, 4, 4)
    for i in range(32):
        song.hit(i * 48 + (16 if i % 2 else 0), 42, 50 + 30 * (i % 2) + int(rng.integers(0, 30)))
    for i in range(4):
        song.hit(4 * 384 + i * 96 + 3, 36, 90 + i)
    return song


def waltz():
    """3/4 with tempo changes in another track, two of them inside bars."""
    rng, song = np.random.default_rng(3), Song(384, tracks=2)
    song.metre(0, 3, 4)
    for tick, value in [(0, 400000), (1000, 900000), (1152 * 3, 300000), (1152 * 5 + 700, 650000)]:
        song.tempo(tick, value)
    beat(song, rng, 0, 7 * 1152, 1152, steps=12, early=-20, late=30, track=1)
    return song


def seven():
    """7/8, then 6/8, then 5/4, then 2/2, at bar lines; a bar of 7/8 is not a whole number of steps."""
    rng, song = np.random.default_rng(4), Song(100, tracks=2)
    tick = 0
    for numerator, denominator, count in [(7, 8, 5), (6, 8, 4), (5, 4, 2), (2, 2, 3)]:
        song.metre(tick, numerator, denominator)
        bar = 400 * numerator // denominator
        beat(song, rng, tick, tick + count * bar, bar, steps=numerator * 2, early=-9, late=9, track=1)
        tick += count * bar
    return song


def ahead():
    """Hits just before bar lines are step 0 of the next bar, window or a bar beyond the last."""
    song = Song(480)
    song.metre(0, 4, 4)
    for bar in range(1, 9):
        for early in (61, 60, 59, 20, 1):  # half a step is 60 ticks
            song.hit(bar * 1920 - early, 36, 40 + 9 * bar + early % 10)
        song.hit(bar * 1920 - 960, 38, 100)
    return song


def halves():
    """Exactly between two steps: up; a tick less: down."""
    song = Song(480)
    for step in range(64):
        song.hit(step * 120 + 60 - step % 3, 42, 1 + 2 * step % 127)
    return song


def shorter():
    """A whole window, then three hits in the next: they do not count."""
    rng, song = np.random.default_rng(5), Song(240)
    beat(song, rng, 0, 4 * 960, 960, early=0, late=25)
    for i in range(3):
        song.hit(4 * 960 + i * 240, 36, 100)
    return song


def three_hits():
    """An only window with too few hits."""
    song = Song(480)
    for i in range(3):
        song.hit(i * 480, 36, 100)
    song.ends = [4000]
    return song


def four_hits():
    """An only window of two bars with just enough."""
    song = Song(480)
    for i in range(4):
        song.hit(i * 700, 36, 90 + i)
    return song


def rest():
    """Begins in the second bar; four bars of rest; a window with two hits; silence at the end."""
    rng, song = np.random.default_rng(6), Song(120)
    song.metre(0, 4, 4)
    beat(song, rng, 480, 4 * 480, 480, early=-10, late=10)
    song.hit(8 * 480 + 7, 36, 77)
    song.hit(11 * 480 + 240, 38, 88)
    beat(song, rng, 12 * 480, 14 * 480, 480, early=-5, late=15)
    song.ends = [20 * 480]
    return song


def tracks():
    """Drums and pitched tracks on several channels; signatures repeated, two at one tick."""
    rng, song = np.random.default_rng(7), Song(192, tracks=4)
    song.metre(0, 3, 4)
    song.metre(0, 4, 4, track=1)
    song.metre(500, 4, 4, track=2)
    song.metre(768 * 4, 3, 8)
    beat(song, rng, 0, 4 * 768, 768, track=1)
    beat(song, rng, 0, 4 * 768, 768, steps=8, early=0, late=23, track=2, channel=3, length=80)
    beat(song, rng, 4 * 768, 4 * 768 + 6 * 288, 288, steps=6, early=-8, late=8, track=3, channel=0)
    return song


def coarse():
    """Few ticks to a quarter: a step of 3/8 is less than a tick long; one track (type 0)."""
    rng, song = np.random.default_rng(8), Song(10, type=0)
    song.metre(0, 3, 8)
    for tick in range(0, 150):
        song.hit(tick, 42, int(rng.integers(1, 128)), length=1)
    return song


def silent():
    """No hits: note-ons of velocity 0 only."""
    song = Song(480)
    for i in range(8):
        song.hit(i * 240, 36, 0)
    return song


if __name__ == "__main__":
    pieces.main(HERE / "groove.json", [straight, swing, waltz, seven, ahead, halves, shorter, three_hits, four_hits, rest, tracks, coarse, silent], windows_of)
