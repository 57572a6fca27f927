// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/music/midi"
)

var allSources = []Source{EmotionSource, MelodySource, HarmonySource, DynamicsSource, GrooveSource}

// eight chords are the least that make a sample.
const eight = `["C", "Am", "F", "G", "C:maj", "A:min", "F:maj", "G:7"]`

// passage is as many notes in 4 s as a window of DynamicsEngine takes.
func passage() []midi.Note {
	var notes []midi.Note
	for i := range int64(8) {
		notes = append(notes, midi.Note{Pitch: uint8(60 + i), Velocity: 80, OnTick: 240 * i, OffTick: 240 * (i + 1)})
	}
	return notes
}

func validate(t *testing.T, root string) *Report {
	t.Helper()
	r, err := Validate(context.Background(), root, allSources, Options{})
	require.NoError(t, err)
	require.Len(t, r.Sections, 5)
	errors, warnings := 0, 0
	for _, s := range r.Sections {
		for _, p := range s.Problems {
			if p.Level == LevelError {
				errors++
			} else {
				warnings++
			}
		}
	}
	assert.Equal(t, []any{errors == 0, errors, warnings}, []any{r.OK, r.Errors, r.Warnings})
	return r
}

// lines gives a section's problems as text.
func (s Section) lines() string {
	var b strings.Builder
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "%s %s: %s\n", p.Level, p.Name, p.Reason)
	}
	return b.String()
}

func TestValidate(t *testing.T) {
	var song bytes.Buffer
	require.NoError(t, midi.Write(&song, passage(), midi.WriteOptions{}))
	files := map[string]string{
		"midi/bad.mid": "no midi", "midi/alone.mid": song.String(),
		"drums/a.mid": song.String(), "dynamics_midi/x.mid": song.String(), "dynamics_midi/y.MIDI": "no midi",
		"audio/a.wav": "no audio", "audio/labels.csv": "song_id,valence,arousal\n1,2,3\n",
		"chord_progressions.json": `[{"id": 1, "key": "C", "chords": ` + eight + `}]`,
		"chords/readme":           "",
	}
	labels := map[string]any{"bad.mid": map[string]any{"valence": 0, "arousal": 0}, "gone.mid": map[string]any{"valence": 0, "arousal": 7}}
	for i := range 50 {
		name := fmt.Sprintf("%02d.mid", i)
		files["midi/"+name] = song.String()
		labels[name] = map[string]any{"valence": 0.5, "arousal": 0.5, "group": fmt.Sprint(i % 5)}
	}
	text, err := json.Marshal(labels)
	require.NoError(t, err)
	files["midi/emotion_labels.json"] = string(text)
	r := validate(t, folder(t, files))

	emotion, melody, harmony, dynamics, groove := r.Sections[0], r.Sections[1], r.Sections[2], r.Sections[3], r.Sections[4]
	assert.Contains(t, emotion.lines(), "error : "+filepath.Join(emotion.Folder, "labels.csv")+": ")
	assert.Contains(t, emotion.lines(), "no column filename")

	assert.Equal(t, []int{52, 52, 50, 5, 50}, []int{melody.Files, melody.Labels, melody.Usable, melody.Groups, melody.Recommended})
	require.Len(t, melody.Problems, 6, "two more that labels are constant, one that all files are the same")
	assert.Contains(t, melody.lines(), "warning alone.mid: no label")
	assert.Contains(t, melody.lines(), "error bad.mid: midi: ")
	assert.Contains(t, melody.lines(), "error gone.mid: emotion_labels.json line 1: no such file")

	assert.Equal(t, []int{1, 1}, []int{harmony.Labels, harmony.Usable})
	assert.Contains(t, harmony.lines(), "error : all of it is one group")
	assert.Contains(t, harmony.lines(), "warning : 1 usable progression: at least 20 are recommended")

	assert.Equal(t, []int{2, 0, 1}, []int{dynamics.Files, dynamics.Labels, dynamics.Usable})
	assert.Contains(t, dynamics.lines(), "error y.MIDI: midi: ")

	assert.Contains(t, groove.lines(), "error : no file drum_labels.json in ")
	assert.NotEmpty(t, groove.Folder)
}

func TestValidateMissingFolders(t *testing.T) {
	r := validate(t, t.TempDir())
	assert.False(t, r.OK)
	assert.Equal(t, 5, r.Errors)
	assert.Contains(t, r.Sections[2].lines(), "training/chords: make it and put a file chord_progressions.json")
	assert.Contains(t, r.Sections[3].lines(), "training/dynamics_midi: make it and put MIDI files into it")

	// One folder is enough; the others are warnings.
	var song bytes.Buffer
	require.NoError(t, midi.Write(&song, passage(), midi.WriteOptions{}))
	r = validate(t, folder(t, map[string]string{"dynamics_midi/a.mid": song.String(), "dynamics_midi/b.mid": song.String()}))
	assert.True(t, r.OK)
	assert.Equal(t, 5, r.Warnings, "the fifth is that they are the same")

	_, err := Validate(context.Background(), filepath.Join(t.TempDir(), "none"), allSources, Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestValidateChords(t *testing.T) {
	entries := []string{
		`{"id": "ok", "key": "F#", "chords": EIGHT, "title": "A", "artist": "B"}`,
		`{"id": "again", "key": "C", "chords": EIGHT, "title": "a", "artist": "b"}`,
		`{"id": 3, "key": "C", "chords": EIGHT, "emotion": {"valence": 1, "arousal": 1}}`,
		`{"name": "no key", "chords": EIGHT}`,
		`{"key": "moll", "chords": EIGHT}`,
		`{"id": "no chords", "key": "C", "chords": []}`,
		`{"id": "mood", "key": "C", "chords": EIGHT, "emotion": {"valence": NaN, "arousal": 1}}`,
		`{"id": "kind", "key": 5, "chords": "C"}`,
		`{"id": "short", "key": "C", "chords": ["C", "F"]}`,
		`{"id": "odd", "key": "C", "chords": ["C", "H7", "F", "G", "C", "Am", "F", "G"]}`,
	}
	list := strings.ReplaceAll("["+strings.Join(entries, ",\n")+"]", "EIGHT", eight)
	for _, text := range []string{list, `{"progressions": ` + list + "}"} {
		s := validate(t, folder(t, map[string]string{"chords/chord_progressions.json": text})).Sections[2]
		assert.Equal(t, []int{10, 4, 3, 4}, []int{s.Labels, s.Usable, s.Groups, s.Samples})
		for _, want := range []string{
			"error no key: key is missing", `error progression 5: key: chords: key "moll"`, "error no chords: chords is missing",
			"error mood: emotion: valence is not a number", "error progression 8: json: cannot unmarshal", "at least 20 are recommended",
			"warning short: 2 chords", `warning odd: chord 2 counts as "other"`,
			`warning 3: the same chords as "again", in different groups ("3", "a / b")`, "3 of 4 progressions have no emotion",
		} {
			assert.Contains(t, s.lines(), want)
		}
		assert.Len(t, s.Problems, 10)
	}
	for text, want := range map[string]string{`{"songs": []}`: `no list "progressions"`, "{\n[": "line 2"} {
		s := validate(t, folder(t, map[string]string{"chords/chord_progressions.json": text})).Sections[2]
		assert.Contains(t, s.lines(), want)
	}
}

func TestReportIsJSON(t *testing.T) {
	text, err := json.Marshal(validate(t, t.TempDir()))
	require.NoError(t, err)
	var back map[string]any
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, false, back["ok"])
	section := back["sections"].([]any)[0].(map[string]any)
	assert.Equal(t, "emotion", section["network"])
	assert.Equal(t, "error", section["problems"].([]any)[0].(map[string]any)["level"])
}
