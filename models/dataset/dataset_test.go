// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/music/audio"
	"github.com/etude-ml/etude/models/music/midi"
	"github.com/etude-ml/etude/torch/data"
)

// folder writes files below a new root; names are below training/.
func folder(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, "training", filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return root
}

// stub is the emotion source with a decoder that reads its file's text: numbers
// for "ok", and the ways in which a decoder can go wrong.
func stub() Files {
	s := EmotionSource
	s.Feature = Feature{Name: "stub", Version: 1, Read: func(_ context.Context, path string) (*Features, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		input := []float32{float32(len(text)), 0}
		switch string(text) {
		case "panic":
			panic("index out of range")
		case "error":
			return nil, fmt.Errorf("%s: damaged", path)
		case "silent":
			return nil, fmt.Errorf("%s: %w", path, audio.ErrSilent)
		case "nan":
			input = []float32{0, float32(math.NaN())}
		}
		return &Features{Parts: []Part{{Input: input}}}, nil
	}}
	return s
}

// read collects with the stub and gives what became of each file.
func read(t *testing.T, root string) *data.Samples {
	t.Helper()
	s, err := readStub(root, Options{})
	require.NoError(t, err)
	return s
}

func readStub(root string, o Options) (*data.Samples, error) {
	return stub().Samples(context.Background(), root, o)
}

func reasons(s *data.Samples) map[string]string {
	m := map[string]string{}
	for _, skip := range s.Skipped {
		m[skip.Name] = skip.Reason
	}
	return m
}

func TestEverythingLeftOutIsListed(t *testing.T) {
	root := folder(t, map[string]string{
		"audio/good.wav": "ok", "audio/LOUD.WAV": "ok", "audio/sub/deep.flac": "ok",
		"audio/broken.mp3": "error", "audio/silent.wav": "silent", "audio/crash.wav": "panic", "audio/nan.wav": "nan",
		"audio/unlabelled.wav": "ok", "audio/notes.txt": "not audio", "audio/.DS_Store": "", "audio/._good.wav": "error",
		"audio/range.wav": "ok", "audio/range2.wav": "ok", "audio/text.wav": "ok", "audio/infinite.wav": "ok", "audio/empty.wav": "ok",
		"audio/twice.wav": "ok", "audio/same.wav": "ok", "audio/Case.wav": "ok", "audio/short.wav": "ok",
		"audio/labels.csv": strings.Join([]string{
			"filename,valence,arousal,group",
			"good.wav,0.5,0.25,song", "LOUD.WAV,-1,1,", "sub/deep.flac,0,0,deep",
			"broken.mp3,0,0,", "silent.wav,0,0,", "crash.wav,0,0,", "nan.wav,0,0,",
			"gone.wav,0,0,", "../outside.wav,0,0,", "/abs.wav,0,0,",
			"range.wav,1.5,0,", "range2.wav,0,-0.1,", "text.wav,high,0,", "infinite.wav,0,NaN,", "empty.wav,,0,",
			"twice.wav,0,0,", "twice.wav,0,0.5,", "same.wav,0,0.5,", "same.wav,0,0.5,",
			"case.wav,0,0,", "short.wav,0", ",0,0,",
		}, "\n"),
	})
	s := read(t, root)
	assert.Equal(t, []string{"LOUD.WAV", "good.wav", "same.wav", "sub/deep.flac"}, s.Names)
	assert.Equal(t, []string{"LOUD.WAV", "song", "same.wav", "deep"}, s.Groups)
	assert.Equal(t, []string{"same.wav: labels.csv line 20 repeats line 19"}, s.Notes)
	_, y := s.Row(1)
	assert.Equal(t, Embedding(0.5, 0.25), y)

	got := reasons(s)
	for name, want := range map[string]string{
		"broken.mp3": "damaged", "silent.wav": "silent", "crash.wav": "crash.wav: the decoder failed: index out of range",
		"nan.wav": "value 1 of its features is NaN", "unlabelled.wav": "no label in labels.csv: add one or remove the file",
		"gone.wav": "labels.csv line 9: no such file: add it or remove its label", "../outside.wav": "line 10: the name leads out",
		"/abs.wav":   "line 11: the name leads out",
		"range.wav":  "labels.csv line 12: valence is 1.5: rescale it to -1 to 1",
		"range2.wav": "labels.csv line 13: arousal is -0.1: rescale it to 0 to 1",
		"text.wav":   "line 14: valence is not a number", "infinite.wav": "line 15: arousal is not a number",
		"empty.wav": "line 16: valence is missing: write a number from -1 to 1",
		"twice.wav": "labels.csv lines 17 and 18 disagree: keep one",
		"case.wav":  `no such file; there is "Case.wav"`, "Case.wav": "no label",
		"short.wav": "line 22: arousal is missing", "labels.csv": "line 23: the file name is missing",
	} {
		assert.Contains(t, got[name], want, name)
		delete(got, name)
	}
	assert.Empty(t, got, "nothing else is left out")
}

func TestWorkersDoNotMatter(t *testing.T) {
	files := map[string]string{}
	labels := "filename,valence,arousal\n"
	for i := range 40 {
		files[fmt.Sprintf("audio/%02d.wav", i)] = strings.Repeat("x", i+10)
		if i%7 == 0 {
			files[fmt.Sprintf("audio/%02d.wav", i)] = "panic"
		}
		labels += fmt.Sprintf("%02d.wav,0.%d,0.5\n", 39-i, i)
	}
	files["audio/labels.csv"] = labels
	root := folder(t, files)
	var first *data.Samples
	for _, workers := range []int{1, 2, 16, 0} {
		var calls []int
		s, err := readStub(root, Options{Workers: workers, Progress: func(done, total int, name string) {
			assert.Equal(t, 40, total)
			assert.NotEmpty(t, name)
			calls = append(calls, done) // no lock: one call at a time is the promise
		}})
		require.NoError(t, err)
		require.Len(t, calls, 40)
		for i, done := range calls {
			require.Equal(t, i+1, done)
		}
		if first == nil {
			first = s
			assert.Equal(t, 34, s.Len())
		}
		assert.Equal(t, first, s)
		assert.Equal(t, first.Fingerprint(), s.Fingerprint())
	}
}

func TestCancelled(t *testing.T) {
	files := map[string]string{"audio/labels.csv": "filename,valence,arousal\n"}
	for i := range 50 {
		files[fmt.Sprintf("audio/%02d.wav", i)] = "ok"
		files["audio/labels.csv"] += fmt.Sprintf("%02d.wav,0,0\n", i)
	}
	root := folder(t, files)
	ctx, cancel := context.WithCancel(context.Background())
	var decoded atomic.Int32
	s := stub()
	s.Feature.Read = func(context.Context, string) (*Features, error) {
		decoded.Add(1)
		cancel()
		return &Features{Parts: []Part{{Input: []float32{1}}}}, nil
	}
	_, err := s.Samples(ctx, root, Options{Workers: 2})
	require.ErrorIs(t, err, context.Canceled)
	assert.LessOrEqual(t, decoded.Load(), int32(4), "the files after it are not decoded")
	_, err = Validate(ctx, root, allSources, Options{})
	require.ErrorIs(t, err, context.Canceled)
}

// é as one character (NFC) and as e with an accent (NFD), either way round.
func TestNames(t *testing.T) {
	const nfc, nfd = "caf\u00e9.wav", "cafe\u0301.wav"
	for _, names := range [][2]string{{nfc, nfd}, {nfd, nfc}, {nfc, nfc}, {`say "hi", 东京 ♪.wav`, `say "hi", 东京 ♪.wav`}, {" lead.wav", " lead.wav"}, {"a/b c.wav", "./a//b c.wav"}} {
		root := folder(t, map[string]string{
			"audio/" + names[0]: "ok",
			"audio/labels.csv":  "filename,valence,arousal\n\"" + strings.ReplaceAll(names[1], `"`, `""`) + "\",0,0\n",
		})
		s := read(t, root)
		assert.Equal(t, []string{names[0]}, s.Names)
		assert.Empty(t, s.Skipped)
	}
	// With both there, each label has its own; a third spelling has none.
	both := map[string]string{
		"audio/" + nfc: "ok", "audio/" + nfd: "ok",
		"audio/labels.csv": "filename,valence,arousal\n" + nfc + ",0,0\n" + nfd + ",0,1\n",
	}
	assert.Equal(t, []string{nfd, nfc}, read(t, folder(t, both)).Names)
	x := &index{normalised: map[string][]string{"\u1e69": {"a", "b"}}}
	_, reason := x.resolve("\u1e63\u0307")
	assert.Contains(t, reason, "2 files differ")
}

func TestUnreadableThings(t *testing.T) {
	root := folder(t, map[string]string{"audio/a.wav": "ok", "audio/labels.csv": "filename,valence,arousal\na.wav,0,0\n"})
	dir := filepath.Join(root, "training", "audio")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder.wav"), 0o755))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "dangling.wav")))
	require.NoError(t, os.Symlink("a.wav", filepath.Join(dir, "link.wav")))
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "loop")))
	s := read(t, root)
	assert.Equal(t, []string{"a.wav"}, s.Names)
	got := reasons(s)
	assert.Contains(t, got["dangling.wav"], "neither a file nor a link to one")
	assert.Contains(t, got["loop"], "neither a file nor a link to one")
	assert.Contains(t, got["link.wav"], "no label")
	assert.Len(t, got, 3)
}

func TestRoots(t *testing.T) {
	one := "filename,valence,arousal\na.wav,0,0\n"
	root := folder(t, map[string]string{"audio/a.wav": "ok", "labels.csv": one})
	assert.Equal(t, 1, read(t, root).Len(), "labels one level up")
	assert.Equal(t, 1, read(t, filepath.Join(root, "training")).Len(), "training itself")

	link := filepath.Join(t.TempDir(), "audio")
	require.NoError(t, os.Symlink(filepath.Join(root, "training", "audio"), link))
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(link), "labels.csv"), []byte(one), 0o600))
	assert.Equal(t, 1, read(t, filepath.Dir(link)).Len(), "a linked folder")

	for want, root := range map[string]string{
		"no such file": filepath.Join(root, "none"),
		"is a file":    filepath.Join(root, "training", "labels.csv"),
		"training/audio: make it and put .wav, .mp3, .flac and other audio files and a file labels.csv": t.TempDir(),
		"no file labels.csv in":       folder(t, map[string]string{"audio/a.wav": "ok"}),
		"holds no .wav":               folder(t, map[string]string{"audio/labels.csv": "filename,valence,arousal\n"}),
		"all was left out:\n  a.wav:": folder(t, map[string]string{"audio/a.wav": "error", "audio/labels.csv": one}),
		"and 2 more":                  folder(t, map[string]string{"audio/labels.csv": one + "b.wav,0,0\nc.wav,0,0\nd.wav,0,0\ne.wav,0,0\n"}),
	} {
		_, err := readStub(root, Options{})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, root)
	}
}

func TestEmbedding(t *testing.T) {
	e := Embedding(-0.5, 0.75)
	require.Len(t, e, EmbeddingSize)
	assert.Equal(t, float32(-0.46211715726000973), e[31]) // Python: math.tanh(-0.5), math.tanh(0.75)
	assert.Equal(t, float32(0.6351489523872873), e[32])
	for _, v := range []float64{-1, -0.3, 0, 0.5, 1} {
		for _, a := range []float64{0, 0.1, 1} {
			gotV, gotA := ReadEmbedding(Embedding(v, a))
			assert.InDelta(t, v, gotV, 3e-7) // half a float32 step of tanh, at most 3e-8, times the slope 2.4 of atanh there
			assert.InDelta(t, a, gotA, 3e-7)
		}
	}
	saturated := make([]float32, EmbeddingSize)
	for i := range saturated {
		saturated[i] = float32(1 - 2*(i/half))
	}
	v, a := ReadEmbedding(saturated)
	assert.InDelta(t, 8.66, v, 0.01)
	assert.InDelta(t, -8.66, a, 0.01)
	assert.Panics(t, func() { ReadEmbedding(e[:10]) })
}

// The whole way, with files that package audio and package midi wrote.
func TestEmotionAndMelody(t *testing.T) {
	tone := make([]float64, 22050)
	for i := range tone {
		tone[i] = 0.5 * math.Sin(2*math.Pi*440*float64(i)/22050)
	}
	var wav, silent, song, rest bytes.Buffer
	require.NoError(t, audio.WriteWAV(&wav, tone, 22050))
	require.NoError(t, audio.WriteWAV(&silent, make([]float64, 22050), 22050))
	require.NoError(t, midi.Write(&song, []midi.Note{
		{Pitch: 60, Velocity: 80, OffTick: 480}, {Pitch: 64, Velocity: 80, OnTick: 480, OffTick: 960},
	}, midi.WriteOptions{}))
	require.NoError(t, midi.Write(&rest, nil, midi.WriteOptions{}))
	root := folder(t, map[string]string{
		"audio/a.wav": wav.String(), "audio/b.wav": silent.String(), "audio/c.wav": "no audio",
		"labels.csv":    "filename,valence,arousal\na.wav,0.5,0.5\nb.wav,0,0\nc.wav,0,0\n",
		"midi/song.mid": song.String(), "midi/rest.mid": rest.String(), "midi/bad.mid": "no midi", "midi/end.mid": song.String() + "xyz",
		"midi/emotion_labels.json": `{"song.mid": {"valence": 0.5, "arousal": 1}, "rest.mid": {"valence": 0, "arousal": 0},
			"bad.mid": {"valence": 0, "arousal": 0}, "end.mid": {"valence": 0, "arousal": 0, "group": "s"}}`,
	})
	ctx := context.Background()

	s, err := EmotionSource.Samples(ctx, root, Options{})
	require.NoError(t, err)
	assert.Equal(t, []int{1, 128, 64}, []int{s.Len(), s.In, s.Out})
	want, err := audio.LogMel(filepath.Join(root, "training", "audio", "a.wav"))
	require.NoError(t, err)
	assert.Equal(t, want, s.X)
	assert.Equal(t, Embedding(0.5, 0.5), s.Y)
	assert.Len(t, s.Skipped, 2)
	assert.Contains(t, reasons(s)["b.wav"], "silent")

	s, err = MelodySource.Samples(ctx, root, Options{})
	require.NoError(t, err)
	assert.Equal(t, []int{2, 64, 128}, []int{s.Len(), s.In, s.Out})
	assert.Equal(t, []string{"end.mid", "song.mid"}, s.Names)
	x, y := s.Row(1)
	assert.Equal(t, Embedding(0.5, 1), x)
	assert.Equal(t, [2]float32{0.5, 0.5}, [2]float32{y[60], y[64]})
	assert.Len(t, s.Skipped, 2)
	assert.Contains(t, reasons(s)["rest.mid"], "no notes")
	assert.Len(t, s.Notes, 1)
	assert.Contains(t, s.Notes[0], "end.mid: 3 stray bytes")

	_, err = MelodySource.Features(filepath.Join(root, "training", "midi", "rest.mid"))
	require.True(t, errors.Is(err, midi.ErrNoNotes))
}
