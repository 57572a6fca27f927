// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package measure

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type golden[M any] struct {
	Predictions, Targets, Constant []float32
	Want                           Report[M]
}

func load(t *testing.T) (g struct {
	Emotion golden[Emotion]
	Melody  golden[Melody]
}) {
	b, err := os.ReadFile("testdata/measure.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &g))
	return g
}

// Both sides compute in float64 from the same numbers; only the order of the
// sums differs.
const tolerance = 1e-11

// assertClose compares two reports number by number, undefined ones too.
func assertClose(t *testing.T, want, got any) {
	t.Helper()
	w, g := flat(t, want), flat(t, got)
	require.Len(t, g, len(w))
	for name, x := range w {
		if x == nil {
			assert.Nil(t, g[name], name)
			continue
		}
		assert.InDelta(t, x, g[name], tolerance, name)
	}
}

// flat gives every number of a report's JSON by its path.
func flat(t *testing.T, report any) map[string]any {
	t.Helper()
	b, err := json.Marshal(report)
	require.NoError(t, err)
	var tree map[string]any
	require.NoError(t, json.Unmarshal(b, &tree))
	numbers := map[string]any{}
	var walk func(path string, node map[string]any)
	walk = func(path string, node map[string]any) {
		for key, child := range node {
			if inner, ok := child.(map[string]any); ok {
				walk(path+key+".", inner)
				continue
			}
			numbers[path+key] = child
		}
	}
	walk("", tree)
	return numbers
}

func TestEmotion(t *testing.T) {
	g := load(t).Emotion
	got, err := OfEmotion(g.Predictions, g.Targets, g.Constant)
	require.NoError(t, err)
	assertClose(t, g.Want, got)
	assert.False(t, got.Constant.Valence.R.Defined(), "a constant correlates with nothing")
}

func TestMelody(t *testing.T) {
	g := load(t).Melody
	got, err := OfMelody(g.Predictions, g.Targets, g.Constant)
	require.NoError(t, err)
	assertClose(t, g.Want, got)
}

func TestPerfectPrediction(t *testing.T) {
	g := load(t)
	e, err := OfEmotion(g.Emotion.Targets, g.Emotion.Targets, g.Emotion.Constant)
	require.NoError(t, err)
	assert.Zero(t, e.Measures.MSE)
	assert.InDelta(t, 1, float64(e.Measures.Arousal.R), tolerance)
	assert.InDelta(t, 1, float64(e.Measures.Valence.CCC), tolerance)

	m, err := OfMelody(g.Melody.Targets, g.Melody.Targets, g.Melody.Constant)
	require.NoError(t, err)
	// The targets are rounded to a grid, so their sums miss 1 by up to 128/8192.
	assert.InDelta(t, 0, float64(m.Measures.KL), 0.02)
	assert.EqualValues(t, 1, m.Measures.Top1)
}

func TestOneSampleAndConstantsAreNull(t *testing.T) {
	row := make([]float32, emotionWidth)
	got, err := OfEmotion(row, row, row)
	require.NoError(t, err)
	b, err := json.Marshal(got)
	require.NoError(t, err)
	assert.JSONEq(t, `{"samples": 1,
		"measures": {"mse": 0, "mae": 0, "valence": {"rmse": 0, "r": null, "ccc": null}, "arousal": {"rmse": 0, "r": null, "ccc": null}},
		"constant": {"mse": 0, "mae": 0, "valence": {"rmse": 0, "r": null, "ccc": null}, "arousal": {"rmse": 0, "r": null, "ccc": null}}}`, string(b))
}

func TestMelodyAtTheEdges(t *testing.T) {
	p, target := make([]float32, melodyWidth), make([]float32, melodyWidth)
	target[60] = 1
	got, err := OfMelody(p, target, target)
	require.NoError(t, err)
	// PyTorch's BCELoss of 0 against 1 is 100, here in one of 128 outputs.
	assert.InDelta(t, 100./128, float64(got.Measures.Loss), tolerance)
	assert.InDelta(t, math.Log(1e8), float64(got.Measures.KL), 1e-6)
	assert.Zero(t, got.Measures.Top5, "60 earlier zeros go before it")
	assert.EqualValues(t, 0, got.Constant.Loss)
}

func TestMean(t *testing.T) {
	assert.Equal(t, []float32{2, 3}, Mean([]float32{1, 2, 3, 4}, 2))
	assert.Nil(t, Mean(nil, 2))
}

func TestRowsThatDoNotFit(t *testing.T) {
	row := make([]float32, melodyWidth)
	for name, c := range map[string][3][]float32{
		"no targets":     {nil, nil, row},
		"half a row":     {row[:3], row[:3], row},
		"fewer outputs":  {row[:64], row, row},
		"short constant": {row, row, row[:64]},
	} {
		_, err := OfMelody(c[0], c[1], c[2])
		assert.ErrorContains(t, err, "measure: melody: ", name)
	}
}

func TestNumberInJSON(t *testing.T) {
	var n Number
	require.NoError(t, json.Unmarshal([]byte("null"), &n))
	assert.False(t, n.Defined())
	require.NoError(t, json.Unmarshal([]byte("0.25"), &n))
	assert.EqualValues(t, 0.25, n)
	b, err := json.Marshal(Number(math.Inf(1)))
	require.NoError(t, err)
	assert.Equal(t, "null", string(b))
}
