# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes mido.mid and mido.json: a small file and what mido reads in it.

Run: python gen_mido.py (mido 1.3.3). The pairing of note-offs with the
earliest open note of their track, channel and pitch is written out here anew.
"""
import json
import pathlib
import random

import mido

HERE = pathlib.Path(__file__).parent


def song():
    """Format 1 with tempo changes in two tracks, ties at one tick, overlaps, loose ends."""
    rng = random.Random(7)
    file = mido.MidiFile(type=1, ticks_per_beat=384)
    lead = mido.MidiTrack()
    lead.append(mido.MetaMessage("time_signature", numerator=3, denominator=8, time=0))
    for delta, tempo in [(0, 480000), (1000, 731707), (0, 250001), (777, 1500000)]:
        lead.append(mido.MetaMessage("set_tempo", tempo=tempo, time=delta))
    lead.append(mido.MetaMessage("time_signature", numerator=5, denominator=4, time=64))
    file.tracks.append(lead)
    for channel in (0, 9):
        track = mido.MidiTrack()
        track.append(mido.Message("program_change", channel=channel, program=3, time=5))
        for i in range(60):
            pitch = rng.randrange(40, 52)
            kind = rng.choice(["note_on", "note_on", "note_off", "zero", "control_change"])
            delta = rng.choice([0, 0, 1, 30, 200])
            if kind == "control_change":
                track.append(mido.Message(kind, channel=channel, control=64, value=rng.randrange(128), time=delta))
            elif kind == "zero":
                track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=0, time=delta))
            else:
                track.append(mido.Message(kind, channel=channel, note=pitch, velocity=rng.randrange(1, 128), time=delta))
            if i == 30:
                track.append(mido.MetaMessage("set_tempo", tempo=600000 + channel, time=17))
                track.append(mido.Message("sysex", data=[1, 2, 3], time=0))
        track.append(mido.MetaMessage("end_of_track", time=50))
        file.tracks.append(track)
    return file


def expected(file):
    tempi = [(0, -1, 500000)]
    for number, track in enumerate(file.tracks):
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                tempi.append((tick, number, message.tempo))
    tempi.sort(key=lambda t: t[0])  # stable: at one tick the later track wins

    def seconds(tick):
        total, since, tempo = 0.0, 0, 500000
        for at, _, value in tempi:
            if at > tick:
                break
            total += mido.tick2second(at - since, file.ticks_per_beat, tempo)
            since, tempo = at, value
        return total + mido.tick2second(tick - since, file.ticks_per_beat, tempo)

    notes, controls, last = [], [], 0
    for number, track in enumerate(file.tracks):
        tick, waiting = 0, {}
        mine = []
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity > 0:
                mine.append([tick, None, message.note, message.velocity, message.channel, number])
                waiting.setdefault((message.channel, message.note), []).append(mine[-1])
            elif message.type in ("note_on", "note_off"):
                queue = waiting.get((message.channel, message.note))
                if queue:
                    queue.pop(0)[1] = tick
            elif message.type == "control_change":
                controls.append([tick, message.control, message.value, message.channel, number, seconds(tick)])
        for note in mine:
            note[1] = tick if note[1] is None else note[1]
        notes += mine
        last = max(last, tick)
    notes.sort(key=lambda n: (n[0], n[5], n[4], n[2], n[1], n[3]))
    controls.sort(key=lambda c: c[0])
    return {
        "notes": [n + [seconds(n[0]), seconds(n[1])] for n in notes],
        "controls": controls,
        "end_tick": last,
        "end": seconds(last),
    }


file = song()
file.save(HERE / "mido.mid")
reread = mido.MidiFile(HERE / "mido.mid")
(HERE / "mido.json").write_text(json.dumps(expected(reread)).replace("], [", "],\n ["))
