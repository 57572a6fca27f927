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
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/music/audio"
	"github.com/etude-ml/etude/models/music/chords"
	"github.com/etude-ml/etude/models/music/dynamics"
	"github.com/etude-ml/etude/models/music/groove"
	"github.com/etude-ml/etude/models/music/midi"
)

var small = Options{Seed: 7, Pieces: 12, Sections: 2}

// hash returns one sum of all names and contents under a folder.
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
	if testing.Short() {
		t.Skip("it composes six times, in the same way as the other tests")
	}
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
		assert.Empty(t, song.Faults)
		assert.Greater(t, len(song.Notes), 20)
	}
}

// The music must follow its labels: the mean pitch rises with valence, tempo and velocity
// rise with arousal. 24 random sections would reach |r| > 0.6 once in 500 times.
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

// The networks' own sources read every file, and skip nothing.
func TestEveryNetworkReadsItsPart(t *testing.T) {
	for _, o := range []Options{small, {Seed: 3, Pieces: 2, Sections: 1}} {
		dir := compose(t, o)
		works := o.Pieces * o.Sections
		// Windows of four bars, and progressions of 24 chords, have exact numbers; a
		// phrase takes at least two windows of 4 s.
		want := map[string]int{"emotion": works, "melody": works, "groove": 2 * works, "harmony": 5 * works}
		read := 0
		for _, spec := range models.All() {
			s, err := spec.Source.Samples(context.Background(), dir, dataset.Options{})
			require.NoError(t, err, spec.Name)
			assert.Empty(t, s.Skipped, spec.Name)
			assert.Empty(t, s.Notes, spec.Name)
			groups := map[string]bool{}
			for _, g := range s.Groups {
				groups[g] = true
			}
			assert.Len(t, groups, o.Pieces, spec.Name)
			if spec.Name == "dynamics" {
				assert.GreaterOrEqual(t, s.Len(), 2*works-o.Pieces, "the last window may be short of notes")
			} else {
				assert.Equal(t, want[spec.Name], s.Len(), spec.Name)
			}
			report, err := spec.Source.Check(context.Background(), dir, dataset.Options{})
			require.NoError(t, err, spec.Name)
			for _, p := range report.Problems {
				// So few files are too few, and not evenly spread, and that is all:
				// nothing comes twice, and nothing is on both sides of the split.
				assert.Equal(t, dataset.LevelWarning, p.Level, p.Reason)
				assert.Contains(t, []dataset.Kind{dataset.KindAmount, dataset.KindBalance}, p.Kind, "%s: %s", spec.Name, p.Reason)
			}
			read++
		}
		assert.Equal(t, 5, read)
	}
}

// A performance is played as its score suggests: louder, with less pedal and with chords
// less spread where there are more notes, and legato where they are slow. The 61 windows
// come from 12 pieces; 12 random pairs would reach |r| > 0.8 once in 500 times.
func TestPerformancesFollowTheScore(t *testing.T) {
	columns := map[string][]float64{}
	dir := compose(t, small)
	for _, p := range planPerformances(small) {
		song, err := midi.Read(filepath.Join(dir, "training/dynamics_midi", p.name+".mid"))
		require.NoError(t, err)
		require.Empty(t, song.Faults)
		windows, err := dynamics.Windows(song)
		require.NoError(t, err)
		for _, w := range windows {
			for i, name := range dynamics.InputNames() {
				columns[name] = append(columns[name], float64(w.Input[i]))
			}
			for i, name := range dynamics.OutputNames() {
				columns[name] = append(columns[name], float64(w.Target[i]))
			}
		}
	}
	r := func(a, b string) float64 { return stat.Correlation(columns[a], columns[b], nil) }
	assert.Greater(t, r("note_rate", "velocity_mean"), 0.8)
	assert.Less(t, r("note_rate", "pedal_share"), -0.8)
	assert.Greater(t, r("ioi_p50", "articulation_mean"), 0.8)
	assert.Less(t, r("note_rate", "chord_spread"), -0.8)

	// The top line sings: it is louder than the rest nearly everywhere.
	lead := columns["top_velocity_lead"]
	louder := 0
	for _, x := range lead {
		if x > 0.5 {
			louder++
		}
	}
	assert.Greater(t, float64(louder), 0.9*float64(len(lead)))
	for name, most := range map[string]float64{"pedal_share": 0.98, "chord_spread": 0.95} {
		assert.InDelta(t, 0, slices.Min(columns[name]), 0.3, name)
		assert.Less(t, slices.Max(columns[name]), most, "%s: not at its limit", name)
	}
}

// Drums are louder, denser and earlier when excited, and swing when glad.
func TestDrumsFollowTheMood(t *testing.T) {
	dir := compose(t, small)
	var valence, arousal, velocity, hits, late, swing []float64
	for _, p := range planPatterns(small) {
		song, err := midi.Read(filepath.Join(dir, "training/drums", p.name+".mid"))
		require.NoError(t, err)
		require.Empty(t, song.Faults)
		windows, err := groove.Windows(song)
		require.NoError(t, err)
		require.Len(t, windows, 2)
		target := windows[1].Target // the first cannot be ahead of its first beat
		valence, arousal = append(valence, p.mood.Valence), append(arousal, p.mood.Arousal)
		velocity = append(velocity, float64(target[0]+target[4]+target[8]+target[12])/4)
		hits = append(hits, float64(windows[1].Hits))
		beats := float64(target[16]+target[20]+target[24]+target[28]) / 4
		late = append(late, beats)
		sum, n := 0.0, 0.0
		for step := 1; step < 16; step += 2 {
			if target[step] > 0 {
				sum, n = sum+float64(target[16+step])-beats, n+1
			}
		}
		if n > 0 {
			swing = append(swing, sum/n)
		} else {
			swing = append(swing, 0)
		}
		for _, n := range song.Notes {
			require.EqualValues(t, 9, n.Channel)
		}
	}
	assert.Greater(t, stat.Correlation(arousal, velocity, nil), 0.6)
	assert.Greater(t, stat.Correlation(arousal, hits, nil), 0.6)
	assert.Less(t, stat.Correlation(arousal, late, nil), -0.6)
	assert.Greater(t, stat.Correlation(valence, swing, nil), 0.6)
}

// The names mean the degrees that the grammar drew, in every key and both styles, and a
// loop repeats until the tonic ends it.
func TestProgressionsFollowTheGrammar(t *testing.T) {
	list := planProgressions(Options{Seed: 5, Pieces: 60, Sections: 2})
	keys, styles := map[string]bool{}, map[bool]int{}
	for _, p := range list {
		g := p.Emotion.grammar()
		tonic, err := chords.ParseKey(p.Key)
		require.NoError(t, err)
		keys[p.Key] = true
		require.Len(t, p.Chords, progressionLength)
		harte := strings.Contains(p.Chords[0], ":")
		styles[harte]++
		for i, name := range p.Chords {
			c, err := chords.Parse(name)
			require.NoError(t, err, "%s in %s", name, p.Key)
			require.Equal(t, p.degrees[i], chords.ClassName(c.Class(tonic)), "%s in %s", name, p.Key)
			require.Equal(t, harte, strings.Contains(name, ":"))
			if i == 0 {
				continue
			}
			before, now := p.degrees[i-1], p.degrees[i]
			home := now == g.tonic && (slices.Contains(g.closes, before) || i == progressionLength-1)
			held := now == before && p.Emotion.Arousal < 0.3
			require.True(t, held || home || slices.Contains(g.next[before], now), "%s: %s after %s", p.ID, now, before)
			if i >= 8 && i < progressionLength-1 {
				require.Equal(t, p.Chords[i-8], name)
			}
		}
		assert.Equal(t, g.tonic, p.degrees[0])
		assert.Equal(t, g.tonic, p.degrees[progressionLength-1])
		want := "i"
		if p.Emotion.Valence >= 0 {
			want = "I"
		}
		assert.Equal(t, want, g.tonic)
	}
	assert.Greater(t, len(keys), 30, "of 48 ways to name a key")
	assert.Greater(t, styles[true], 30)
	assert.Greater(t, styles[false], 30)
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

// files returns the contents of all files under a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	content := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var b []byte
			b, err = os.ReadFile(path)
			content[path] = string(b)
		}
		return err
	}))
	return content
}

// An interrupted corpus is not published: an earlier one stays, and a new one can be
// written in its place.
func TestInterruptedWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	interrupted := func(seed uint64) {
		ctx, cancel := context.WithCancel(t.Context())
		o := small
		o.Seed, o.OnSection = seed, func(done, total int) { cancel() }
		require.ErrorIs(t, Write(ctx, dir, o), context.Canceled)
	}
	interrupted(1)
	assert.NoDirExists(t, filepath.Join(dir, "training"))
	larger := small
	larger.Pieces++
	require.NoError(t, Write(t.Context(), dir, larger))
	before := files(t, dir)
	interrupted(2)
	assert.Equal(t, before, files(t, dir))

	// A process that was killed left its part of a corpus.
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".composing", audioDir), 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".composing", audioDir, "old.wav"), nil, 0o666))
	require.NoError(t, Write(t.Context(), dir, small))
	fresh := filepath.Join(t.TempDir(), "data")
	require.NoError(t, Write(t.Context(), fresh, small))
	now := map[string]string{}
	for path, content := range files(t, dir) {
		now[strings.Replace(path, dir, fresh, 1)] = content
	}
	assert.Equal(t, files(t, fresh), now, "of the larger corpus nothing is left")
}
