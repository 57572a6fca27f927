# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Prints as JSON what mido (1.3.3) reads in a MIDI file: python sketch.py FILE"""
import json
import sys

import mido

song = mido.MidiFile(sys.argv[1])
tracks = []
for track in song.tracks:
    tick, notes, sounding = 0, [], {}
    tempi = [m.tempo for m in track if m.type == "set_tempo"]
    for m in track:
        tick += m.time
        if m.type == "note_on" and m.velocity > 0:
            sounding.setdefault((m.channel, m.note), []).append((tick, m.velocity))
        elif m.type in ("note_on", "note_off"):
            on, velocity = sounding[m.channel, m.note].pop(0)
            notes.append([m.channel, m.note, velocity, on, tick])
    hanging = sum(map(len, sounding.values()))
    tracks.append({"name": track.name, "tempi": tempi, "notes": sorted(notes), "hanging": hanging})
print(json.dumps({"type": song.type, "ticks": song.ticks_per_beat, "tracks": tracks}))
