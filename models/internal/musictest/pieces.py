# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""What the scripts have in common that compute references for the windows of MIDI files."""

import json
import sys

import mido


def digits(values):
    """Nine significant digits; whole numbers without a point."""
    values = [float(f"{float(v):.9g}") for v in values]
    return [int(v) if v == int(v) else v for v in values]


class Song:
    """Collects events at absolute ticks; at one tick they stay in the order in which they came."""

    def __init__(self, ticks_per_beat, tracks=1, type=1):
        self.file = mido.MidiFile(type=type, ticks_per_beat=ticks_per_beat)
        self.tracks = [[] for _ in range(tracks)]
        self.ends = [0] * tracks

    def add(self, track, tick, kind, **values):
        make = mido.MetaMessage if kind in ("set_tempo", "time_signature") else mido.Message
        self.tracks[track].append((tick, make(kind, **values)))

    def note(self, tick, length, pitch, velocity, track=0, channel=0, zero=False):
        """length None: never ended; zero: ended by a note-on of velocity 0."""
        self.add(track, tick, "note_on", channel=channel, note=pitch, velocity=velocity)
        if length is not None:
            kind, value = ("note_on", 0) if zero else ("note_off", 64)
            self.add(track, tick + length, kind, channel=channel, note=pitch, velocity=value)

    def save(self, path):
        for events, end in zip(self.tracks, self.ends):
            track, now = mido.MidiTrack(), 0
            for tick, message in sorted(events, key=lambda e: e[0]):
                track.append(message.copy(time=tick - now))
                now = tick
            track.append(mido.MetaMessage("end_of_track", time=max(0, end - now)))
            self.file.tracks.append(track)
        self.file.save(path)


def main(golden, pieces, windows_of):
    """Prints a line for each file in the arguments; without any, it writes the pieces and the golden file."""
    for path in sys.argv[1:]:
        try:
            print(json.dumps({"file": path, "windows": windows_of(path)}))
        except Exception as e:  # mido raises many types; the line names the file and the reason
            print(json.dumps({"file": path, "error": f"{type(e).__name__}: {e}"}))
    if len(sys.argv) > 1:
        return
    lines = []
    for piece in pieces:
        path = golden.parent / (piece.__name__ + ".mid")
        piece().save(path)
        lines.append(json.dumps({"file": path.name, "windows": windows_of(path)}, separators=(",", ":")))
    golden.write_text("[\n" + ",\n".join(lines) + "\n]\n")
