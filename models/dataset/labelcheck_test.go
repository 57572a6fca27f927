// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ten makes a folder of ten files whose labels are made from their number.
func ten(t *testing.T, label func(i int) (valence, arousal float64), more ...string) (root string) {
	t.Helper()
	files := map[string]string{}
	var labels []string
	for i := range 10 {
		files[fmt.Sprintf("audio/%d.wav", i)] = fmt.Sprint(i)
		v, a := label(i)
		labels = append(labels, fmt.Sprintf("%d.wav,%g,%g,", i, v, a))
	}
	files["audio/labels.csv"] = rows(append(labels, more...)...)
	return folder(t, files)
}

func TestScales(t *testing.T) {
	for name, c := range map[string]struct {
		label func(i int) (valence, arousal float64)
		want  []string // of errors and warnings about scales
		more  int      // errors of single numbers
	}{
		"as it should be": {func(i int) (float64, float64) { return float64(i)/5 - 0.9, float64(i) / 9 }, nil, 0},
		"1 to 9": {func(i int) (float64, float64) { return 1.5 + float64(i)*0.75, 2 + float64(i)*0.5 }, []string{
			`error labels.csv: valence lies in 1 to 9, as DEAM has it: subtract 5 and divide by 4, or let etude import deam do it (10 numbers out of range: "0.wav" 1.5, "1.wav" 2.25, "2.wav" 3 and 7 more)`,
			`error labels.csv: arousal lies in 1 to 9, as DEAM has it: subtract 1 and divide by 8, or let etude import deam do it (10 numbers out of range: "0.wav" 2, "1.wav" 2.5, "2.wav" 3 and 7 more)`,
		}, 0},
		"1 to 9, of which arousal shows 5 only": {func(i int) (float64, float64) { return float64(min(1+i, 9)), 1 + float64(i%5) }, []string{
			`error labels.csv: valence lies in 1 to 9, as DEAM has it: subtract 5 and divide by 4, or let etude import deam do it (9 numbers out of range: "1.wav" 2, "2.wav" 3, "3.wav" 4 and 6 more)`,
			`error labels.csv: arousal lies in 1 to 9, as DEAM has it: subtract 1 and divide by 8, or let etude import deam do it (8 numbers out of range: "1.wav" 2, "2.wav" 3, "3.wav" 4 and 5 more)`,
		}, 0},
		"1 to 5": {func(i int) (float64, float64) { return 1 + float64(i%5), 5 - float64(i%5) }, []string{
			`error labels.csv: valence lies in 1 to 5: subtract 3 and divide by 2 (8 numbers out of range: "1.wav" 2, "2.wav" 3, "3.wav" 4 and 5 more)`,
			`error labels.csv: arousal lies in 1 to 5: subtract 1 and divide by 4 (8 numbers out of range: "0.wav" 5, "1.wav" 4, "2.wav" 3 and 5 more)`,
		}, 0},
		"0 to 100": {func(i int) (float64, float64) { return float64(i) / 9 * 1.8, 11 * float64(i) }, []string{
			`error labels.csv: arousal lies in 0 to 100: divide by 100 (9 numbers out of range: "1.wav" 11, "2.wav" 22, "3.wav" 33 and 6 more)`,
		}, 4}, // valence beyond 1, which could be slips
		"percent": {func(i int) (float64, float64) { return 10 * float64(i), 0.5 }, []string{
			`error labels.csv: valence lies in 0 to 100: subtract 50 and divide by 50 (9 numbers out of range: "1.wav" 10, "2.wav" 20, "3.wav" 30 and 6 more)`,
		}, 0},
		"signed arousal": {func(i int) (float64, float64) { return float64(i)/5 - 0.9, float64(i)/5 - 0.9 }, []string{
			`error labels.csv: arousal lies in -1 to 1: add 1 and divide by 2 (5 numbers out of range: "0.wav" -0.9, "1.wav" -0.7, "2.wav" -0.5 and 2 more)`,
		}, 0},
		"a slip": {func(i int) (float64, float64) { return float64(i)/5 - 0.9, float64(i)/9 - 0.05 }, nil, 1},
		"no negative one": {func(i int) (float64, float64) { return float64(i) / 10, float64(i) / 9 }, []string{
			`warning labels.csv: valence lies in 0 to 0.9, with no negative one among them: if the scale is 0 to 1, multiply by 2 and subtract 1`,
		}, 0},
		"no scale at all": {func(i int) (float64, float64) { return 1000 * float64(i), 0.5 }, nil, 9},
	} {
		s := check(t, texts(), ten(t, c.label), Options{})
		var got []string
		single := 0
		for _, p := range s.Problems {
			switch p.Kind {
			case KindScale:
				got = append(got, fmt.Sprintf("%s %s", p.Level, p.Reason))
			case KindRange:
				single++
				assert.Contains(t, p.Reason, ": rescale it to ")
			case KindFile, KindLabel, KindOrphan, KindUnlabelled:
				t.Errorf("%s: %v", name, p)
			}
		}
		assert.ElementsMatch(t, c.want, got, name)
		assert.Equal(t, c.more, single, name)
		assert.Len(t, s.LabelsSummary.Scales, len(c.want), name)
	}
}

// Other faults of a row are reported beside the scale of its column.
func TestScaleHidesNothingElse(t *testing.T) {
	s := check(t, texts(), ten(t, func(i int) (float64, float64) { return float64(i)/5 - 0.9, 1 + float64(i%9) },
		"none.wav,0,5,", "1.wav,high,5,", "2.wav,-7,5,"), Options{})
	var got []string
	for _, p := range s.Problems {
		if p.Level == LevelError && p.Kind != KindAmount {
			got = append(got, string(p.Kind)+" "+p.Name)
		}
	}
	// Of 0.wav the arousal is 1, within both ranges.
	assert.ElementsMatch(t, []string{"scale ", "orphan none.wav", "label 1.wav", "range 2.wav"}, got)
	assert.Equal(t, ColumnScale{Column: "arousal", Low: 1, High: 9, Min: 1, Max: 9, Outside: 10, Mend: "subtract 1 and divide by 8"}, withoutExamples(s.LabelsSummary.Scales[0]))
}

func withoutExamples(c ColumnScale) ColumnScale {
	c.examples = nil
	return c
}

// The formulas take the ends of a scale to the ends of the range.
func TestFormulas(t *testing.T) {
	for _, wanted := range []scale{valenceScale, arousalScale} {
		for _, s := range append(scales, valenceScale, arousalScale) {
			if s == wanted {
				continue
			}
			mend := s.mend(wanted)
			for _, ends := range [][2]float64{{s.low, wanted.low}, {s.high, wanted.high}} {
				v := ends[0]
				for _, step := range strings.Split(mend, " and ") {
					var n float64
					words := strings.Fields(step)
					_, err := fmt.Sscan(words[len(words)-1], &n)
					require.NoError(t, err)
					switch words[0] {
					case "subtract":
						v -= n
					case "add":
						v += n
					case "divide":
						v /= n
					case "multiply":
						v *= n
					default:
						t.Fatal(mend)
					}
				}
				assert.Equal(t, ends[1], v, mend)
			}
		}
	}
}

func TestScaleOfProgressions(t *testing.T) {
	var list []string
	for i := range 5 {
		list = append(list, fmt.Sprintf(`{"id": "p%d", "key": "C", "chords": %s, "emotion": {"valence": %d, "arousal": %d}}`, i, eight, 2+i, 7-i))
	}
	s := check(t, HarmonySource, folder(t, map[string]string{"chords/chord_progressions.json": "[" + strings.Join(list, ",") + "]"}), Options{})
	assert.Equal(t, []string{
		`error : chord_progressions.json: arousal lies in 1 to 9, as DEAM has it: subtract 1 and divide by 8, or let etude import deam do it (5 numbers out of range: "p0" 7, "p1" 6, "p2" 5 and 2 more)`,
		`error : chord_progressions.json: valence lies in 1 to 9, as DEAM has it: subtract 5 and divide by 4, or let etude import deam do it (5 numbers out of range: "p0" 2, "p1" 3, "p2" 4 and 2 more)`,
		"error : no usable progression",
		"warning : 0 usable progressions: at least 20 are recommended",
	}, sortedLines(s))
}

func TestChordsSummary(t *testing.T) {
	chord := func(name string, n int) string {
		return strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%q,", name), n), ",")
	}
	list := `[{"id": "a", "key": "C", "title": "x", "artist": "y", "chords": [` + chord("C", 12) + `], "emotion": {"valence": 0, "arousal": 1}},
	{"id": "b", "key": "D", "title": "z", "artist": "y", "chords": [` + chord("D", 12) + `], "emotion": {"valence": 1, "arousal": 1}},
	{"id": "c", "key": "C", "title": "u", "chords": [` + chord("Am", 4) + "," + chord("F", 4) + `], "emotion": {"valence": 1, "arousal": 1}},
	{"id": "d", "key": "C", "title": "w", "chords": [` + chord("G", 4) + "," + chord("C", 48) + `]}]`
	s := check(t, HarmonySource, folder(t, map[string]string{"chords/chord_progressions.json": list}), Options{})
	assert.Equal(t, &ChordsSummary{Count: 84, Classes: []ClassCount{{"I", 72}, {"IV", 4}, {"V", 4}, {"vi", 4}}}, s.Chords)
	assert.Equal(t, []int{3, 1}, []int{s.LabelsSummary.Count, s.LabelsSummary.Unlabelled})
	lines := s.lines()
	assert.Contains(t, lines, "warning : 86 % of the chords are I, seen from the tonic: add progressions with others")
	assert.Contains(t, lines, "warning : 1 of 4 progressions have no emotion: the neutral one (valence 0, arousal 0.5) stands for it")
	// Twelve tonics are the same in any key, whatever the emotion.
	assert.Contains(t, lines, `warning a: the same chords as "b", in different groups ("x / y", "z / y"), which `)
	assert.Contains(t, lines, ": give them the same title and artist, or keep one")
	assert.False(t, s.Duplicates[0].Conflict)
}

func TestNotUTF8(t *testing.T) {
	for text, want := range map[string]string{
		"filename,valence,arousal\ncaf\xe9.wav,0,0\n": `labels.csv: line 2: "caf\xe9.wav,0,0" is not UTF-8 (byte 0xe9 at 28 of the file; Latin-1, perhaps): save it as UTF-8`,
		"\xc3": `line 1: "\xc3" is not UTF-8 (byte 0xc3 at 0 of the file`,
		"filename,valence,arousal\ntokyo-\xe6\x9d\xb1.wav,0,0\n1234567890123456789\xff\xfe\n": `line 3: "890123456789\xff\xfe" is not UTF-8 (byte 0xff at 62`,
	} {
		root := folder(t, map[string]string{"audio/labels.csv": text})
		s := check(t, texts(), root, Options{})
		require.Len(t, s.Problems, 1)
		assert.Equal(t, KindFolder, s.Problems[0].Kind)
		assert.Contains(t, s.lines(), want)
		s = check(t, HarmonySource, folder(t, map[string]string{"chords/chord_progressions.json": text}), Options{})
		assert.Contains(t, s.lines(), "is not UTF-8")
	}
	assert.Empty(t, notUTF8([]byte("\ufffd is a character, and so is 東")))
}

// sortedLines gives the problems as lines, errors first.
func sortedLines(s Section) []string {
	lines := strings.Split(strings.TrimSuffix(s.lines(), "\n"), "\n")
	slices.Sort(lines)
	return lines
}
