// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// labelsOf reads text as a label file called name.
func labelsOf(t *testing.T, name, text string) ([]label, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	labels, err := readLabels(path)
	if err != nil {
		require.ErrorContains(t, err, path)
	}
	return labels, err
}

func TestCSV(t *testing.T) {
	want := []label{{name: "a b.wav", line: 2, Label: Label{Valence: -0.5, Arousal: 0.25, Group: "g"}, numbers: true}}
	for name, text := range map[string]string{
		"plain":              "filename,valence,arousal,group\na b.wav,-0.5,0.25,g\n",
		"no last line":       "filename,valence,arousal,group\na b.wav,-0.5,0.25,g",
		"BOM and CRLF":       "\xef\xbb\xbffilename,valence,arousal,group\r\n\"a b.wav\",-0.5,0.25,g\r\n",
		"other order":        "group,arousal,id,valence,filename,mood\ng,0.25,7,-0.5,a b.wav,sad\n",
		"DEAM's header":      "Filename, valence_mean, valence_std, arousal_mean, arousal_std, Group\na b.wav, -0.5, 0.1, 0.25, 0.1, g\n",
		"File Name":          "File Name, Valence ,AROUSAL,group\na b.wav,-0.5,2.5e-1,g\n",
		"both means":         "filename,valence_mean,valence,arousal,group\na b.wav,1,-0.5,0.25,g\n",
		"empty rows":         "filename,valence,arousal,group\na b.wav,-0.5,0.25,g,,\n\n,,,\n",
		"old Macintosh":      "filename,valence,arousal,group\ra b.wav,-0.5,0.25,g\r",
		"spaced quotes":      "filename, \"valence\" ,arousal,group\n \"a b.wav\" , \"-0.5\",\t\"0.25\", \"g\"  \n",
		"Excel's semicolons": "\xef\xbb\xbffilename;valence;arousal;group\r\na b.wav;-0,5;0,25;g\r\n;;;\r\n",
		"Excel's tabs":       utf16le("filename\tvalence\tarousal\tgroup\r\na b.wav\t-0.5\t0.25\tg\r\n"),
		"trailing lines":     "filename,valence,arousal,group\na b.wav,-0.5,0.25,g\n\n\n \n",
	} {
		got, err := labelsOf(t, "labels.csv", text)
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}

	got, err := labelsOf(t, "labels.csv", "filename,valence,arousal\nsay \"hi\".wav,0,0\na, b.wav,0,0\n\"two\nlines.wav\",0,0\nlast.wav,0,0\n")
	require.NoError(t, err)
	require.Len(t, got, 4)
	assert.Contains(t, got[0].fault, `labels.csv line 2: bare "`)
	assert.Contains(t, got[1].fault, "labels.csv line 3: 4 fields under a header of 3")
	assert.Equal(t, label{name: "two\nlines.wav", line: 4, numbers: true}, got[2])
	assert.Equal(t, label{name: "last.wav", line: 6, numbers: true}, got[3])

	for text, want := range map[string]string{
		"":                                       "the file is empty",
		"valence,arousal\n1,1\n":                 "no column filename",
		"filename,arousal\n":                     "no column valence",
		"filename,valence\n":                     "no column arousal",
		"filename|valence|arousal\n":             "does not name the columns filename, valence and arousal",
		"filename,valence,arousal,Group,group\n": `two columns are called "Group"`,
		"filename,valence,Valence,arousal\n":     `two columns are called "valence"`,
		"\xff\xfef\x00i\x00\x00":                 "UTF-16",
		"f\x00i\x00":                             "UTF-16",
	} {
		_, err := labelsOf(t, "labels.csv", text)
		require.ErrorContains(t, err, want)
	}
}

func TestJSON(t *testing.T) {
	got, err := labelsOf(t, "emotion_labels.json", "\xef\xbb\xbf"+`{
"a.mid": {"valence": -0.5, "arousal": 0.25, "group": "g", "style": ["x"]},
"b \"NaN\".mid": {"valence": NaN, "arousal": 0},
"c.mid": {"valence": 0, "arousal": -Infinity},
"d.mid": {"valence": "0.5", "arousal": 0},
"e.mid": {"arousal": 0},
"f.mid": {"valence": null, "arousal": 0},
"g.mid": [1, 2],
"h.mid": null,
"i.mid": {"valence": 0, "arousal": 1e999},
"j.mid": {"valence": 0, "arousal": 0.5, "group": 12},
"k.mid": {"valence": 0, "arousal": 0.5, "group": ["x"]},
"a.mid": {"valence": 1, "arousal": 2, "group": null}
}
`)
	require.NoError(t, err)
	require.Len(t, got, 12)
	assert.Equal(t, label{name: "a.mid", line: 2, Label: Label{Valence: -0.5, Arousal: 0.25, Group: "g"}, numbers: true}, got[0])
	assert.Equal(t, `b "NaN".mid`, got[1].name)
	assert.Equal(t, label{name: "j.mid", line: 11, Label: Label{Arousal: 0.5, Group: "12"}, numbers: true}, got[9])
	for i, want := range map[int]string{
		1: "emotion_labels.json line 3: valence is not a number", 2: "line 4: arousal is not a number",
		3: "line 5: valence is not a number", 4: "line 6: valence is missing", 5: "line 7: valence is missing",
		6: "line 8: expected an object", 7: "line 9: expected an object", 8: "line 10: arousal is not a number",
		10: "line 12: group is [", 11: "line 13: arousal is 2: rescale",
	} {
		assert.Contains(t, got[i].fault, want, got[i].name)
	}

	for text, want := range map[string]string{
		"":                                "ends too early",
		"[]":                              "expected an object",
		`{"a": {"valence": 1},` + "\n\n}": "line 3",
		`{"a": {"valence": 1}` + "\n":     "ends too early",
		`{"a": {"valence": 0.5.5}}`:       "line 1",
		"{}\n{}":                          "line 2: something follows",
		`{"a": {"valence": 1}} x`:         "something follows",
		`{"a" 1}`:                         "line 1",
	} {
		_, err := labelsOf(t, "emotion_labels.json", text)
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzLabels(f *testing.F) {
	f.Add([]byte("filename,valence,arousal\na.wav,0,1\n\"b\"\"c\",2,x\n"))
	f.Add([]byte(`{"a": {"valence": NaN, "arousal": 0, "group": 1}, "b\\": 1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		csv, _ := parseLabels("x.csv", text)
		json, _ := parseLabels("x.json", text)
		for _, l := range append(csv, json...) {
			if l.fault == "" && !(l.Valence >= -1 && l.Valence <= 1 && l.Arousal >= 0 && l.Arousal <= 1) {
				t.Fatalf("%+v", l)
			}
			if l.line < 1 || l.line > 1+strings.Count(string(text), "\n") {
				t.Fatalf("line %d", l.line)
			}
		}
	})
}

// utf16le writes text as Excel's "Unicode text" is written.
func utf16le(text string) string {
	b := []byte("\xff\xfe")
	for _, u := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// Each spelling of a path names the file that is there, and no other.
func TestSpellingsOfPaths(t *testing.T) {
	x := newIndex("/data/training/audio")
	for _, name := range []string{"deam/2.wav", "a.wav", " b.wav", "audio/c.wav", `d\e.wav`, "caf\u00e9/f.wav"} {
		x.add(name, true)
	}
	for name, want := range map[string]string{
		"deam/2.wav": "deam/2.wav", "./deam/2.wav": "deam/2.wav", "deam//2.wav": "deam/2.wav", `deam\2.wav`: "deam/2.wav", `.\deam\2.wav`: "deam/2.wav",
		"audio/deam/2.wav": "deam/2.wav", `audio\deam\2.wav`: "deam/2.wav", "training/audio/a.wav": "a.wav", " a.wav ": "a.wav",
		"b.wav": " b.wav", " b.wav": " b.wav", "audio/c.wav": "audio/c.wav", "audio/audio/c.wav": "audio/c.wav", `d\e.wav`: `d\e.wav`, "cafe\u0301/f.wav": "caf\u00e9/f.wav",
	} {
		got, reason := x.resolve(name)
		assert.Equal(t, want, got, "%q: %s", name, reason)
	}
	for name, want := range map[string]string{
		"": "the file name is missing", " ": "the file name is missing", "c.wav": "no such file", "d/e.wav": "no such file", "midi/a.wav": "no such file",
		"../audio/a.wav": "leads out of the folder", `..\a.wav`: "leads out of the folder", "/data/training/audio/a.wav": "leads out of the folder",
		`C:\music\a.wav`: "leads out of the folder", "A.WAV": `there is "a.wav"`,
	} {
		got, reason := x.resolve(name)
		assert.Empty(t, got, name)
		assert.Contains(t, reason, want, name)
	}
}

// A group that a spreadsheet would run is written so that it does not, and read
// back as it was.
func TestGroupsInSpreadsheets(t *testing.T) {
	for _, group := range []string{"=cmd|' C calc'!A0", "+1", "-xyz", "@x", "'=x", "''=x", "'", "'x", "''", "x", "it's", "", "a,\"b\""} {
		text, _, err := MergeLabels("labels.csv", t.TempDir(), nil, []string{"a.wav"}, map[string]Label{"a.wav": {Group: group}}, nil)
		require.NoError(t, err)
		table, err := ReadTable(text)
		require.NoError(t, err)
		assert.NotContains(t, "=+-@", (table.Rows[0].Fields[3] + "x")[:1], group)
		again, err := parseLabels("labels.csv", text)
		require.NoError(t, err)
		assert.Equal(t, group, again[0].Group)
	}
}
