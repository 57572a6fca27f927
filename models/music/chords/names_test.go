// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import "strings"

// The tables below were made by hand from the rules. They list, for each quality, the
// texts that follow the root.

// harteNames start with the colon. They include all names that the McGill Billboard
// annotations use.
var harteNames = map[Quality]string{
	Major: `:maj :maj7 :maj6 :maj9 :maj11 :maj13 :7 :9 :11 :13 :maj/5 :maj/3 :maj/9 :maj/11 :maj/b7 :maj/7 :maj/b11 :maj/13
		:maj(9) :maj(9)/5 :maj(#11) :maj(b9) :maj6/b5 :maj6(9) :maj6(9)/5 :maj6(b7) :maj7/3 :maj7/7 :maj7/9 :maj7(#11) :maj7(#11)/3
		:maj9/11 :7/3 :7/5 :7/b7 :7/11 :7/b11 :7(#9) :7(#11) :7(11) :7(b9) :7(b9)/3 :7(b9)/5 :7(b9)/b7 :7(b9)/b9 :9(11) :maj(*5) :maj(*1)
		:1(3) :1(3)/3 :1(3,7) :1(b5,b7,3) :1(b5,b7,3)/b5 :(3,5) :(3) :(3,5,b7,#9) :7(b13) :maj(b13) :maj(2) :maj(4) :sus4(3) :min(3) :7(b5)
		:maj(*b3) :maj(1) :maj(9,13) :1(##5,3)`,
	Minor: `:min :min7 :min6 :min9 :min11 :min13 :minmaj7 :min/b3 :min/3 :min/5 :min/7 :min/b7 :min/9 :min/11 :min(9) :min(11) :min(b13)
		:min6/5 :min6(9)/5 :min7/5 :min7/b3 :min7/b7 :min7/b9 :min7/11 :min7(11) :min9/5 :min9/9 :1(b3,b7,11,9) :1(b3,b7) :(b3,5)
		:min(#5) :min(*5) :min(*3) :1(b3,bb5) :min7(b13) :min7(#11)`,
	Diminished: `:dim :dim7 :hdim7 :hdim7/b3 :hdim7/b5 :hdim7/b7 :min(b5) :min7(b5) :1(b3,b5) :(b3,b5,bb7) :min7(b5,*5) :dim(9) :dim(3)`,
	Augmented:  `:aug :aug(b7) :aug(b7)/3 :aug(b7,9) :maj(#5) :7(#5) :1(3,#5) :(3,#5) :maj(#5,*5) :sus4(3,#5) :1(3,b5,#5)`,
	Suspended: `:sus4 :sus2 :sus2/9 :sus2(b7) :sus4/5 :sus4/9 :sus4/b7 :sus4(9) :sus4(b7) :sus4(b7)/5 :sus4(b7)/11 :sus4(b7,9) :sus4(b7,9,13)
		:sus4(b7,9,#11) :1(11,9) :1(9) :1(11) :1(2) :1(4) :5(9) :5(11) :(4,5) :maj(*3,4) :9(*3) :min7(*b3,11) :(1,4,b5) :sus4(#9)
		:1(4,10)`,
	PowerChord: `:1 :5 :1(b7) :5(b7) :5(7) :5/5 :5/b7 :maj(*3) :7(*3) :maj7(*3) :min(*b3) :min7(*b3) :(1,5) :(5) :(1) :1(5) :1(*5) :5/9 :1/b3 :1(bb7)`,
	Other: `:1(b5) :(#5) :dim(*b3) :1(#9) :1(b13) :5(b9) :5(#11) :5(6) :1(13) :1(#3) :1(bb3) :1(#3,4) :1(10) :1(b10,b5) :1(12) :sus4(*4,#11)
		:maj6(*3) :aug(*3) :1(b2) :1(#4) :1(#2,b5) :1(b3,*b3,b5) :1(#1)`,
}

var leadSheetNames = map[Quality]string{
	Major: ` /E /3 /Bb maj M ma Maj MAJ maj7 M7 ma7 MA7 Δ7 Δ ∆7 ^7 ^ maj9 M9 maj13 6 6/9 69 6/9/E 6add9 (6/9) 7 9 11 13 7#9 7(b9,#11) 7(b9)(#11) 7b9#11 add9
		(add9) add2 add4 add11 add#11 addb9 Madd9 7alt alt 7b5 7dim5 7(b5) (b5) -5 (-5) 7-5 7-9 7+9 7(+9) maj7+11 7#11 7b13 7(b13) 7/G 7/Bb maj7/B
		(9) (4) (2) (5) j7 j79 j7911# 79b 79# 79b13 7913b 7911# 6911# 7altered alt. 7susadd3 7add3sus 9/6 96 no5 7no5 (omit5) (no1) 7add13 7M dom7 7,b9 maj7#11 M7#11 7(#9,b13) ⁷ ７ 7♯9 sus4add3 7♭9 /maj7 /M7 major (b3) 13(#11) -5/E`,
	Minor: `m min mi - Min MIN minor m7 -7 mi7 min7 m6 m6/9 m69 m9 m11 m13 -9 -11 mmaj7 mM7 mΔ7 mΔ -Δ7 m(maj7) m/maj7 m/M7 minmaj7 -maj7
		m^7 madd9 m(add9) madd11 mb6 m(b6) m7(11) m7b13 m/G m/Eb m/b3 m7/b5 m4 m2 m#5 m+5 m7#5 m7+5 m+ mno5 -j7 mj7 -7911 -79b m(7) m7add4 m7#11 (no3)m`,
	Diminished: `dim dim7 ° °7 o o7 º7 ø ø7 Ø Ø7 hdim7 half-dim m7b5 m7♭5 m7(b5) min7b5 -7b5 -7-5 m7-5 mi7b5 mb5 m(b5) m7dim5 dim7/Eb dimM7 ˚7 −7♭5 diminished7 m9b5 dimadd3 h h7 h9 h11 h7/G h/Gb % %7 %9 0 07 0/E dim. dim.7 halfdim halfdim7 halfdiminished7 oj7 o^7`,
	Augmented:  `+ aug + +7 aug7 7#5 7+5 7+ 7(#5) (#5) (+5) +5 maj7#5 M7#5 +M7 augmaj7 7#5#9 7#5b9 7(#5,#9) 7b5#5 +9 +11 9#5 augmented +/E +j7 +79b +79# 7aug 7aug5 7♯5 (+)`,
	Suspended: `sus sus4 sus2 Sus4 SUS4 7sus4 7sus 9sus4 9sus 13sus4 sus7 sus9 7(sus4) (sus4) (sus) 7sus4b9 sus2sus4 sus24 2 4 2/E 7altsus 5add9 9no3
		11no3 (no3,add4) 7no3add11 sus4/G maj7sus2 maj9sus4 msus4 m7sus4 add9no3 6/9no3 6sus4 9(omit3) sus4no5 7susb13 m9no3 suspended suspended4 suspended2 7suspended4 sus7 sus79 sus7913 sus79b phryg quartal 7b13sus 7b9sus sus/F`,
	PowerChord: `5 5/G no3 (no3) omit3 (omit3) 7no3 maj7no3 m7no3 mno3 57 5(b7) no3no5 5/E dim7no3no5 no(3)`,
	Other:      `6no3 no3b5 susb2 sus#4 dimno3 augno3 5b9 5#11 5(b13) 5add6 m6no3`,
}

// pair is a name that follows a root, and its quality.
type pair struct {
	name    string
	quality Quality
}

// pairs lists a table. The bare root, which is major, is in neither table.
func pairs(table map[Quality]string) []pair {
	var list []pair
	for _, q := range []Quality{Major, Minor, Diminished, Augmented, Suspended, PowerChord, Other} {
		for name := range strings.FieldsSeq(table[q]) {
			list = append(list, pair{name, q})
		}
	}
	return list
}

// spellings gives the names of each pitch class with up to two accidentals.
var spellings = [12]string{
	"C B# Dbb B♯", "C# Db B## D♭ C♯", "D C## Ebb E𝄫", "Eb D# Fbb E♭", "E Fb D##", "F E# Gbb",
	"F# Gb E## F♯", "G F## Abb F𝄪", "Ab G# A♭", "A G## Bbb", "Bb A# Cbb B♭", "B Cb A## C♭",
}

// twins are the names of the same chord in both styles.
var twins = [][2]string{
	{"C", "C:maj"}, {"Am", "A:min"}, {"F#m7b5", "F#:hdim7"}, {"F#ø7", "F#:hdim7"}, {"C°7", "C:dim7"}, {"Cdim", "C:dim"}, {"C+", "C:aug"},
	{"Cmaj7", "C:maj7"}, {"CΔ7", "C:maj7"}, {"CM7", "C:maj7"}, {"C-7", "C:min7"}, {"Cmi7", "C:min7"}, {"C6", "C:maj6"}, {"Cm6", "C:min6"},
	{"C6/9", "C:maj6(9)"}, {"C7#9", "C:7(#9)"}, {"C7(b9,#11)", "C:7(b9,#11)"}, {"Cadd9", "C:maj(9)"}, {"C5", "C:5"}, {"Cno3", "C:maj(*3)"},
	{"Csus4", "C:sus4"}, {"C4", "C:sus4"}, {"Csus2", "C:sus2"}, {"C2", "C:sus2"}, {"C7sus4", "C:sus4(b7)"}, {"C9sus4", "C:sus4(b7,9)"},
	{"C/E", "C:maj/3"}, {"C/E", "C/3"}, {"Am/G", "A:min/b7"}, {"Am7/Eb", "A:min7/b5"}, {"D/F♯", "D:maj/3"}, {"Dsus2/E", "D:sus2/9"},
	{"E7/G#", "E:7/3"}, {"BbmM7", "Bb:minmaj7"}, {"Eb9", "Eb:9"}, {"Ab13", "Ab:13"}, {"Gm11", "G:min11"}, {"C7b5", "C:7(b5,*5)"},
	{"C7#5", "C:aug(b7)"}, {"A7no3", "A:5(b7)"}, {"N.C.", "N"}, {"NC", "N"}, {"C11/Bb", "C:11/b7"}, {"B/D#", "B:maj/3"}, {"Cm/B", "C:min/7"},
}
