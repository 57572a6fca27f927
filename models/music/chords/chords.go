// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package chords turns chord names into the classes that HarmonyPredictor reads and
// writes, and a progression into its samples.
//
// # Classes
//
// A class is 5·r + q: r is the root's distance above the tonic in semitones, q the
// [Quality]. The set of degrees above the root decides it, by the first of these
// rules that applies:
//
//	b3 with b5                       Diminished
//	3 with #5                        Augmented
//	3                                Major
//	b3                               Minor
//	4, 11, 2 or 9 and no third       Suspended
//	nothing but 1, 5 and sevenths    PowerChord, whatever the root
//	anything else, and the name X    Other, whatever the root
//
// The name N is NoChord. Degrees are compared by name, not by sound: #9 is not a
// minor third, b13 not an augmented fifth, 10 not a third, 12 not a fifth. With any third, even #3, a
// chord is not suspended, and a power chord may have any seventh, even bb7. The bass
// note is ignored.
//
// # Names
//
// Harte's syntax has a colon after the root: "F#:hdim7/b3", "A:1(b3,b7)",
// "C:maj(*3)". Parentheses add degrees, or remove one by its exact name; directly
// after the colon they add to the root alone, as in "C:(1,5)". The bass is a degree. (C. Harte, M. Sandler, S. Abdallah, E. Gómez:
// Symbolic representation of musical chords, ISMIR 2005, with the shorthands
// that the McGill Billboard annotations add.)
//
// Lead-sheet names have none: "F#m7b5", "Cmaj7", "CΔ7", "C°7", "C6/9",
// "C7(b9,#11)". Both kinds share their words, so "A:m7" is read, too. Where lead
// sheets are ambiguous, these readings hold:
//
//   - Accidentals after a letter belong to the root: "C#9" is the ninth chord on C
//     sharp, "Cb5" the power chord on C flat. A change of sign ends them: "C#b5".
//   - "C2" and "C4" are suspended; later in a name, or in parentheses, 2 and 4 are
//     added: "Cm4", "C(4)". "C5" is the power chord, "C(5)" is C.
//   - "-" and "+" directly after the root are minor and augmented, otherwise flat and
//     sharp: "C-7", "C7-9". "C-5" is C with a flat fifth.
//   - "alt" lets the player choose which fifth and ninth are altered, so it sets none,
//     and "C7alt" is major.
//   - "no3" removes any third; then "C9no3" is suspended.
//   - "h", "%" and "0" directly after the root of a lead sheet are half-diminished,
//     half-diminished and diminished: "Dh7" (iReal Pro), "D%7", "C07". "j" is a major
//     seventh, and the accidental of a tension may follow it: "Ebj7", "G79b" (Weimar
//     Jazz Database).
//   - "/" introduces the bass, a note or a degree: "Cm7/b5" is minor. The exceptions
//     are "6/9" and "/maj7", as in "Cm/maj7".
//
// Accidentals may be written "♯" and "♭", digits raised or in full width.
package chords

import "fmt"

// Pause stands in the McGill Billboard annotations where the metre is interrupted.
// It is not a chord.
const Pause = "&pause"

// Classes is the number of classes, and the length of a distribution over them.
const Classes = 64

// The classes that have no root; 63 is never used. Each is a [Quality], too.
const (
	NoChord    = 60 // nothing sounds
	PowerChord = 61 // root and fifth, or the root alone, with or without a seventh
	Other      = 62 // none of the qualities, or unknown
)

// Quality is the kind of a chord: one of the five below, which a class combines with
// the root, or [NoChord], [PowerChord], [Other].
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

// Chord is the meaning of a chord's name.
type Chord struct {
	Root    int // pitch class, 0 (C) to 11 (B); -1 for no chord and for an unknown one
	Quality Quality
	Bass    int // pitch class of the lowest note: the root, unless the name gives another
}

// Class returns the chord's class, 0 to 62, in a key whose tonic is the pitch class
// given. A chord that [Parse] cannot return is [Other].
func (c Chord) Class(tonic int) int {
	switch {
	case c.Quality >= NoChord && c.Quality <= Other:
		return int(c.Quality)
	case c.Root < 0 || c.Root > 11 || c.Quality < Major || c.Quality >= rooted:
		return Other
	}
	return rooted*modulo(c.Root-tonic) + int(c.Quality)
}

// modulo returns the pitch class of a number of semitones above C.
func modulo(semitones int) int { return (semitones%12 + 12) % 12 }

var degreeNames = [12][2]string{
	{"I", "i"}, {"bII", "bii"}, {"II", "ii"}, {"bIII", "biii"}, {"III", "iii"}, {"IV", "iv"},
	{"bV", "bv"}, {"V", "v"}, {"bVI", "bvi"}, {"VI", "vi"}, {"bVII", "bvii"}, {"VII", "vii"},
}

// ClassName names a class for tables, plots and metadata: the root as a degree of the
// major scale on the tonic, in capitals for a major third and in small letters for a
// minor one, then the quality: "I", "bII", "i", "ii°", "V+", "Isus". The others are
// "N" (no chord), "5" (power chord), "other" and, for 63 and numbers that are no
// class, "unused".
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

// triads has the tones of each quality that has a root, in semitones above it.
var triads = [rooted][3]int{Major: {0, 4, 7}, Minor: {0, 3, 7}, Diminished: {0, 3, 6}, Augmented: {0, 4, 8}, Suspended: {0, 5, 7}}

// Tones returns the triad of a class, in semitones above the tonic, from the root (0 to 11)
// up. [PowerChord], whose class does not tell the root, stands on the tonic. [NoChord],
// [Other] and numbers that are no class have no tones.
func Tones(class int) []int {
	if class == PowerChord {
		return []int{0, 7}
	}
	if class < 0 || class >= NoChord {
		return nil
	}
	tones := triads[class%rooted]
	for i := range tones {
		tones[i] += class / rooted
	}
	return tones[:]
}

// The sizes of a sample.
const (
	History = 16  // chords before, at most, in a context
	Ahead   = 4   // chords in a target, and the step from sample to sample
	Decay   = 0.8 // weight of a chord of the context against the one after it
)

// Sample is a place in a progression, with the chords before and after it. Each part
// is a distribution over the classes: [Classes] numbers of sum 1. The other half of
// HarmonyPredictor's input, the emotion, is that of the whole progression.
type Sample struct {
	Position int // index of the first chord of the target

	// Context holds up to [History] chords before; the one at distance k = 0, 1, … has
	// weight [Decay]^k. Target holds the next [Ahead], with equal weights.
	Context, Target []float32
}

// Samples cuts a progression, given as the class of each chord with repeats, into
// samples at 4, 8, 12, … as long as all four target chords exist. Fewer than eight
// chords give none. Samples panics if a number is not a class.
func Samples(classes []int) []Sample {
	for i, c := range classes {
		if c < 0 || c >= Classes {
			panic(fmt.Sprintf("chords: chord %d has class %d: classes go from 0 to %d", i+1, c, Classes-1))
		}
	}
	var samples []Sample
	for at := Ahead; at+Ahead <= len(classes); at += Ahead {
		samples = append(samples, Sample{at, Context(classes[:at]), distribution(classes[at:at+Ahead], 1)})
	}
	return samples
}

// Context returns the Context of a [Sample] after all of the chords; before the first chord
// it is 64 zeros, of which there is no sample.
func Context(classes []int) []float32 {
	if len(classes) == 0 {
		return make([]float32, Classes)
	}
	return distribution(classes[max(0, len(classes)-History):], Decay)
}

// distribution weights the classes by decay^k, with k counted from the last.
func distribution(classes []int, decay float64) []float32 {
	var weights [Classes]float64
	weight, sum := 1.0, 0.0
	for k := range classes {
		weights[classes[len(classes)-1-k]] += weight
		sum += weight
		weight *= decay
	}
	d := make([]float32, Classes)
	for i, w := range weights {
		d[i] = float32(w / sum)
	}
	return d
}
