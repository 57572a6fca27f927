# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes miniatures of the published collections, as folders and as zips.

Run: python make_layouts.py OUT (standard library only). For each collection it
makes OUT/NAME and OUT/NAME.zip. Names of folders, files and columns, the spaces
in headers and the ranges of values are the publishers'; songs, numbers and
sounds are made up here. Where each layout was seen is said at its function.
"""
import json
import math
import pathlib
import struct
import sys
import zipfile


def wav(rate=22050, seconds=0.3):
    """A tone, 16-bit mono."""
    count = int(rate * seconds)
    data = b"".join(struct.pack("<h", round(9000 * math.sin(2 * math.pi * 440 * i / rate))) for i in range(count))
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", len(data))
    return head + data


def midi(*pitches, channel=0):
    """One track, a quarter a note."""
    track = b""
    for p in pitches:
        track += bytes([0, 0x90 | channel, p, 80, 0x60, 0x80 | channel, p, 0])
    track += b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk" + struct.pack(">I", len(track)) + track


def sound(n):
    """Stands for an mp3 where only the name counts."""
    return b"not music %d" % n


LITTER = {".DS_Store": b"\x00", "__MACOSX/._readme": b"\x00"}


def deam():
    """The two archives of the University of Geneva, unpacked side by side.

    Seen in public loaders: song_level/static_annotations_averaged_songs_*.csv
    with spaces after the commas of the header; scale 1 to 9 (PLOS ONE 12(3)).
    """
    level = "annotations/annotations averaged per song/song_level/"
    return {
        level + "static_annotations_averaged_songs_1_2000.csv": (
            "song_id, valence_mean, valence_std, arousal_mean, arousal_std\n"
            "2,3.1,0.94,3,0.63\n3,9,0,1,0\n4,9.5,1,5,1\n5,nan,1,5,1\n6,5\"1,1,5,1\n7,5,1,5,1\n8,5,1,,1\n"
        ),
        level + "static_annotations_averaged_songs_2000_2058.csv": (
            "song_id, valence_mean, valence_std, valence_ max_mean, arousal_mean, arousal_std\n2001,1,1,2,9,1\n"
        ),
        "annotations/annotations averaged per song/dynamic (per second annotations)/arousal.csv": "song_id,sample_15000ms\n2,0.1\n",
        "features/2.csv": "frameTime;x\n",
        **{f"MEMD_audio/{n}.mp3": sound(n) for n in (2, 3, 4, 5, 6, 8, 10, 2001)},
        "DEAM_audio_full/2.mp3": sound(99),
    }


def pmemo():
    """PMEmo2019: seen in public loaders; scale 0 to 1."""
    return {
        "PMEmo2019/metadata.csv": "musicId,fileName,title\n1,1.mp3,A\n",
        "PMEmo2019/annotations/static_annotations.csv": "musicId,Arousal(mean),Valence(mean)\n1,0.4,0.575\n4,1,0\n5,0.5,0.5\n",
        "PMEmo2019/annotations/dynamic_annotations.csv": "musicId,frameTime,Arousal(mean),Valence(mean)\n1,15,0.4,0.5\n",
        "PMEmo2019/chorus/1.mp3": sound(1),
        "PMEmo2019/chorus/4.mp3": sound(4),
    }


def emopia():
    """EMOPIA_2.2.zip of Zenodo: seen in MusPy's loader and others; audio is ours."""
    return {
        "EMOPIA_2.2/label.csv": "ID,4Q,annotator\nQ1__kJ-x_0,1,A\nQ2_song_two_12,2,B\nQ3_c_0,3,A\nQ4_d_1,4,C\nQ4_gone_0,4,C\nQ1_other_0,3,C\n",
        "EMOPIA_2.2/midis/Q1__kJ-x_0.mid": midi(60, 64, 67),
        "EMOPIA_2.2/midis/Q2_song_two_12.mid": midi(60),
        "EMOPIA_2.2/midis/Q3_c_0.mid": midi(48, 48),
        "EMOPIA_2.2/midis/Q4_d_1.mid": midi(72),
        "EMOPIA_2.2/midis/Q1_other_0.mid": midi(73),
        "EMOPIA_2.2/midis/readme.mid": midi(1),
        "audio/Q3_c_0.wav": wav(),
    }


def vgmidi():
    """The repository lucasnfe/vgmidi: header and values -1, 1 of vgmidi_labelled.csv, phrases in a zip."""
    inner = {
        "phrases/Mario_NES_Mario_Hop, skip_0.mid": midi(60, 62),
        "phrases/Mario_NES_Mario_Hop, skip_1.mid": midi(60),
        "phrases/Zelda_N64_Zelda_Wood_0.mid": midi(50),
    }
    row = "%d,%s,%s,%s,%s,%s,%s,%s\n"
    return {
        "vgmidi-main/vgmidi_labelled.csv": "id,series,console,game,piece,midi,valence,arousal\n"
        + row % (8001, "Mario", "NES", "Mario", '"Hop, skip"', '"labelled/phrases/Mario_NES_Mario_Hop, skip_0.mid"', 1, 1)
        + row % (8001, "Mario", "NES", "Mario", '"Hop, skip"', '"labelled/phrases/Mario_NES_Mario_Hop, skip_1.mid"', 1, -1)
        + row % (8002, "Zelda", "N64", "Zelda", "Wood", "labelled/phrases/Zelda_N64_Zelda_Wood_0.mid", -1, -1)
        + row % (8002, "Zelda", "N64", "Zelda", "Wood", "labelled/phrases/Zelda_N64_Zelda_Wood_1.mid", -1, 1)
        + row % (8003, "Zelda", "N64", "Zelda", "Lake", "labelled/phrases/Zelda_N64_Zelda_Lake_0.mid", -1, 2),
        "vgmidi-main/labelled/phrases.zip": packed(inner),
        "vgmidi-main/labelled/midi/Zelda_N64_Zelda_Wood.mid": midi(50, 51),
    }


def vgmidi_old():
    """An older commit of it: 0 for -1, paths from labelled/src, phrases unpacked."""
    return {
        "labelled/src/vgmidi.csv": "id,series,console,game,piece,midi,valence,arousal\n"
        "8001,F,PS1,F,Go,../phrases/F_PS1_F_Go_0.mid,1,0\n8002,F,PS1,F,Run,../phrases/F_PS1_F_Run_0.mid,0,1\n",
        "labelled/phrases/F_PS1_F_Go_0.mid": midi(60),
        "labelled/phrases/F_PS1_F_Run_0.mid": midi(61),
    }


MAESTRO = "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration".split(",")
PIECES = [
    ["Alban Berg", "Sonata, Op. 1", "train", 2018, "2018/MIDI-Unprocessed_a--1.midi", "2018/MIDI-Unprocessed_a--1.wav", 6.5],
    ["Bach", 'Air "on G"', "test", 2004, "2004/b 2.midi", "2004/b 2.wav", 3.25],
    ["Bach", "Lost", "test", 2004, "2004/lost.midi", "2004/lost.wav", 3.25],
]


def maestro(index="csv"):
    """maestro-v3.0.0-midi.zip: header and the three forms of the index, seen in public loaders."""
    files = {
        "maestro-v3.0.0/LICENSE": "licence\n",
        "maestro-v3.0.0/2018/MIDI-Unprocessed_a--1.midi": midi(60, 61),
        "maestro-v3.0.0/2004/b 2.midi": midi(62),
        "maestro-v3.0.0/2004/extra.midi": midi(63),
    }
    quoted = lambda v: '"%s"' % str(v).replace('"', '""') if set('",') & set(str(v)) else str(v)
    if index == "csv":
        files["maestro-v3.0.0/maestro-v3.0.0.csv"] = "".join(",".join(map(quoted, row)) + "\r\n" for row in [MAESTRO] + PIECES)
    if index in ("csv", "columns"):
        columns = {c: {str(i): row[n] for i, row in enumerate(PIECES)} for n, c in enumerate(MAESTRO)}
        files["maestro-v3.0.0/maestro-v3.0.0.json"] = json.dumps(columns)
    if index == "records":
        files["maestro-v3.0.0/maestro-v2.0.0.json"] = json.dumps([dict(zip(MAESTRO, row)) for row in PIECES])
    return files


def groove():
    """groove-v1.0.0-midionly.zip: header of info.csv, seen in public loaders."""
    one = "drummer1/session1/1_funk-groove1_138_beat_4-4.mid"
    two = "drummer7/eval_session/2_rock_67_fill_4-4.mid"
    return {
        "groove/info.csv": "drummer,session,id,style,bpm,beat_type,time_signature,midi_filename,audio_filename,duration,split\n"
        f"drummer1,drummer1/session1,drummer1/session1/1,funk/groove1,138,beat,4-4,{one},,27.8,train\n"
        f"drummer7,eval_session,drummer7/eval_session/2,rock,67,fill,4-4,{two},,2.1,test\n"
        "drummer2,drummer2/session1,drummer2/session1/5,jazz,290,beat,4-4,drummer2/session1/5_jazz_290_beat_4-4.mid,,2.1,test\n"
        "drummer2,drummer2/session1,drummer2/session1/6,jazz,fast,beat,4-4,drummer2/session1/6.mid,,2.1,test\n"
        "drummer2,drummer2/session1,drummer2/session1/7,jazz,90,beat,4-4,../7.mid,,2.1,test\n"
        "drummer2,drummer2/session1,drummer2/session1/8,jazz,90,beat,4-4,drummer2/session1/8.mid,,2.1,test\n",
        "groove/" + one: midi(36, 38, channel=9),
        "groove/" + two: midi(38, channel=9),
        "groove/drummer2/session1/5_jazz_290_beat_4-4.mid": midi(51, channel=9),
        "groove/drummer2/session1/9.mid": midi(51, channel=9),
    }


def billboard():
    """McGill-Billboard/NUMBER/salami_chords.txt: the README of release 2.0, and ten files of it."""
    head = "# title: %s\n# artist: %s\n# metre: %s\n# tonic: %s\n\n0.0\tsilence\n"
    return {
        "McGill-Billboard/0003/salami_chords.txt": head % ("Rock & Roll", "The Café", "4/4", "A")
        + "7.3469387e-2\tA, intro, | A:min . C:maj/5 . | (2/4) N |, (guitar)\n"
        "8.5\tB', verse, | A:min | A:min | C:7(#9) F#:hdim7 | x2, (voice\n"
        "9.5\t| * | &pause | E:sus4(b7,9) | ->\n20.25\tZ, noise\n21.0\tsilence\n22.0\tend\n",
        "McGill-Billboard/0004/salami_chords.txt": head % ("Two Keys", "Her", "3/4", "F#")
        + "1.0\tA, verse, | F#:maj | B:maj |\n# tonic: G\n# metre: 4/4\n2.0\t| G:maj |\n3.0\t| D:7 |\n# tonic: F#\n4.0\t| . |\n5.0\t| C#:7 | F#:maj |\n",
        "McGill-Billboard/0005/salami_chords.txt": head % ("Adrift", "Him", "4/4", "?") + "1.0\t| C:maj |\n",
        "McGill-Billboard/0006/salami_chords.txt": head % ("Silence", "Nobody", "4/4", "C") + "9.0\tend\n",
        "McGill-Billboard/0007/salami_chords.txt": b"# title: Caf\xe9\n",
        "McGill-Billboard/0008/salami_chords.txt": head % ("Forever", "Him", "4/4", "C") + "1.0\t| C:maj |\n2.0\t| G:maj | x999\nlater | C:maj |\n3.0\t| C:maj\n",
        "billboard-2.0-index.csv": "id,chart_date,target_rank,actual_rank,title,artist,peak_rank,weeks_on_chart\n",
    }


def emodb():
    """download.zip of emodb.bilderbar.info: the names as explained there."""
    return {
        "erkennung.txt": "Satz erkannt natuerlich\n",
        "lablaut/03a01Fa.lablaut": "signal 03a01Fa\n",
        **{f"wav/{name}.wav": wav() for name in ("03a01Fa", "03a01Wb", "08b10Lc", "16a07Ea", "16a07Ab", "16a07Td", "08a02N")},
        "wav/noise.wav": wav(),
    }


def encoded(data):
    return data if isinstance(data, bytes) else data.encode()


def packed(files):
    """A zip of the files, folders first, as common programs write it."""
    path = pathlib.Path(sys.argv[1]) / "packing.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for folder in sorted({str(p) + "/" for name in files for p in pathlib.PurePosixPath(name).parents if str(p) != "."}):
            z.writestr(folder, b"")
        for name, data in files.items():
            z.writestr(name, encoded(data))
    data = path.read_bytes()
    path.unlink()
    return data


def main():
    out = pathlib.Path(sys.argv[1])
    layouts = {make.__name__: make() for make in (deam, pmemo, emopia, vgmidi, vgmidi_old, maestro, groove, billboard, emodb)}
    layouts["maestro_columns"] = maestro("columns")
    layouts["maestro_records"] = maestro("records")
    for name, files in layouts.items():
        files = {**files, **LITTER}
        for file, data in files.items():
            path = out / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(data))
        (out / (name + ".zip")).write_bytes(packed(files))


if __name__ == "__main__":
    main()
