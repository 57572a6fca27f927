// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package demo

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"

	"github.com/etude-ml/etude/models/audio"
	"github.com/etude-ml/etude/models/midi"
)

var small = Options{Seed: 7, Pieces: 12, Sections: 2}

// hash gives one sum of all names and contents under a folder.
func hash(t *testing.T, dir string) string {
	sum := sha256.New()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		fmt.Fprintf(sum, "%s %d\n%s", rel, len(b), b)
		return err
	}))
	return fmt.Sprintf("%x", sum.Sum(nil))
}

func compose(t *testing.T, o Options) string {
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, Write(context.Background(), dir, o))
	return dir
}

func TestSameSeedSameBytes(t *testing.T) {
	a, b := compose(t, small), compose(t, small)
	assert.Equal(t, hash(t, a), hash(t, b))

	other := small
	other.Seed++
	assert.NotEqual(t, hash(t, a), hash(t, compose(t, other)))

	// Once more over the first, and over one that was larger.
	require.NoError(t, Write(context.Background(), a, small))
	assert.Equal(t, hash(t, b), hash(t, a))
	larger := small
	larger.Pieces++
	require.NoError(t, Write(context.Background(), a, larger))
	require.NoError(t, Write(context.Background(), a, small))
	assert.Equal(t, hash(t, b), hash(t, a))
}

func TestEveryFileIsSoundAndLabelled(t *testing.T) {
	dir := compose(t, small)
	f, err := os.Open(filepath.Join(dir, "training/audio/labels.csv"))
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+24)

	b, err := os.ReadFile(filepath.Join(dir, "training/midi/emotion_labels.json"))
	require.NoError(t, err)
	var labels map[string]struct {
		Valence, Arousal float64
		Group            string
	}
	require.NoError(t, json.Unmarshal(b, &labels))
	require.Len(t, labels, 24)

	for _, row := range rows[1:] {
		clip, err := audio.Decode(filepath.Join(dir, "training/audio", row[0]), 0)
		require.NoError(t, err)
		assert.Equal(t, 22050, clip.Rate)
		assert.InDelta(t, 2.2, float64(len(clip.Samples))/22050, 0.001)
		_, err = clip.LogMel()
		require.NoError(t, err, row[0])
		assert.Regexp(t, `^piece-\d\d$`, row[3])
	}
	for name := range labels {
		song, err := midi.Read(filepath.Join(dir, "training/midi", name))
		require.NoError(t, err)
		assert.Empty(t, song.Mended)
		assert.Greater(t, len(song.Notes), 20)
	}
}

// What the labels say must be in the music: the mean pitch rises with valence,
// tempo and velocity with arousal. 24 sections of chance would reach |r| > 0.6
// once in 500.
func TestMusicFollowsTheMood(t *testing.T) {
	dir := compose(t, small)
	var valence, arousal, pitch, tempo, velocity []float64
	for _, s := range plan(small) {
		song, err := midi.Read(filepath.Join(dir, "training/midi", s.name+".mid"))
		require.NoError(t, err)
		var p, v float64
		for _, n := range song.Notes {
			p += float64(n.Pitch) / float64(len(song.Notes))
			v += float64(n.Velocity) / float64(len(song.Notes))
		}
		valence, arousal = append(valence, s.mood.Valence), append(arousal, s.mood.Arousal)
		pitch, velocity = append(pitch, p), append(velocity, v)
		tempo = append(tempo, song.Tempo[0].BPM())
	}
	assert.Greater(t, stat.Correlation(valence, pitch, nil), 0.6)
	assert.Greater(t, stat.Correlation(arousal, tempo, nil), 0.6)
	assert.Greater(t, stat.Correlation(arousal, velocity, nil), 0.6)
}

func TestNotesAreOfTheScale(t *testing.T) {
	for _, s := range plan(Options{Seed: 3, Pieces: 8, Sections: 2}) {
		scale := map[int]bool{}
		m := minor
		if s.mood.Valence >= 0 {
			m = major
		}
		for _, x := range m.scale {
			scale[x] = true
		}
		if m.leading {
			scale[11] = true
		}
		music := s.compose()
		require.NotEmpty(t, music.notes)
		for _, n := range music.notes {
			assert.True(t, scale[n.pitch%12], "%s: pitch %d", s.name, n.pitch)
			assert.LessOrEqual(t, n.start+n.length, float64(bars*beatsPerBar))
		}
		last := music.notes[len(music.notes)-1]
		assert.Contains(t, []int{0, m.scale[2], 7}, last.pitch%12, "ends in the tonic chord")
	}
}

func TestForeignFolderIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "training", "audio", "labels.csv")
	require.NoError(t, os.MkdirAll(filepath.Dir(mine), 0o777))
	require.NoError(t, os.WriteFile(mine, []byte("mine"), 0o666))
	err := Write(context.Background(), dir, small)
	require.ErrorContains(t, err, "did not write")
	b, err := os.ReadFile(mine)
	require.NoError(t, err)
	assert.Equal(t, "mine", string(b))
}

func TestInterruptedWriteHasNoLabels(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	dir := filepath.Join(t.TempDir(), "data")
	o := small
	o.OnSection = func(done, total int) { cancel() }
	require.ErrorIs(t, Write(ctx, dir, o), context.Canceled)
	assert.NoFileExists(t, filepath.Join(dir, "training/audio/labels.csv"))
}
