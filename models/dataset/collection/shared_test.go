// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"

	"github.com/etude-ml/etude/models/dataset"
)

// realLabels reads an object of labels.
func realLabels(t *testing.T, path ...string) map[string]dataset.Label {
	t.Helper()
	var labels map[string]dataset.Label
	require.NoError(t, json.Unmarshal([]byte(read(t, path...)), &labels))
	require.NotEmpty(t, labels)
	return labels
}

// Real files of EMOPIA get the labels that they have there.
func TestRealEMOPIA(t *testing.T) {
	shared, to := torchtest.SharedData(t, "training"), t.TempDir()
	want := realLabels(t, shared, "midi", "emotion_labels.json")
	_, err := importFrom("emopia", filepath.Join(shared, "midi"), to)
	require.NoError(t, err)
	got := realLabels(t, to, "training/midi/emotion_labels.json")
	assert.Len(t, got, len(want))
	for name, l := range want {
		assert.True(t, l.Same(got["emopia/"+name]), "%s: %v, not %v", name, got["emopia/"+name], l)
	}

	_, err = importFrom("emopia", filepath.Join(shared, "audio"), to)
	require.NoError(t, err)
	theirs, ours := rated(t, filepath.Join(shared, "audio")), rated(t, filepath.Join(to, "training", "audio"))
	require.NotEmpty(t, theirs)
	assert.Len(t, ours, len(theirs))
	for name, want := range theirs {
		assert.Equal(t, want[:1], ours["emopia/"+name], name)
	}
}

// rated reads the labels.csv of a folder: for each file what its labels say.
func rated(t *testing.T, dir string) map[string][]dataset.Label {
	t.Helper()
	table, err := dataset.ReadTable([]byte(read(t, dir, "labels.csv")))
	require.NoError(t, err)
	labels := map[string][]dataset.Label{}
	for _, row := range table.Rows {
		field := func(name string) string {
			i, err := table.Column(name)
			require.NoError(t, err)
			return row.Field(i)
		}
		l := dataset.Label{Group: field("group")}
		l.Valence, err = strconv.ParseFloat(field("valence"), 64)
		require.NoError(t, err)
		l.Arousal, err = strconv.ParseFloat(field("arousal"), 64)
		require.NoError(t, err)
		labels[field("filename")] = append(labels[field("filename")], l)
	}
	return labels
}

// The arousal of drums is the one that they have there, to all its digits.
func TestRealTempos(t *testing.T) {
	for name, l := range realLabels(t, torchtest.SharedData(t, "training"), "drums", "drum_labels.json") {
		assert.Equal(t, l.Arousal, tempoArousal(l.BPM), name)
		assert.Zero(t, l.Valence)
	}
}

// Collections that users had trouble with.
func TestRegressionsImport(t *testing.T) {
	dir := torchtest.SharedData(t, "regressions", "import")
	to := t.TempDir()
	r, err := importFrom("billboard", filepath.Join(dir, "billboard_x71"), to)
	require.NoError(t, err)
	assert.Empty(t, r.LeftOut)
	var songs struct{ Progressions []progression }
	require.NoError(t, json.Unmarshal([]byte(read(t, to, "training/chords/chord_progressions.json")), &songs))
	require.Len(t, songs.Progressions, 1)
	assert.Len(t, songs.Progressions[0].Chords, 4+71+2)

	for name, says := range map[string]string{
		"groove_d64.zip":  "packed with Deflate64, which is not read here: unpack the archive and import the folder",
		"groove_cut.zip":  "a zip archive without its end, as after a download that broke off: download it again",
		"groove_html.zip": "is an HTML page and no zip archive",
	} {
		_, err := importFrom("groove", filepath.Join(dir, name), to)
		assert.ErrorContains(t, err, name)
		assert.ErrorContains(t, err, says)
	}
	r, err = importFrom("groove", filepath.Join(dir, "groove_win.zip"), to)
	require.NoError(t, err)
	assert.Equal(t, 1, r.Imported())
	assert.Empty(t, r.LeftOut)
	assert.FileExists(t, filepath.Join(to, "training/drums/groove/drummer1/session1/1_funk_80_beat_4-4.mid"))

	r, err = importFrom("deam", filepath.Join(dir, "deam_cr_only"), to)
	require.NoError(t, err)
	assert.Equal(t, 2, r.Imported())
	assert.Empty(t, r.LeftOut)
}
