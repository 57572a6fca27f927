# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The reference for HarmonyPredictor's chord classes, inputs and targets.

Without arguments: writes chords.json beside itself, {"names": [[chord, tonic,
class]], "unreadable": [chord], "progressions": [...]}. With files as arguments
(chord_progressions.json): one JSON line for each progression, {"id",
"samples": [{"input", "target"}], "classes"}, with "left_out" or "error" where
it has none, or {"file", "error"}.

Usage: python gen_chords.py [chord_progressions.json ...]      (numpy 2.4.6)
"""

import json
import pathlib
import re
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
NO_CHORD, POWER, OTHER = 60, 61, 62

# Harte's shorthands and the degrees above the root that they stand for.
SHORTHANDS = {
    "": "3 5", "maj": "3 5", "min": "b3 5", "dim": "b3 b5", "aug": "3 #5",
    "maj7": "3 5 7", "min7": "b3 5 b7", "7": "3 5 b7", "minmaj7": "b3 5 7",
    "dim7": "b3 b5 bb7", "hdim7": "b3 b5 b7", "hdim": "b3 b5 b7", "aug7": "3 #5 b7",
    "6": "3 5 6", "maj6": "3 5 6", "min6": "b3 5 6",
    "9": "3 5 b7 9", "maj9": "3 5 7 9", "min9": "b3 5 b7 9",
    "11": "3 5 b7 9 11", "maj11": "3 5 7 9 11", "min11": "b3 5 b7 9 11",
    "13": "3 5 b7 9 11 13", "maj13": "3 5 7 9 11 13", "min13": "b3 5 b7 9 11 13",
    "sus2": "2 5", "sus4": "4 5", "7sus4": "4 5 b7", "5": "5", "1": "",
}


def degree(text):
    """("b", "3") as (3, -1): the number below an octave and the semitones beside the major scale."""
    match = re.fullmatch(r"([b#]*)(\d+)", text)
    if not match or not 1 <= int(match[2]) <= 13:
        raise ValueError(f"{text!r} is no degree")
    # choice: 9, 10, 11, 12 and 13 count as 2, 3, 4, 5 and 6, an octave higher
    number = (int(match[2]) - 1) % 7 + 1
    return number, match[1].count("#") - match[1].count("b")


def pitch_class(text):
    """A note's pitch class, and what follows it."""
    match = re.match(r"([A-G])([b#]*)", text)
    if not match:
        raise ValueError(f"{text!r} does not begin with a note")
    natural = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[match[1]]
    return (natural + match[2].count("#") - match[2].count("b")) % 12, text[match.end():]


def without_bass(text):
    # choice: the bass is read and left out of the class, a slash chord is the chord above it
    rest, slash, bass = text.rpartition("/")
    if not slash:
        return text
    if re.fullmatch(r"[A-G][b#]*", bass):
        return rest
    degree(bass)
    return rest


def harte(text):
    """The degrees of what follows the colon: shorthand and degrees in brackets."""
    match = re.fullmatch(r"([^()]*)(?:\(([^()]*)\))?", text)
    if not match or match[1] not in SHORTHANDS or text == "":
        raise ValueError(f"{text!r} is no chord")
    # choice: degrees in brackets without a shorthand are all there is, C:(5) has no third
    shorthand = "" if match[1] == "" else SHORTHANDS[match[1]]
    degrees = {(1, 0)} | {degree(d) for d in shorthand.split()}
    for part in match[2].split(",") if match[2] is not None else []:
        part = part.strip()
        # choice: *3 takes the degree away and is not an error where there is none
        if part.startswith("*"):
            degrees.discard(degree(part[1:]))
        else:
            degrees.add(degree(part))
    return degrees


def lead_sheet(text):
    """The degrees of what follows the root in lead-sheet style."""
    if text.count("(") != text.count(")"):
        raise ValueError(f"{text!r} has a bracket too many")
    third, fifth, seventh, major_seventh = (3, 0), (5, 0), None, False
    others, removed = set(), set()
    if match := re.match(r"major|maj|Maj|ma(?=\d|$)|M(?!in)|Δ|\^", text):
        major_seventh, seventh = True, (7, 0) if match[0] in ("Δ", "^") else None
    elif match := re.match(r"(?:minor|min|Min|mi|m|-)(\(?(?:maj|Maj|ma|M|Δ)(?=7|9|11|13))?", text):
        third, major_seventh = (3, -1), bool(match[1])
    elif match := re.match(r"(?:dim|°|o(?!mit))(7?)", text):
        third, fifth, seventh = (3, -1), (5, -1), (7, -2) if match[1] else None
    elif match := re.match(r"(?:ø|hdim)7?", text):
        third, fifth, seventh = (3, -1), (5, -1), (7, -1)
    elif match := re.match(r"aug|\+", text):
        fifth = (5, 1)
    text = text[match.end():] if match else text
    if match := re.match(r"69|13|11|9|7|6|5", text):
        number, text = match[0], text[match.end():]
        if number == "5":
            # choice: C5 is root and fifth; C6 and C6/9 keep their third
            removed.add(third)
        elif number[0] == "6":
            others |= {(6, 0)} | ({(2, 0)} if "9" in number else set())
        else:
            seventh = (7, 0) if major_seventh else (7, -1)
            others |= {(2, 0)} if number in ("9", "11", "13") else set()
            others |= {(4, 0)} if number in ("11", "13") else set()
            others |= {(6, 0)} if number == "13" else set()
    while text:
        if match := re.match(r"[(), ]", text):
            pass
        elif match := re.match(r"sus(2|4|)", text):
            removed.add(third)
            others.add((2, 0) if match[1] == "2" else (4, 0))
        elif match := re.match(r"alt", text):
            # choice: 7alt has b9, #9, #11 and b13 and no fifth, so it is major
            others |= {(2, -1), (2, 1), (4, 1), (6, -1)}
            removed.add(fifth)
        elif match := re.match(r"(?:no|omit)(3|5)(?:rd|th)?", text):
            removed.add(third if match[1] == "3" else fifth)
        elif match := re.match(r"(?:add)?([b#+-]?)(13|11|9|7|6|5|4|2)", text):
            sign = match[1].replace("+", "#").replace("-", "b")
            # choice: an altered fifth replaces the plain one; any other degree is added, so add9 keeps the third
            if match[2] == "5" and sign:
                removed.add((5, 0))
            others.add(degree(sign + match[2]))
        else:
            raise ValueError(f"{text!r} is no part of a chord")
        text = text[match.end():]
    return ({(1, 0), third, fifth} | ({seventh} if seventh else set())) - removed | others


def quality(degrees):
    """0 to 4, or the class where the root does not matter."""
    # choice: intervals go by name: #9 is not a minor third, #11 not a diminished and b13 not an augmented fifth
    if (3, -1) in degrees and (5, -1) in degrees:
        return 2
    if (3, 0) in degrees and (5, 1) in degrees:
        return 3
    # choice: major with both thirds
    if (3, 0) in degrees:
        return 0
    if (3, -1) in degrees:
        return 1
    # choice: a perfect fourth or a major second, an octave higher too (11, 9); b9 and #11 are neither
    if (4, 0) in degrees or (2, 0) in degrees:
        return 4
    # choice: the fifth of class 61 is perfect, its sevenths major, minor or diminished
    if degrees <= {(1, 0), (5, 0), (7, 0), (7, -1), (7, -2)}:
        return POWER
    return OTHER


def chord_class(name, tonic):
    name = name.strip().replace("♭", "b").replace("♯", "#")
    if name in ("N", "NC", "N.C.", "N.C"):
        return NO_CHORD
    # choice: X, a chord that its annotator could not name, is one of "anything else"
    if name == "X":
        return OTHER
    # choice: what cannot be read is an error, not "anything else"
    root, rest = pitch_class(name)
    if rest.startswith(":"):
        kind = quality(harte(without_bass(rest[1:])))
    else:
        # 6/9 has no bass, but 6/9/E has one
        kind = quality(lead_sheet(without_bass(re.sub(r"^(m|min|-|maj|)6/9", r"\g<1>69", rest))))
    return kind if kind >= NO_CHORD else 5 * ((root - tonic) % 12) + kind


def tonic_of(progression):
    """The key's pitch class; None where there is no key."""
    key = progression.get("key")
    if not key:
        return None
    # choice: a mode after the tonic (Am, A minor, A:min) changes nothing
    return pitch_class(key.strip().replace("♭", "b").replace("♯", "#"))[0]


def result_of(progression):
    result = {"id": progression.get("id", progression.get("name")), "samples": [], "classes": []}
    try:
        tonic = tonic_of(progression)
        if tonic is None:
            return result | {"left_out": "no key"}
        classes = [chord_class(c, tonic) for c in progression["chords"]]
    except ValueError as e:
        return result | {"error": str(e)}
    emotion = progression.get("emotion") or {"valence": 0, "arousal": 0.5}
    embedding = [np.tanh(emotion["valence"])] * 32 + [np.tanh(emotion["arousal"])] * 32
    samples = []
    for start in range(4, len(classes) - 3, 4):
        context = np.zeros(64)
        for k, c in enumerate(classes[start - 1::-1][:16]):
            context[c] += 0.8**k
        target = np.zeros(64)
        for c in classes[start:start + 4]:
            target[c] += 1 / 4
        samples.append({"input": digits([*embedding, *context / np.sum(context)]), "target": digits(target)})
    return result | {"samples": samples, "classes": classes}


def digits(values):
    """Nine significant digits; whole numbers without a point."""
    values = [float(f"{float(v):.9g}") for v in values]
    return [int(v) if v == int(v) else v for v in values]


def rows(values):
    """Compact JSON, a line for each value."""
    return ",\n".join(json.dumps(v, separators=(",", ":"), ensure_ascii=False) for v in values)


def readable(name):
    try:
        chord_class(name, 0)
        return True
    except ValueError:
        return False


# What follows the root, by quality as a reader of the page would sort it.
HARTE = {
    0: [":maj", ":7", ":maj7", ":6", ":maj6", ":9", ":maj9", ":11", ":13", ":maj13", ":maj(9)", ":maj6(9)", ":7(#9)",
        ":7(b9)", ":7(#11)", ":7(b13)", ":maj(#11)", ":maj(b13)", ":7(b5)", ":7(*5)", ":maj/3", ":maj/b7", ":maj/9",
        ":maj/11", ":(3,5)", ":1(3)", ":1(3,7)", ":1(b5,b7,3)", ":7(#9,#11)", ":maj(*5)", ":min(3)", "", "/3", "/b7"],
    1: [":min", ":min7", ":min6", ":min9", ":min11", ":min13", ":minmaj7", ":min(9)", ":min(11)", ":min7(11)",
        ":min(b13)", ":min7(#11)", ":min/b3", ":min7/5", ":min7(*5)", ":1(b3,b7)", ":1(b3,b7,11,9)", ":(b3,5)"],
    2: [":dim", ":dim7", ":hdim7", ":hdim7/b3", ":hdim7/b5", ":min(b5)", ":min7(*5,b5)", ":dim(b13)", ":(b3,b5,bb7)"],
    3: [":aug", ":aug(b7)", ":aug(b7,9)", ":aug(7)/#5", ":7(#5)", ":7(*5,#5)", ":(3,#5)"],
    4: [":sus4", ":sus2", ":sus4(b7)", ":sus4(b7,9)", ":sus4(b7,9,13)", ":sus2(b7)", ":sus4(9)", ":1(11,9)",
        ":sus4(*5)", ":maj(*3,9)", ":5(9)", ":sus4(b7,9,#11)", ":sus4/5", ":(4,5)", ":1(2)"],
    POWER: [":1", ":5", ":5(b7)", ":1(b7)", ":1(7)", ":maj(*3)", ":7(*3)", ":5/5", ":1/b7", ":min(*b3)"],
    OTHER: [":1(b5)", ":5(b13)", ":5(b9)", ":1(6)", ":5(#11)", ":1(13)", ":5(#9)", ":1(#5)"],
}
LEAD_SHEET = {
    0: ["", "maj", "M", "7", "maj7", "M7", "ma7", "Δ", "Δ7", "^7", "6", "69", "6/9", "9", "maj9", "11", "13", "maj13", "add9",
        "(add9)", "add11", "7b9", "7#9", "7(b9,#11)", "7#11", "7b13", "7b5", "7-5", "7alt", "7no5", "maj7#11",
        "/E", "7/Bb", "maj7/3", "6/9/G", "9(b13)"],
    1: ["m", "min", "mi", "-", "m7", "min7", "-7", "m6", "m69", "m6/9", "m9", "m11", "m13", "madd9", "m(add9)", "mM7", "mMaj7",
        "m(maj7)", "minmaj7", "m7/G", "m7(11)", "m7#5", "m7b13"],
    2: ["dim", "°", "dim7", "°7", "o7", "m7b5", "-7b5", "m7(b5)", "m7-5", "min7b5", "ø", "ø7", "m7b5/Eb", "mb5"],
    3: ["aug", "+", "+7", "aug7", "7#5", "7+5", "7(#5)", "maj7#5", "9#5", "7#5#9", "7(#5,b9)"],
    4: ["sus", "sus4", "sus2", "7sus4", "7sus", "9sus4", "13sus4", "7sus4(b9)", "sus2/G", "add9(no3)", "sus4no5"],
    POWER: ["5", "no3", "(no3)", "7no3", "5/G", "maj7no3", "7omit3"],
    OTHER: ["6no3", "5b9", "5#11"],
}
ROOTS = ["C", "Db", "F#", "A", "Eb", "B", "G#", "D", "Bb", "E", "Gb", "F", "C#", "Ab", "G", "D#", "A#", "Cb", "E#", "Fb", "B#", "Abb", "F##"]
TONICS = ["C", "E", "Bb", "F#", "G", "Ab", "D", "B", "Eb", "C#", "A", "F", "Db", "Gb"]
UNREADABLE = ["", "H", "c:maj", "maj", "C:", "C:foo", "C:maj(", "C:maj)", "C:maj(14)", "C:maj(0)", "C:maj(x)", "C:maj/", "C:maj/H",
              "C:maj(9", "Cfoo", "C7q", "C/", "Cm7b", "#", ":maj", "C::maj"]


def names():
    """Every quality of both tables on a root and in a key of its own."""
    rows = []
    for table in (HARTE, LEAD_SHEET):
        for kind, endings in table.items():
            for ending in endings:
                name, tonic = ROOTS[len(rows) % len(ROOTS)] + ending, TONICS[len(rows) // 2 % len(TONICS)]
                rows.append([name, tonic, chord_class(name, pitch_class(tonic)[0])])
                got = rows[-1][2] % 5 if rows[-1][2] < NO_CHORD else rows[-1][2]
                assert got == kind, (name, got, kind)
    rows += [[n, "C", NO_CHORD] for n in ("N", "N.C.", "NC")] + [["X", "C", OTHER]]
    rows += [[n, t, chord_class(n, pitch_class(t)[0])] for n, t in [("B♭m7", "C"), ("F♯:min", "D"), ("Bbb", "A"), ("Cb5", "B"), ("Ab5", "Db")]]
    return rows


def progressions():
    mixed = [ROOTS[3 * i % 17] + e for i, e in enumerate(e for table in HARTE.values() for e in table[::2])]
    sheet = [ROOTS[5 * i % 17] + e for i, e in enumerate(e for table in LEAD_SHEET.values() for e in table[1::2])]
    mood = {"valence": 0.75, "arousal": 0.25}
    turn = ["Bbmaj7", "Gm7", "Cm7", "F7"]
    return [
        {"id": "every Harte quality", "key": "Eb", "chords": mixed},
        {"id": "every lead-sheet quality", "key": "F#", "chords": sheet},
        {"name": "named", "key": "Bb", "emotion": mood, "chords": turn * 2},
        {"id": "repeats", "key": "A", "emotion": {"valence": -0.6, "arousal": 1}, "chords": ["A:min"] * 6 + ["E:7"] * 2 + ["A:min"] * 5},
        {"id": "no chord, no name", "key": "Db", "chords": ["N", "N", "Db", "X", "Gb:maj", "N.C.", "X", "Ab:7", "N", "C#", "Db:5", "F#m"]},
        {"id": "minor", "key": "F# minor", "emotion": {"valence": -1, "arousal": 0}, "chords": ["F#m", "D", "A", "E", "F#m", "D", "C#7", "F#m"]},
        {"id": "minor too", "key": "Ebm", "emotion": {"valence": 1, "arousal": 0}, "chords": ["Ebm", "Cb", "Gb", "Db", "Ebm", "Abm", "Bb7", "Ebm"]},
        {"id": "eleven", "key": "G", "chords": ["G", "Em", "C", "D", "G/B", "C6", "Am7", "D7", "G5", "D/F#", "Em"]},
        {"id": "seven: too short", "key": "E", "chords": ["E", "A", "B", "E", "A", "B7", "E"]},
        {"id": "one", "key": "C", "chords": ["C"]},
        {"id": "none", "key": "C", "chords": []},
        {"id": "key null", "key": None, "emotion": mood, "chords": turn * 3},
        {"id": "key empty", "key": "", "chords": turn * 3},
        {"id": "key missing", "chords": turn * 3},
    ]


def main():
    for path in sys.argv[1:]:
        try:
            loaded = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
            for progression in loaded if isinstance(loaded, list) else loaded["progressions"]:
                print(json.dumps(result_of(progression)))
        except Exception as e:  # the line names the file and the reason
            print(json.dumps({"file": path, "error": f"{type(e).__name__}: {e}"}))
    if len(sys.argv) > 1:
        return
    assert not any(readable(name) for name in UNREADABLE), [n for n in UNREADABLE if readable(n)]
    results = [p | result_of(p) for p in progressions()]
    (HERE / "chords.json").write_text(
        '{"names":[\n' + rows(names()) + '\n],\n"unreadable":' + rows([UNREADABLE]) + ',\n"progressions":[\n' + rows(results) + "\n]}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
