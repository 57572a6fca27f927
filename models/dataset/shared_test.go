// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"

	"github.com/etude-ml/etude/torch/data"
)

func TestRealFolders(t *testing.T) {
	root := torchtest.SharedData(t)
	for name, read := range map[string]func(context.Context, string, Options) (*data.Samples, error){"audio": EmotionSource.Samples, "midi": MelodySource.Samples} {
		files, err := filepath.Glob(filepath.Join(root, "training", name, "*.*"))
		require.NoError(t, err)
		s, err := read(context.Background(), root, Options{})
		require.NoError(t, err)
		assert.Equal(t, len(files)-1, s.Len(), "all but the label file")
		assert.Empty(t, s.Skipped)
		assert.Empty(t, s.Notes)
		for i := range s.Len() {
			x, y := s.Row(i)
			e, f := y, x
			if name == "midi" {
				e, f = x, y
				var sum float64
				for _, v := range f {
					sum += float64(v)
				}
				assert.InDelta(t, 1, sum, 1e-5)
			} else {
				for _, v := range f {
					assert.True(t, v >= -1 && v <= 0, "log-mel of %g", v)
				}
			}
			// The labels are the centres of the quadrants that the names begin with.
			valence, arousal := ReadEmbedding(e)
			assert.InDelta(t, map[byte]float64{'1': 0.5, '2': -0.5, '3': -0.5, '4': 0.5}[s.Names[i][1]], valence, 1e-6)
			assert.InDelta(t, map[byte]float64{'1': 0.75, '2': 0.75, '3': 0.25, '4': 0.25}[s.Names[i][1]], arousal, 1e-6)
		}
		train, val, err := data.Split(s.Groups, 0.2, 42)
		require.NoError(t, err)
		t.Logf("%s: %d samples, %d and %d", name, s.Len(), len(train), len(val))
		assert.GreaterOrEqual(t, float64(len(val)), math.Floor(0.2*float64(s.Len())))

		again, err := read(context.Background(), root, Options{Workers: 1})
		require.NoError(t, err)
		assert.Equal(t, s.Fingerprint(), again.Fingerprint())
	}
}

// A folder of nothing but damaged files, and two good ones: the run ends with the
// good ones, and each of the others is either read or listed.
func TestBadFilesEndNoRun(t *testing.T) {
	shared := torchtest.SharedData(t)
	for name, c := range map[string]struct {
		bad, labels string
		read        func(context.Context, string, Options) (*data.Samples, error)
	}{
		"audio": {"bad_audio", "labels.csv", EmotionSource.Samples},
		"midi":  {"bad_midi", "emotion_labels.json", MelodySource.Samples},
	} {
		root := t.TempDir()
		dir := filepath.Join(root, "training", name)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		csv, object := "filename,valence,arousal\n", ""
		count := 0
		link := func(path string) {
			file := filepath.Base(path)
			require.NoError(t, os.Symlink(path, filepath.Join(dir, file)))
			csv += fmt.Sprintf("%s,0,0.5\n", file)
			object += fmt.Sprintf(",\n%q: {\"valence\": 0, \"arousal\": 0.5}", file)
			count++
		}
		bad, err := filepath.Glob(filepath.Join(shared, c.bad, "*__*"))
		require.NoError(t, err)
		require.NotEmpty(t, bad)
		for _, path := range bad {
			link(path)
		}
		good, err := filepath.Glob(filepath.Join(shared, "training", name, "Q1_*"))
		require.NoError(t, err)
		link(good[0])
		link(good[1])
		text := csv
		if name == "midi" {
			text = "{" + object[1:] + "}"
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, c.labels), []byte(text), 0o600))

		s, err := c.read(context.Background(), root, Options{})
		require.NoError(t, err)
		assert.Equal(t, count, s.Len()+len(s.Skipped))
		assert.Contains(t, s.Names, filepath.Base(good[0]))
		assert.Contains(t, s.Names, filepath.Base(good[1]))
		for _, skip := range s.Skipped {
			assert.Contains(t, skip.Reason, skip.Name, "the reason names the file")
		}
		for _, v := range s.X {
			require.False(t, math.IsNaN(float64(v)) || math.IsInf(float64(v), 0))
		}
		t.Logf("%s: %d of %d used", name, s.Len(), count)
	}
}

func TestValidateReal(t *testing.T) {
	r, err := Validate(context.Background(), torchtest.SharedData(t), allSources, Options{})
	require.NoError(t, err)
	assert.True(t, r.OK)
	for _, s := range r.Sections {
		t.Logf("%s: %d files, %d labels, %d usable in %d groups\n%s", s.Network, s.Files, s.Labels, s.Usable, s.Groups, s.lines())
		assert.NotZero(t, s.Usable)
		if s.Network != "harmony" { // four chords after the same sixteen are no plagiarism
			assert.Zero(t, s.Split.Repeated, "%s: groups keep what is the same together", s.Network)
		}
	}
	// 18 songs stand there more than once, under their titles.
	assert.Len(t, r.Sections[2].Duplicates, 18)
	assert.Equal(t, 20, r.Sections[0].Clips.Count)
}

// Damaged files, all of them labelled, are errors that name the file.
func TestValidateBad(t *testing.T) {
	shared := torchtest.SharedData(t)
	for _, c := range []struct {
		source      Files
		bad, folder string
	}{{EmotionSource, "bad_audio", "audio"}, {MelodySource, "bad_midi", "midi"}} {
		paths, err := filepath.Glob(filepath.Join(shared, c.bad, "*__*"))
		require.NoError(t, err)
		require.NotEmpty(t, paths)
		root := t.TempDir()
		dir := filepath.Join(root, c.folder)
		require.NoError(t, os.Mkdir(dir, 0o755))
		entries := map[string]any{}
		csv := "filename,valence,arousal\n"
		for i, path := range paths {
			name := filepath.Base(path)
			require.NoError(t, os.Symlink(path, filepath.Join(dir, name)))
			csv += fmt.Sprintf("%s,%g,0.5\n", name, float64(i%3)-1)
			entries[name] = map[string]any{"valence": float64(i%3) - 1, "arousal": 0.5}
		}
		text, err := json.Marshal(entries)
		require.NoError(t, err)
		if c.folder == "audio" {
			text = []byte(csv)
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, c.source.Labels), text, 0o600))
		s := check(t, c.source, root, Options{})
		unreadable := 0
		for _, p := range s.Problems {
			if p.Kind == KindFile {
				unreadable++
				assert.Equal(t, LevelError, p.Level)
				assert.Contains(t, p.Reason, p.Name, "the reason names the file")
			}
		}
		assert.Equal(t, len(paths), s.Usable+unreadable, "each file is used or an error")
		assert.NotZero(t, unreadable)
		t.Logf("%s: %d of %d files cannot be read\n%s", c.bad, unreadable, len(paths), s.lines())
	}
}

// Label files that users had trouble with give each file its label.
func TestRegressionsLabels(t *testing.T) {
	dir := filepath.Join(torchtest.SharedData(t), "regressions", "labels")
	for name, files := range map[string][2]string{
		"cr_only.csv": {"a.wav", "b.wav"}, "path_prefix.csv": {"a.wav", "sub/b.wav"}, "quoted_after_space.csv": {"a.wav", ""},
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		all := map[string]string{"audio/labels.csv": string(text)}
		var want []string
		for _, file := range files {
			if file != "" {
				all["audio/"+file] = "ok"
				want = append(want, file)
			}
		}
		s, err := stub().Samples(context.Background(), folder(t, all), Options{})
		require.NoError(t, err, name)
		assert.Equal(t, want, s.Names, name)
		assert.Empty(t, s.Skipped, name)
		for i, label := range [][2]float64{{0.5, 0.5}, {-0.5, 0.2}}[:len(want)] {
			_, y := s.Row(i)
			v, a := ReadEmbedding(y)
			assert.InDeltaSlice(t, label[:], []float64{v, a}, 1e-6, name)
		}
	}
}
