// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package chords turns chord names into the classes that HarmonyPredictor reads
// and writes, and a progression into its samples.
//
// # Classes
//
// A class is 5·r + q: r is the root's distance above the tonic in semitones, q
// the [Quality], which follows from the set of degrees above the root, by the
// first of these rules that holds:
//
//	b3 with b5                       Diminished
//	3 with #5                        Augmented
//	3                                Major
//	b3                               Minor
//	4, 11, 2 or 9 and no third       Suspended
//	nothing but 1, 5 and sevenths    PowerChord, whatever the root
//	anything else, and the name X    Other, whatever the root
//
// The name N is NoChord. Degrees are compared by name, not by sound: #9 is no
// minor third, b13 no augmented fifth, 10 no third, 12 no fifth. Any third, #3
// too, keeps a chord from being suspended, and any seventh, bb7 too, is allowed
// in a power chord. The bass has no say.
//
// # Names
//
// Harte's syntax has a colon after the root: "F#:hdim7/b3", "A:1(b3,b7)",
// "C:maj(*3)". Parentheses add degrees, or strike one out by exactly its name;
// where they follow the colon at once, only the root is there before, as in
// "C:(1,5)". The bass is a degree. (C. Harte, M. Sandler, S. Abdallah, E. Gómez:
// Symbolic representation of musical chords, ISMIR 2005, with the shorthands
// that the McGill Billboard annotations add.)
//
// Lead-sheet names have none: "F#m7b5", "Cmaj7", "CΔ7", "C°7", "C6/9",
// "C7(b9,#11)". After either kind of root the same words are understood, so
// "A:m7" is read as well. Where lead sheets leave room, the plainest reading
// counts:
//
//   - Accidentals after a letter belong to the root: "C#9" is the ninth chord on
//     C sharp, "Cb5" the power chord on C flat. A change of sign ends them: "C#b5".
//   - "C2" and "C4" are suspended; after something else, or in parentheses, 2 and
//     4 are added ones: "Cm4", "C(4)". "C5" is the power chord, "C(5)" is C.
//   - "-" and "+" at once after the root are minor and augmented, otherwise flat
//     and sharp: "C-7", "C7-9". "C-5" is C with a flat fifth.
//   - "alt" leaves it to the player which fifth and ninth are altered, so it names
//     none, and "C7alt" is major.
//   - "no3" strikes out whatever third there is; then "C9no3" is suspended.
//   - "h", "%" and "0" at once after the root of a lead sheet are half-diminished,
//     half-diminished and diminished: "Dh7" (iReal Pro), "D%7", "C07". "j" is a major
//     seventh, and the accidental of a tension may follow it: "Ebj7", "G79b" (Weimar
//     Jazz Database).
//   - What follows "/" is the bass, a note or a degree: "Cm7/b5" is minor. Only
//     "6/9" and "/maj7", as in "Cm/maj7", are not.
//
// Accidentals may be written "♯" and "♭", digits raised or in full width.
package chords

// Pause stands in the McGill Billboard annotations where the metre is interrupted.
// It is no chord.
const Pause = "&pause"

// Classes is the number of classes, and the length of a distribution over them.
const Classes = 64

// The classes that have no root; 63 is never used. They serve as a [Quality] too.
const (
	NoChord    = 60 // nothing sounds
	PowerChord = 61 // root and fifth, or the root alone, with or without a seventh
	Other      = 62 // none of the qualities, or unknown
)

// Quality is the kind of a chord: one of the five below, which a class counts
// together with the root, or [NoChord], [PowerChord], [Other].
type Quality int

// The qualities that have a root.
const (
	Major Quality = iota
	Minor
	Diminished // half-diminished too
	Augmented
	Suspended

	rooted = 5
)

// Chord is what is kept of a chord's name.
type Chord struct {
	Root    int // pitch class, 0 (C) to 11 (B); -1 for no chord and for an unknown one
	Quality Quality
	Bass    int // pitch class of the lowest note: the root, if the name says nothing else
}

// Class gives the chord's class where tonic, a pitch class, is the tonic: 0 to 62.
// A chord that is not of [Parse]'s making and has no sense is [Other].
func (c Chord) Class(tonic int) int {
	switch {
	case c.Quality >= NoChord && c.Quality <= Other:
		return int(c.Quality)
	case c.Root < 0 || c.Root > 11 || c.Quality < Major || c.Quality >= rooted:
		return Other
	}
	return rooted*modulo(c.Root-tonic) + int(c.Quality)
}

// modulo gives the pitch class of a number of semitones above C.
func modulo(semitones int) int { return (semitones%12 + 12) % 12 }

var degreeNames = [12][2]string{
	{"I", "i"}, {"bII", "bii"}, {"II", "ii"}, {"bIII", "biii"}, {"III", "iii"}, {"IV", "iv"},
	{"bV", "bv"}, {"V", "v"}, {"bVI", "bvi"}, {"VI", "vi"}, {"bVII", "bvii"}, {"VII", "vii"},
}

// ClassName names a class for tables, plots and metadata: the root as a degree of
// the major scale on the tonic, large for a major third and small for a minor,
// then the quality: "I", "bII", "i", "ii°", "V+", "Isus". The others are "N" (no
// chord), "5" (power chord), "other" and, for 63 and numbers that are no class,
// "unused".
func ClassName(class int) string {
	switch class {
	case NoChord:
		return "N"
	case PowerChord:
		return "5"
	case Other:
		return "other"
	}
	if class < 0 || class > Other {
		return "unused"
	}
	name := degreeNames[class/rooted]
	switch Quality(class % rooted) {
	case Minor:
		return name[1]
	case Diminished:
		return name[1] + "°"
	case Augmented:
		return name[0] + "+"
	case Suspended:
		return name[0] + "sus"
	}
	return name[0]
}
