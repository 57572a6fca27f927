// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// harmonyReference holds what the reference, which was written from the description
// alone (../music/chords/testdata/gen_chords.py), gives for a progression.
type harmonyReference struct {
	ID      string
	Classes []int
	Samples []struct{ Input, Target []float64 }
}

// harmonyTolerance is the rounding of a float32 near 1: the reference prints nine
// digits.
const harmonyTolerance = 6e-8

func TestHarmonyGolden(t *testing.T) {
	const file = "../music/chords/testdata/chords.json" // progressions, and what they give
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var golden struct{ Progressions []harmonyReference }
	require.NoError(t, json.Unmarshal(text, &golden))
	compareHarmony(t, file, golden.Progressions)
}

// The same of real songs, at the time of the test.
func TestHarmonyAgainstPython(t *testing.T) {
	file := filepath.Join(torchtest.SharedData(t), "training", "chords", "chord_progressions.json")
	torchtest.Python(t)
	var want []harmonyReference
	for _, line := range bytes.Split(bytes.TrimSpace(torchtest.RunPython(t, "../music/chords/testdata/gen_chords.py", file)), []byte("\n")) {
		var r harmonyReference
		require.NoError(t, json.Unmarshal(line, &r))
		want = append(want, r)
	}
	compareHarmony(t, file, want)
}

func compareHarmony(t *testing.T, file string, want []harmonyReference) {
	t.Helper()
	list, err := readProgressions(file)
	require.NoError(t, err)
	require.Len(t, list, len(want))
	samples := 0
	for i, p := range list {
		parts := p.parts()
		require.Len(t, parts, len(want[i].Samples), p.name)
		if p.fault == "" {
			assert.Equal(t, want[i].Classes, p.classes, p.name)
		}
		for k, s := range want[i].Samples {
			require.Len(t, parts[k].Input, len(s.Input))
			for j := range s.Input {
				assert.InDelta(t, s.Input[j], parts[k].Input[j], harmonyTolerance, "%s, sample %d", p.name, k)
			}
			for j := range s.Target {
				assert.InDelta(t, s.Target[j], parts[k].Target[j], harmonyTolerance, "%s, sample %d", p.name, k)
			}
			samples++
		}
	}
	require.NotZero(t, samples)
	t.Logf("%d progressions, %d samples", len(list), samples)
}
