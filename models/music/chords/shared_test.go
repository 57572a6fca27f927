// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// TestRealProgressions reads every label that annotators wrote, and looks up its meaning
// in the table that was made by hand.
func TestRealProgressions(t *testing.T) {
	text, err := os.ReadFile(torchtest.SharedData(t, "training", "chords", "chord_progressions.json"))
	require.NoError(t, err)
	var file struct {
		Progressions []struct {
			ID, Key string
			Chords  []string
		}
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.NotEmpty(t, file.Progressions)
	byHand := map[string]Quality{}
	for _, p := range pairs(harteNames) {
		byHand[p.name] = p.quality
	}
	var labels, samples int
	var counts [Classes]int
	for _, p := range file.Progressions {
		tonic, err := ParseKey(p.Key)
		require.NoError(t, err, p.ID)
		var classes []int
		for _, name := range p.Chords {
			c, err := Parse(name)
			require.NoError(t, err, p.ID)
			want, known := byHand[strings.TrimLeft(name, "ABCDEFG#b")]
			require.True(t, known, "%s is not in the table", name)
			require.Equal(t, want, c.Quality, name)
			class := c.Class(tonic)
			counts[class]++
			classes = append(classes, class)
		}
		labels += len(classes)
		samples += len(Samples(classes))
	}
	t.Logf("%d progressions, %d labels, %d samples", len(file.Progressions), labels, samples)
	for class, n := range counts {
		if n > 0 {
			t.Logf("%2d %-6s %5d  %5.2f %%", class, ClassName(class), n, 100*float64(n)/float64(labels))
		}
	}
}

// TestRegressionsNames reads names of published tables that users had trouble with.
func TestRegressionsNames(t *testing.T) {
	text, err := os.ReadFile(torchtest.SharedData(t, "regressions", "chords", "expected.tsv"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	require.NotEmpty(t, lines)
	for _, line := range lines {
		fields := strings.Split(line, "\t")
		c, err := Parse(fields[0])
		require.NoError(t, err)
		require.Equal(t, fields[1:3], []string{strconv.Itoa(c.Root), strconv.Itoa(int(c.Quality))}, line)
	}

	text, err = os.ReadFile(torchtest.SharedData(t, "regressions", "chords", "ireal_half_diminished.json"))
	require.NoError(t, err)
	var file struct {
		Progressions []struct{ Chords []string }
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.Len(t, file.Progressions, 2)
	for i, name := range file.Progressions[0].Chords {
		twin := file.Progressions[1].Chords[i]
		a, err := Parse(name)
		require.NoError(t, err)
		b, err := Parse(twin)
		require.NoError(t, err)
		require.Equal(t, b, a, "%s and %s", name, twin)
	}
}
