// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQualities(t *testing.T) {
	for style, table := range map[string]map[Quality]string{"Harte": harteNames, "lead sheet": leadSheetNames} {
		t.Run(style, func(t *testing.T) {
			list := pairs(table)
			require.Greater(t, len(list), 100)
			for _, p := range list {
				c, err := Parse("C" + p.name)
				if assert.NoError(t, err) {
					assert.Equal(t, ClassName(Chord{Quality: p.quality}.Class(0)), ClassName(c.Class(0)), "C%s", p.name)
				}
			}
		})
	}
}

func TestParse(t *testing.T) {
	none := Chord{-1, NoChord, -1}
	for name, want := range map[string]Chord{
		"C": {0, Major, 0}, "B": {11, Major, 11}, "Bb": {10, Major, 10}, "B♭": {10, Major, 10}, "Cb": {11, Major, 11}, "B#": {0, Major, 0},
		"F#:hdim7/b3": {6, Diminished, 9}, "A:1(b3,b7)": {9, Minor, 9}, "C:maj(*3)": {0, PowerChord, 0}, "C:(1,5)": {0, PowerChord, 0},
		"G:maj/11": {7, Major, 0}, "G:7/b11": {7, Major, 11}, "E:maj/b9": {4, Major, 5}, "A/G#": {9, Major, 8}, "Bb/b7": {10, Major, 8},
		"C:maj6/9": {0, Major, 2}, "Cmaj6/9": {0, Major, 0}, "C6/9/E": {0, Major, 4}, "C:maj/E": {0, Major, 4}, "Cm/maj7": {0, Minor, 0},
		"C:maj/13": {0, Major, 9}, "D / F#": {2, Major, 6}, "C maj 7": {0, Major, 0}, "A minor": {9, Minor, 9}, "C:maj( 9 , 13 )": {0, Major, 0},
		// A run of equal accidentals is the root's.
		"C#9": {1, Major, 1}, "Cb5": {11, PowerChord, 11}, "C#b5": {1, Major, 1}, "Bb#11": {10, Major, 10}, "Bbb5": {9, PowerChord, 9}, "Ebm7b5": {3, Diminished, 3},
		"Bbadd9": {10, Major, 10}, "Badd9": {11, Major, 11}, "E𝄫:maj": {2, Major, 2}, "C###:maj": {3, Major, 3}, "Dbmaj7": {1, Major, 1}, "Ｃ＃ｍ": {1, Minor, 1},
		"N": none, "N.C.": none, "NC": none, "n.c.": none, "no chord": none, " N\t": none,
		"X": {-1, Other, -1}, "C:1(b5)": {0, Other, 0},
		"  F#m7b5\n": {6, Diminished, 6}, "\u00a0G7 ": {7, Major, 7},
	} {
		c, err := Parse(name)
		if assert.NoError(t, err) {
			assert.Equal(t, want, c, name)
		}
	}
}

func TestStylesAgree(t *testing.T) {
	for _, names := range twins {
		lead, err := Parse(names[0])
		require.NoError(t, err)
		harte, err := Parse(names[1])
		require.NoError(t, err)
		assert.Equal(t, lead, harte, "%s and %s", names[0], names[1])
	}
	distinct := map[Chord]bool{}
	for _, names := range twins {
		c, _ := Parse(names[0])
		distinct[c] = true
	}
	assert.Greater(t, len(distinct), 20, "all alike would agree as well")
}

func TestRefused(t *testing.T) {
	for name, want := range map[string]string{
		"":                                     `a name is empty: write a chord such as "C"`,
		" \t":                                  "a name is empty",
		"H7":                                   `"H7": it starts with "H7", not with a root from A to G: names are written like "F#m7b5"`,
		"am":                                   `starts with "am"`,
		"7":                                    `starts with "7"`,
		"C:":                                   `nothing follows ":"`,
		"C: ":                                  `nothing follows ":"`,
		"C::maj":                               `":maj" is not understood`,
		"C/E:maj":                              `"E:maj" after "/" is neither a note nor a degree`,
		"Cfoo":                                 `"Cfoo": "foo" is not understood`,
		"C:majx":                               `"x" is not understood`,
		"Cmaj7xyz":                             `"xyz" is not understood`,
		"C/":                                   `"" after "/"`,
		"C/e":                                  `"e" after "/"`,
		"C/Dm":                                 `"Dm" after "/"`,
		"C/E/G":                                `"E/G" after "/"`,
		"C:maj/14":                             `"14" after "/"`,
		"C(add9":                               `a ")" is missing`,
		"Cadd9)":                               `")" is not understood`,
		"Cadd":                                 "a degree is missing",
		"C:maj(*)":                             "a degree is missing",
		"Cno":                                  "a degree is missing",
		"C:0":                                  `"0" is not understood`,
		"C3":                                   `"3" is not understood`,
		"C8":                                   `"8" is not understood`,
		"C10":                                  `"10" is not understood`,
		"C7-":                                  `"-" is not understood`,
		"C(14)":                                `"14)" is not understood`,
		"C#b":                                  `"b" is not understood`,
		"C G":                                  `"G" is not understood`,
		"C\x00":                                `"\x00" is not understood`,
		"C\xff":                                `is not understood`,
		"C:maj(9)" + strings.Repeat("é", 5000): `ééé"… is not understood`,
	} {
		_, err := Parse(name)
		if assert.Error(t, err, name) {
			assert.Contains(t, err.Error(), want)
			assert.Less(t, len(err.Error()), 300, "errors stay short")
		}
	}
}

// TestTransposed moves chord and tonic together, in every spelling of both.
func TestTransposed(t *testing.T) {
	for _, p := range append(pairs(harteNames), pairs(leadSheetNames)...) {
		for above := range 12 {
			in0, err := Parse(strings.Fields(spellings[above])[0] + p.name)
			require.NoError(t, err)
			want := in0.Class(0)
			for tonic := range 12 {
				for root := range strings.FieldsSeq(spellings[(tonic+above)%12]) {
					c, err := Parse(root + p.name)
					require.NoError(t, err)
					if c.Class(tonic) != want {
						t.Fatalf("%s%s in %d: %s, want %s", root, p.name, tonic, ClassName(c.Class(tonic)), ClassName(want))
					}
				}
			}
		}
	}
	for pitch, names := range spellings {
		for name := range strings.FieldsSeq(names) {
			tonic, err := ParseKey(name)
			require.NoError(t, err)
			assert.Equal(t, pitch, tonic, name)
			c, err := Parse(name)
			require.NoError(t, err)
			assert.Equal(t, pitch, c.Root, name)
		}
	}
}

func TestClass(t *testing.T) {
	for _, tc := range []struct {
		name  string
		tonic int
		want  int
		text  string
	}{
		{"C", 0, 0, "I"}, {"Db", 0, 5, "bII"}, {"Cm", 0, 1, "i"}, {"Ddim", 0, 12, "ii°"}, {"G+", 0, 38, "V+"}, {"Csus4", 0, 4, "Isus"},
		{"Am", 0, 46, "vi"}, {"A:min", 9, 1, "i"}, {"C", 9, 15, "bIII"}, {"B:hdim7", 0, 57, "vii°"}, {"F#", 0, 30, "bV"}, {"Gbm", 0, 31, "bv"},
		{"Bsus2", 0, 59, "VIIsus"}, {"N", 3, 60, "N"}, {"G5", 3, 61, "5"}, {"X", 3, 62, "other"}, {"G:1(#11)", 3, 62, "other"},
		{"E", 5, 55, "VII"}, {"C", 0 - 12, 0, "I"}, {"C", 21, 15, "bIII"},
	} {
		c, err := Parse(tc.name)
		require.NoError(t, err)
		assert.Equal(t, tc.want, c.Class(tc.tonic), tc.name)
		assert.Equal(t, tc.text, ClassName(tc.want), tc.name)
	}
	for _, c := range []Chord{{Root: -1}, {Root: 12}, {Quality: 5}, {Quality: -1}, {Quality: 63}} {
		assert.Equal(t, Other, c.Class(0), "%+v", c)
	}
}

func TestClassNames(t *testing.T) {
	seen := map[string]int{}
	for class := range Classes {
		name := ClassName(class)
		require.NotContains(t, seen, name)
		seen[name] = class
	}
	assert.Equal(t, 63, seen["unused"])
	assert.Equal(t, "unused", ClassName(-1))
	assert.Equal(t, "unused", ClassName(64))
}

// TestLong parses names of 10 kB, each of which repeats one step of the scanner. They
// take milliseconds; only work that grows with the square of the length would reach the
// limit.
func TestLong(t *testing.T) {
	const size = 10_000
	for _, part := range []string{"#", "b", "m", "(", "()", "add9", "no3", "sus", "7", "+", "-", "*b3,", ",", "/", "6/9", "b#b#5", "add", "Δ", "\uFDFA", "\xff", "N"} {
		for _, start := range []string{"C", "C:", "C:maj(", ""} {
			name := start + strings.Repeat(part, size/len(part))
			begin := time.Now()
			Parse(name)
			ParseKey(name)
			assert.Less(t, time.Since(begin), time.Second, "%s and many %q", start, part)
		}
	}
	// As many distinct degrees as fit, then one that is struck out again and again.
	var many strings.Builder
	many.WriteString("C:1(")
	for n := 1; many.Len() < size/2; n++ {
		many.WriteString(strings.Repeat("b", n) + "3,")
	}
	begin := time.Now()
	c, err := Parse(many.String() + strings.Repeat("no3,", size/8) + ")")
	require.NoError(t, err)
	assert.Equal(t, Quality(PowerChord), c.Quality)
	assert.Less(t, time.Since(begin), time.Second)
}

func FuzzParse(f *testing.F) {
	for _, p := range append(pairs(harteNames), pairs(leadSheetNames)...) {
		f.Add("F#" + p.name)
	}
	for _, name := range []string{"", "N", "X", "H", "C/", "C:", "C(((", "a minor", "B flat", "C" + strings.Repeat("no3", 3000)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if tonic, err := ParseKey(name); err == nil && (tonic < 0 || tonic > 11) {
			t.Fatalf("key %q has tonic %d", name, tonic)
		}
		c, err := Parse(name)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "chords: ") || len(err.Error()) > 1000 {
				t.Fatal(err)
			}
			return
		}
		if c.Root < -1 || c.Root > 11 || c.Bass < -1 || c.Bass > 11 || (c.Root < 0) != (c.Bass < 0) {
			t.Fatalf("%q: %+v", name, c)
		}
		for tonic := range 12 {
			class := c.Class(tonic)
			if class < 0 || class > Other || ClassName(class) == "unused" {
				t.Fatalf("%q: class %d", name, class)
			}
			if class < NoChord && class != rooted*modulo(c.Root-tonic)+int(c.Quality) {
				t.Fatalf("%q: class %d of %+v", name, class, c)
			}
		}
		if again, err := Parse(" " + name + " "); err != nil || again != c {
			t.Fatalf("%q with space around it: %+v, %v", name, again, err)
		}
	})
}
