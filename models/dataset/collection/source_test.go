// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/data"
)

// entry is a file of an archive.
type entry struct {
	name, text string
	mode       fs.FileMode
}

var voicesEntries = []entry{{"wav/03a01Fa.wav", "joy", 0}, {"wav/03a01Wb.wav", "anger", 0}, {"wav/08a02Na.wav", "nothing", 0}}

func archive(t *testing.T, entries ...entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.zip")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	z := zip.NewWriter(f)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		w, err := z.CreateHeader(h)
		require.NoError(t, err)
		_, err = io.WriteString(w, e.text)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return path
}

// An archive that would write elsewhere, or holds links, is refused as a whole.
func TestArchiveRefused(t *testing.T) {
	for _, c := range []struct {
		entry entry
		says  string
	}{
		{entry{"../03a01Fa.wav", "x", 0}, "leads out of the archive"},
		{entry{"wav/../../03a01Fa.wav", "x", 0}, "leads out of the archive"},
		{entry{"/tmp/03a01Fa.wav", "x", 0}, "leads out of the archive"},
		{entry{"..", "", 0}, "leads out of the archive"},
		{entry{"__MACOSX/../../x", "", 0}, "leads out of the archive"},
		{entry{"wav\\..\\..\\03a01Fa.wav", "x", 0}, "leads out of the archive"},
		{entry{"wav/03a01Fa.wav", "/etc/passwd", fs.ModeSymlink | 0o777}, "link or a device"},
		{entry{"wav/03a01Fa.wav", "", fs.ModeNamedPipe | 0o666}, "link or a device"},
		{entry{"wav/03a01Wb.wav", "again", 0}, "two entries"},
		{entry{"wav/x\x00.wav", "x", 0}, "holds a zero byte"},
		{entry{`C:\wav\03a01Fa.wav`, "x", 0}, "leads out of the archive"},
	} {
		outside := t.TempDir()
		to := filepath.Join(outside, "a", "b")
		_, err := importFrom("emodb", archive(t, append(voicesEntries[1:2:2], c.entry)...), to)
		require.ErrorContains(t, err, c.says, c.entry.name)
		assert.Contains(t, err.Error(), strings.TrimSuffix(c.entry.name, "x")[:2])
		assert.Empty(t, tree(t, outside))
	}
	text := filepath.Join(t.TempDir(), "c.tar.gz")
	require.NoError(t, os.WriteFile(text, []byte("not an archive"), 0o600))
	_, err := importFrom("emodb", text, t.TempDir())
	assert.ErrorContains(t, err, "unpack other archives first")
	_, err = importFrom("emodb", filepath.Join(t.TempDir(), "nowhere"), t.TempDir())
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// An entry that is larger than it claims, or than a file of its kind can be,
// costs itself alone, and no more disk than the bound.
func TestArchiveBombs(t *testing.T) {
	const huge = 64<<20 + 1 // a byte more than a MIDI file may have
	var deflated bytes.Buffer
	w, err := flate.NewWriter(&deflated, flate.BestSpeed)
	require.NoError(t, err)
	_, err = io.CopyN(w, zeros{}, huge)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for _, claimed := range []uint64{10, huge} {
		path := filepath.Join(t.TempDir(), "c.zip")
		f, err := os.Create(path)
		require.NoError(t, err)
		z := zip.NewWriter(f)
		raw, err := z.CreateRaw(&zip.FileHeader{Name: "Q1_bomb_0.mid", Method: zip.Deflate, CompressedSize64: uint64(deflated.Len()), UncompressedSize64: claimed})
		require.NoError(t, err)
		_, err = raw.Write(deflated.Bytes())
		require.NoError(t, err)
		whole, err := z.Create("Q2_whole_0.mid")
		require.NoError(t, err)
		_, err = whole.Write([]byte("MIDI"))
		require.NoError(t, err)
		require.NoError(t, z.Close())
		require.NoError(t, f.Close())

		to := t.TempDir()
		r, err := importFrom("emopia", path, to)
		require.NoError(t, err)
		require.Len(t, r.LeftOut, 1)
		assert.Equal(t, "Q1_bomb_0.mid", r.LeftOut[0].Name)
		assert.Contains(t, r.LeftOut[0].Reason, "cannot be read")
		if claimed == huge {
			assert.Contains(t, r.LeftOut[0].Reason, "larger than 64 MB")
		}
		assert.Equal(t, 1, r.Imported())
		assert.Equal(t, []string{"training/midi/emopia/Q2_whole_0.mid", "training/midi/emotion_labels.json"}, tree(t, to))
		assert.NotContains(t, read(t, to, "training/midi/emotion_labels.json"), "bomb")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A damaged entry of an archive is left out, not half-written.
func TestArchiveDamaged(t *testing.T) {
	path := archive(t, voicesEntries...)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	at := bytes.Index(b, []byte("wav/03a01Wb.wav")) + len("wav/03a01Wb.wav")
	b[at+2] ^= 0x40
	require.NoError(t, os.WriteFile(path, b, 0o600))
	to := t.TempDir()
	r, err := importFrom("emodb", path, to)
	require.NoError(t, err)
	require.Len(t, r.LeftOut, 1)
	assert.Equal(t, "wav/03a01Wb.wav", r.LeftOut[0].Name)
	assert.Equal(t, 2, r.Imported())
	assert.Len(t, tree(t, to), 3)
	assert.NotContains(t, read(t, to, "training/audio/labels.csv"), "03a01Wb")
}

func TestFoldersAreListed(t *testing.T) {
	dir := t.TempDir()
	deep := strings.Repeat("d/", maxDepth)
	write(t, dir, map[string]string{
		".git/03a01Fa.wav": "", "__MACOSX/03a01Fa.wav": "", "wav/._03a01Fa.wav": "", "wav/.hidden": "",
		deep + "03a01Wa.wav": "", deep + "e/03a01Wb.wav": "", "x\xff/03a01Ta.wav": "", "a/03a01Na.wav": "1", "b/03a01Na.wav": "2",
	})
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "loop")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "03a01La.wav")))
	to := t.TempDir()
	r, err := importFrom("emodb", dir, to)
	require.NoError(t, err)
	assert.Equal(t, []string{"training/audio/emodb/03a01Na.wav", "training/audio/emodb/03a01Wa.wav", "training/audio/labels.csv"}, tree(t, to))
	assert.Equal(t, []data.Skip{
		{Name: `"x\xff/03a01Ta.wav"`, Reason: "the file name is not UTF-8"},
		{Name: "b/03a01Na.wav", Reason: "another file has the same name: a/03a01Na.wav"},
	}, r.LeftOut)
}

// Lines of the format that no layout has, against their tokens.
func TestPhrases(t *testing.T) {
	for line, want := range map[string]string{
		"1\t| C |":                               "C",
		"1.5e1\tA', | C . | . G |, (oboe), x2":   "C C C G C C C G",
		"1\tx2, | C | ->":                        "C",
		"1\t| C:1(b3,b7)/5 | (12/8) A:5(b7) x |": "C:1(b3,b7)/5 A:5(b7) x",
		"1\t| C | x1":                            "C",
		"1\t|C|G|":                               "C G",
		"1\t| | |":                               "",
		"1\tsilence":                             "",
		"":                                       "",
	} {
		got, err := parsePhrase(line)
		require.NoError(t, err, line)
		assert.Equal(t, want, strings.Join(got, " "), line)
	}
	_, err := parsePhrase("1\t| C | x0")
	assert.ErrorContains(t, err, "repeated 0 times")
}

func FuzzSALAMI(f *testing.F) {
	f.Add("# title: T\n# tonic: C\n1\t| C . | (2/4) G:7 | x2, (voice\n# tonic: D\n2\t| D |\n")
	f.Add("# tonic: ?\n1\t| * | &pause |")
	f.Fuzz(func(t *testing.T, text string) {
		p, _, err := parseSALAMI(text)
		if err != nil {
			return
		}
		assert.NotEmpty(t, p.Chords)
		assert.LessOrEqual(t, len(p.Chords), maxChords)
		var joined []string
		for i, s := range p.Sections {
			joined = append(joined, s.Chords...)
			assert.True(t, i == 0 || s.Key != p.Sections[i-1].Key)
		}
		if len(p.Sections) > 0 {
			assert.Equal(t, p.Chords, joined)
			assert.Equal(t, p.Key, p.Sections[0].Key)
		}
	})
}

// What programs write otherwise and leads nowhere else is read.
func TestArchiveNames(t *testing.T) {
	to := t.TempDir()
	r, err := importFrom("emodb", archive(t, entry{`wav\03a01Fa.wav`, "1", 0}, entry{"./wav//03a01Wb.wav", "2", 0}, entry{"docs/../wav/08a02Na.wav", "3", 0}, entry{`docs\`, "", 0}), to)
	require.NoError(t, err)
	assert.Equal(t, 3, r.Imported())
	assert.Empty(t, r.LeftOut)
	assert.Len(t, tree(t, to), 4)
}

// What is no zip archive is called what it is.
func TestNotArchives(t *testing.T) {
	whole := read(t, archive(t, voicesEntries...))
	for content, says := range map[string]string{
		"":                                 "is empty: download it again",
		whole[:len(whole)/2]:               "without its end",
		"<!DOCTYPE html><html></html>":     "is an HTML page and no zip archive",
		"\x1f\x8b\x08\x00\x00\x00\x00\x00": "is a gzip file and no zip archive: unpack it first",
		"7z\xbc\xaf\x27\x1c\x00\x04":       "is a 7-Zip archive and no zip archive: unpack it first",
		"anything else":                    "unpack other archives first",
	} {
		path := filepath.Join(t.TempDir(), "c.zip")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := importFrom("emodb", path, t.TempDir())
		require.ErrorContains(t, err, path)
		assert.ErrorContains(t, err, says)
	}
}

// Many small bombs are refused by their sum, before anything is written.
func TestBombsTogether(t *testing.T) {
	bomb := string(make([]byte, 40<<20))
	var entries []entry
	for i := range 3 {
		entries = append(entries, entry{fmt.Sprintf("Q1_b_%d.mid", i), bomb, 0})
	}
	to := t.TempDir()
	_, err := importFrom("emopia", archive(t, entries...), to)
	require.ErrorContains(t, err, "no music is packed so well")
	assert.Empty(t, tree(t, to))

	index := entry{"labelled/vgmidi_labelled.csv", "id,series,console,game,piece,midi,valence,arousal\n1,a,b,c,d,x_0.mid,1,1\n", 0}
	nested := func(content string) string { return read(t, archive(t, entry{"x_0.mid", content, 0})) }
	inner := nested("MIDI")
	r, err := importFrom("vgmidi", archive(t, index, entry{"labelled/phrases.zip", inner, 0}), t.TempDir())
	require.NoError(t, err)
	assert.Equal(t, 1, r.Imported())
	large := string(make([]byte, maxNested/2))
	_, err = importFrom("vgmidi", archive(t, index, entry{"labelled/phrases.zip", large + inner, 0}, entry{"b/phrases.zip", large + inner, 0}), to)
	require.ErrorContains(t, err, "the archives in the archive are larger than 64 MB together")
	assert.Empty(t, tree(t, to))
}

// A file that DATA's file system cannot name costs itself alone.
func TestNamesThatCannotBe(t *testing.T) {
	long := strings.Repeat("x", 250)
	to := t.TempDir()
	r, err := importFrom("groove", archive(t,
		entry{"groove/info.csv", "drummer,session,id,style,bpm,beat_type,time_signature,midi_filename,audio_filename,duration,split\n" +
			"d,d/s,1,rock,100,beat,4-4,d/1.mid,,1,train\nd,d/s,2,rock,100,beat,4-4,d/1.mid/2.mid,,1,train\nd,d/s,3,rock,100,beat,4-4,d/" + long + "abc.mid,,1,train\nd,d/s,4,rock,100,beat,4-4,d/4.mid,,1,train\n", 0},
		entry{"groove/d/1.mid", "1", 0}, entry{"groove/d/1.mid/2.mid", "2", 0}, entry{"groove/d/" + long + "abc.mid", "3", 0}, entry{"groove/d/4.mid", "4", 0},
	), to)
	require.NoError(t, err)
	assert.Equal(t, 2, r.Imported())
	require.Len(t, r.LeftOut, 2)
	for _, left := range r.LeftOut {
		assert.Contains(t, left.Reason, "cannot be placed in DATA", left.Name)
	}
	assert.ElementsMatch(t, []string{"training/drums/groove/d/1.mid", "training/drums/groove/d/4.mid", "training/drums/drum_labels.json"}, tree(t, to))
	var labels map[string]any
	require.NoError(t, json.Unmarshal([]byte(read(t, to, "training/drums/drum_labels.json")), &labels))
	assert.Len(t, labels, 2)
}
