# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The reference for DynamicsEngine's 32 inputs and 16 targets, and its pieces.

Without arguments: composes small .mid files, writes them and dynamics.json
beside itself. With files as arguments: one JSON line for each of them,
{"file", "windows": [{"start", "input", "target"}]}, start in seconds, or
{"file", "error"}.

Usage: python gen_dynamics.py [FILE.mid ...]      (numpy 2.4.6, mido 1.3.3)
"""

import bisect
import pathlib
import sys
from fractions import Fraction

import mido
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "../../../internal/musictest"))
import pieces

WINDOW = 4  # seconds
TOGETHER = Fraction(30, 1000)  # seconds, from the first of a cluster to its last


class Note:
    def __init__(self, onset, pitch, velocity, channel):
        self.onset, self.end = onset, None
        self.pitch, self.velocity, self.channel = pitch, velocity, channel

    @property
    def duration(self):
        return float(self.end - self.onset)


def read(path):
    """Notes by onset, (second, channel, value) of controller 64, the end of the piece."""
    file = mido.MidiFile(path)
    if file.ticks_per_beat <= 0:
        raise ValueError(f"{file.ticks_per_beat} ticks per quarter note")
    tempi = []
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                tempi.append((tick, message.tempo))
    # choice: of several tempi at one tick the last holds, by track, then by place in it
    tempi.sort(key=lambda t: t[0])
    # Where each tempo begins: tick, second, seconds per tick.
    # choice: times are exact fractions, so a note on a border is on the side the page says
    stretches = [(0, Fraction(0), Fraction(500000, 1000000 * file.ticks_per_beat))]
    for tick, tempo in tempi:
        since, second, each = stretches[-1]
        stretches.append((tick, second + (tick - since) * each, Fraction(tempo, 1000000 * file.ticks_per_beat)))

    def seconds(tick):
        since, second, each = stretches[bisect.bisect_right(stretches, tick, key=lambda p: p[0]) - 1]
        return second + (tick - since) * each

    notes, pedal, end = [], [], Fraction(0)
    for track in file.tracks:
        tick, open_notes = 0, []
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity > 0:
                note = Note(seconds(tick), message.note, message.velocity, message.channel)
                notes.append(note)
                open_notes.append(note)
            elif message.type in ("note_on", "note_off"):
                for note in open_notes:
                    if (note.channel, note.pitch) == (message.channel, message.note):
                        note.end = seconds(tick)
                        open_notes.remove(note)
                        break
            elif message.type == "control_change" and message.control == 64:
                pedal.append((seconds(tick), message.channel, message.value))
        for note in open_notes:
            note.end = seconds(tick)
        end = max(end, seconds(tick))
    # choice: channel 10 is left out of the pedal, too
    notes = [n for n in notes if n.channel != 9]
    pedal = [p for p in pedal if p[1] != 9]
    notes.sort(key=lambda n: n.onset)
    pedal.sort(key=lambda p: p[0])
    return notes, pedal, end


def clusters_of(notes):
    """Lists of notes that begin within 30 ms of their first, 30 ms included."""
    clusters = []
    for note in notes:
        if clusters and note.onset - clusters[-1][0].onset <= TOGETHER:
            clusters[-1].append(note)
        else:
            clusters.append([note])
    return clusters


def sounding(notes, start, end):
    """Seconds of all notes inside the window, added up, and seconds with any sound."""
    # choice: a note held from an earlier window sounds in this one; the pedal does not hold it
    spans = [(max(n.onset, start), min(n.end, end)) for n in notes if n.onset < end and n.end > start]
    spans = sorted(s for s in spans if s[0] < s[1])
    total = sum((b - a for a, b in spans), Fraction(0))
    covered, reach = Fraction(0), start
    for a, b in spans:
        if b > reach:
            covered += b - max(a, reach)
            reach = b
    return float(total), float(covered)


def pedal_of(events, start, end, piece_end):
    """Seconds of the window with a pedal down, and how often that changes."""
    # choice: the pedal is down while any channel's is; a change is one of this, not of a channel
    # choice: a pedal that is never lifted stays down until the end of the piece
    down, was_down, since = set(), False, Fraction(0)
    held, changes = Fraction(0), 0
    events = [*events, (piece_end, None, 0)]
    for number, (second, channel, value) in enumerate(events):
        if channel is None:
            down = set()
        elif value >= 64:
            down.add(channel)
        else:
            down.discard(channel)
        # choice: of several events at one time only the state after them counts
        if events[number + 1 :] and events[number + 1][0] == second:
            continue
        if bool(down) == was_down:
            continue
        if was_down:
            held += max(Fraction(0), min(second, end) - max(since, start))
        # choice: the end of the piece is not a change
        if channel is not None and start <= second < end:
            changes += 1
        was_down, since = bool(down), second
    return float(held), changes


def inputs(window, everything, start, piece_end):
    pitch = np.array([n.pitch for n in window])
    duration = np.array([n.duration for n in window])
    clusters = clusters_of(window)
    # choice: of two notes of the highest pitch in a cluster the top line has the earlier
    top = np.array([max(c, key=lambda n: n.pitch).pitch for c in clusters])
    total, covered = sounding(everything, start, start + WINDOW)

    x = np.zeros(32)
    for p in pitch:
        x[p % 12] += 1 / len(window)
    x[12] = np.mean(pitch) / 127
    x[13] = np.std(pitch) / 32
    x[14] = np.min(pitch) / 127
    x[15] = np.max(pitch) / 127
    # choice: every window is 4 s long, the last one too, though the piece ends in it
    x[16] = len(window) / WINDOW / 20
    x[17] = total / covered / 10 if covered > 0 else 0
    if len(clusters) > 1:
        # choice: IOI runs from first onset to first onset; the percentiles are those of the logarithm
        ioi = np.diff([float(c[0].onset) for c in clusters])
        log = np.log2(ioi / 0.25)
        x[18:21] = np.tanh(np.percentile(log, [10, 50, 90]))
        x[21] = np.tanh(np.std(log))
    x[22] = np.mean(duration) / 4
    x[23] = np.median(duration) / 4
    x[24] = np.std(duration) / 4
    if len(top) > 1:
        steps = np.diff(top)
        x[25] = np.mean(np.abs(steps)) / 24
        # choice: a share of all steps, repeated notes included; without steps 0
        x[26] = np.mean(steps > 0)
    x[27] = np.mean(top) / 127
    x[28] = sum(len(c) for c in clusters if len(c) > 1) / len(window)
    # choice: both seconds from the start of the file; the piece ends with its last note-off
    last = max(n.end for n in everything)
    x[29] = float(start) / float(last) if last > 0 else 0
    # choice: a share of the notes that have one before them; without steps 0
    x[30] = np.mean(np.diff(top) == 0) if len(top) > 1 else 0
    x[31] = 1 - covered / WINDOW
    tanh = x[18:22].copy()
    x = np.clip(x, 0, 1)
    x[18:22] = tanh
    return x


def targets(window, pedal, start, piece_end):
    velocity = np.array([n.velocity for n in window])
    pitch = np.array([n.pitch for n in window])
    onset = np.array([float(n.onset - start) for n in window])
    clusters = clusters_of(window)
    top = [max(c, key=lambda n: n.pitch) for c in clusters]
    rest = [n for n in window if n not in top]

    y = np.zeros(16)
    y[0] = np.mean(velocity / 127)
    y[1] = np.std(velocity / 127)
    y[2] = np.min(velocity) / 127
    y[3] = np.max(velocity) / 127
    y[4:7] = np.percentile(velocity, [10, 50, 90]) / 127
    y[7] = 0.5
    if np.ptp(onset) > 0:
        # choice: time in window lengths, so the slope is the change over the whole 4 s
        t = onset / WINDOW - np.mean(onset / WINDOW)
        y[7] = 0.5 + np.sum(t * (velocity / 127)) / np.sum(t * t) / 2
    y[8] = 0.5
    if rest:
        y[8] = 0.5 + (np.mean([n.velocity for n in top]) - np.mean([n.velocity for n in rest])) / 254
    y[9] = 0.5
    if np.ptp(pitch) > 0 and np.ptp(velocity) > 0:
        y[9] = 0.5 + np.corrcoef(pitch, velocity)[0, 1] / 2
    if len(clusters) > 1:
        ioi = np.diff([float(c[0].onset) for c in clusters])
        # choice: the last cluster of a window has no next one and no articulation
        articulation = np.minimum(1, [n.duration / i for n, i in zip(top, ioi)])
        y[10] = np.mean(articulation)
        y[11] = np.std(articulation)
        y[12] = min(1, np.std(ioi) / np.mean(ioi))
    spreads = [float(c[-1].onset - c[0].onset) for c in clusters if len(c) > 1]
    if spreads:
        y[13] = np.mean(spreads) * 1000 / 30
    held, changes = pedal_of(pedal, start, start + WINDOW, piece_end)
    y[14] = held / WINDOW
    y[15] = changes / WINDOW / 4
    return np.clip(y, 0, 1)


def windows_of(path):
    notes, pedal, piece_end = read(path)
    windows = {}
    for note in notes:
        # choice: a note exactly 4 s after the first one begins the second window
        windows.setdefault((note.onset - notes[0].onset) // WINDOW, []).append(note)
    result = []
    for number, window in sorted(windows.items()):
        if len(window) >= 8:
            start = notes[0].onset + number * WINDOW
            result.append({
                "start": pieces.digits([start])[0],
                "input": pieces.digits(inputs(window, notes, start, piece_end)),
                "target": pieces.digits(targets(window, pedal, start, piece_end)),
            })
    return result


class Song(pieces.Song):
    def pedal(self, tick, value, track=0, channel=0):
        self.add(track, tick, "control_change", channel=channel, control=64, value=value)


def melody():
    """One voice at 120, a piece that ends inside its last window."""
    rng, song = np.random.default_rng(1), Song(480)
    tick, pitch = 0, 67
    for _ in range(70):
        length = int(rng.choice([120, 240, 240, 360, 480]))
        pitch = int(np.clip(pitch + rng.integers(-5, 6), 55, 88))
        song.note(tick + int(rng.integers(0, 9)), int(length * rng.uniform(0.3, 0.95)), pitch, int(rng.integers(30, 110)))
        tick += length
    return song


def rolled():
    """Chords struck at once, rolled within 30 ms and more slowly, louder on top."""
    rng, song = np.random.default_rng(2), Song(960)
    song.add(0, 0, "set_tempo", tempo=600000)  # a tick is 0.625 ms
    for i in range(26):
        step = [0, 7, 15, 29, 60][i % 5]  # three notes: 0, 9, 19, 36, 75 ms
        root = 40 + int(rng.integers(0, 12))
        for j, add in enumerate([0, 7, 16]):
            song.note(i * 720 + j * step, 500 + 90 * j, root + add, 50 + 15 * j + int(rng.integers(0, 20)))
    return song


def tempo():
    """Tempo changes in two tracks, two at one tick, under held notes."""
    rng, song = np.random.default_rng(3), Song(384, tracks=3)
    for track, tick, value in [(0, 0, 480000), (0, 1000, 731707), (1, 2500, 250001), (0, 2500, 900000), (1, 4100, 1500000), (2, 6000, 350000)]:
        song.add(track, tick, "set_tempo", tempo=value)
    for i in range(60):
        song.note(i * 150 + int(rng.integers(0, 40)), int(rng.integers(30, 900)), 48 + i % 30, int(rng.integers(20, 120)), track=1 + i % 2)
    return song


def tracks():
    """Three voices on their channels; drums begin before them and end after them."""
    rng, song = np.random.default_rng(4), Song(240, tracks=4)
    for i in range(40):
        song.note(300 + i * 120, 110, 72 + int(rng.integers(0, 12)), 80 + int(rng.integers(0, 40)), track=0, channel=0, zero=True)
        if i % 2 == 0:
            song.note(302 + i * 120, 230, 60 - i % 7, 60 + int(rng.integers(0, 20)), track=1, channel=4)
        if i % 4 == 0:
            song.note(299 + i * 120, 470, 36 + i // 4, 50, track=2, channel=15)
    for i in range(60):
        song.note(i * 120, 60, 36 + 6 * (i % 2), 120, track=3, channel=9)
    return song


def pedals():
    """Pedals of two channels and of drums, half down, repeated, down to the end."""
    rng, song = np.random.default_rng(5), Song(480, tracks=2)
    for i in range(68):
        song.note(i * 240, 200, 50 + int(rng.integers(0, 30)), int(rng.integers(40, 100)), track=i % 2, channel=i % 2)
    for tick, value in [(100, 127), (900, 0), (905, 64), (1500, 90), (1700, 63), (1900, 0), (3000, 70), (5000, 10), (5000, 127), (7000, 0), (9000, 127)]:
        song.pedal(tick, value)
    for tick, value in [(4500, 100), (5200, 20), (11000, 100), (11500, 0), (12300, 80), (12345, 0), (13000, 127)]:
        song.pedal(tick, value, track=1, channel=1)
    for tick in range(0, 16000, 800):
        song.pedal(tick, 127 if tick % 1600 else 0, track=1, channel=9)
    song.add(0, 9100, "control_change", channel=0, control=66, value=0)
    song.ends[1] = 17000
    return song


def overlap():
    """The same pitch again before it ends, ends without a note, notes without an end."""
    rng, song = np.random.default_rng(6), Song(120, tracks=2)
    for i in range(90):
        track = int(rng.integers(0, 2))
        length = [None, 20, 45, 100, 300][int(rng.integers(0, 5))]
        song.note(i * 20, length, 60 + int(rng.integers(0, 6)), int(rng.integers(1, 128)), track=track, channel=track + i % 2, zero=i % 3 == 0)
    for tick in (5, 333, 1200):
        song.add(0, tick, "note_off", channel=0, note=62, velocity=0)
        song.add(1, tick, "note_on", channel=3, note=61, velocity=0)
    song.ends = [2300, 2700]
    return song


def late():
    """Begins at 7.3 s; windows of fewer than eight notes, long rests, a note held over three windows."""
    rng, song = np.random.default_rng(7), Song(100)  # a tick is 5 ms
    begin = 1460
    song.note(begin, 2100, 40, 70)
    for window, count in enumerate([9, 3, 12, 0, 0, 8, 7]):
        for i in range(count):
            song.note(begin + window * 800 + 30 + i * 45, 30, 60 + int(rng.integers(0, 20)), int(rng.integers(50, 90)))
    song.ends = [9000]
    return song


def few():
    """Seven notes in every window."""
    song = Song(480)
    for i in range(21):
        song.note(i // 7 * 3840 + i % 7 * 400, 300, 60 + i, 64)
    return song


def one_chord():
    """Nine notes at one moment: no interval, no slope."""
    song = Song(480)
    for i, pitch in enumerate([36, 43, 48, 52, 55, 60, 64, 67, 72]):
        song.note(0, 960, pitch, 50 + 5 * i)
    return song


def borders():
    """A tick is a millisecond: 30 ms belong together, 31 do not; notes and pedals at 4 s."""
    song = Song(500)
    for i in range(32):
        tick = 125 + i * 250
        song.note(tick, 250, 60 + i % 5, 60 + i)
        song.note(tick + 30 + i % 2, 200, 70 + i % 7, 90 - i)
    song.pedal(1125, 127)
    song.pedal(4125, 0)
    song.pedal(8125, 127)
    return song


def equal():
    """One pitch, one velocity, one length, even steps."""
    song = Song(96)
    for i in range(40):
        song.note(i * 24, 24, 69, 64)
    return song


def dense():
    """More notes at once than the scales foresee; velocities from 1 to 127; one track (type 0)."""
    rng, song = np.random.default_rng(8), Song(1024, type=0)
    song.add(0, 0, "set_tempo", tempo=400000)
    for i in range(230):
        song.note(i * 88 + int(rng.integers(0, 40)), int(rng.integers(2000, 30000)), 21 + i * 37 % 88, [1, 127, 64, 100][i % 4], channel=i % 3, zero=True)
    return song


def mixed():
    """All of it: two hands with rolled chords, tempo changes, pedals, drums, ends of both kinds."""
    rng, song = np.random.default_rng(9), Song(220, tracks=4)
    for i in range(12):
        song.add(0, i * 431, "set_tempo", tempo=int(rng.integers(300000, 900000)))
        song.pedal(i * 400 + int(rng.integers(0, 300)), int(rng.integers(0, 128)), track=1 + i % 2, channel=i % 2)
    for i in range(70):
        tick = i * 75 + int(rng.integers(0, 30))
        pitch = 66 + int(rng.integers(0, 20))
        song.note(tick, int(rng.integers(20, 200)), pitch, int(rng.integers(40, 127)), track=1, zero=i % 2 == 0)
        for j in range(int(rng.integers(0, 4))):
            song.note(tick + int(rng.integers(0, 8 + 8 * j)), int(rng.integers(40, 400)), pitch - 5 - 7 * j, int(rng.integers(20, 100)), track=2, channel=1)
        if i % 3 == 0:
            song.note(tick, 20, 38, 110, track=3, channel=9)
    return song


def drums():
    """Notes on channel 10 only."""
    song = Song(480)
    for i in range(40):
        song.note(i * 120, 60, 36 + i % 4, 100, channel=9)
    return song


if __name__ == "__main__":
    pieces.main(HERE / "dynamics.json", [melody, rolled, tempo, tracks, pedals, overlap, late, few, one_chord, borders, equal, dense, mixed, drums], windows_of)
