// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package measure

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// golden is a case that NumPy, SciPy and PyTorch have measured.
type golden struct {
	Func                           string
	Width                          int
	Predictions, Targets, Constant []float32
	Want                           map[string]any
}

func (g golden) fn(t *testing.T) Func {
	switch g.Func {
	case "emotion":
		return Emotion
	case "melody":
		return Melody
	case "harmony":
		return Harmony
	case "regression":
		var names []string
		for i := range g.Width {
			names = append(names, fmt.Sprintf("output %d", i))
		}
		return Regression(names)
	}
	require.FailNow(t, "unknown", g.Func)
	return nil
}

func load(t *testing.T) (cases map[string]golden) {
	b, err := os.ReadFile("testdata/measure.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &cases))
	require.Len(t, cases, 13)
	return cases
}

// Both sides compute in float64 from the same numbers; only the order of the
// sums differs.
const tolerance = 1e-11

// flat gives every value of a tree of JSON by its path.
func flat(tree any) map[string]any {
	leaves := map[string]any{}
	var walk func(path string, node any)
	walk = func(path string, node any) {
		switch node := node.(type) {
		case map[string]any:
			for key, child := range node {
				walk(path+"."+key, child)
			}
		case []any:
			for i, child := range node {
				walk(fmt.Sprintf("%s[%d]", path, i), child)
			}
		default:
			leaves[path] = node
		}
	}
	walk("", tree)
	return leaves
}

func TestAgainstPython(t *testing.T) {
	for name, g := range load(t) {
		t.Run(name, func(t *testing.T) {
			report, err := g.fn(t)(g.Predictions, g.Targets, g.Constant)
			require.NoError(t, err)
			b, err := json.Marshal(report)
			require.NoError(t, err)
			var tree any
			require.NoError(t, json.Unmarshal(b, &tree))

			want, got := flat(g.Want), flat(tree)
			require.Len(t, got, len(want))
			for path, x := range want {
				if number, ok := x.(float64); ok && got[path] != nil {
					assert.InDelta(t, number, got[path], tolerance, path)
					continue
				}
				assert.Equal(t, x, got[path], path)
			}
		})
	}
}

// The constant is the mean of a golden case's own targets.
func TestMeanAgainstNumPy(t *testing.T) {
	for name, g := range load(t) {
		// NumPy sums in another order, which may round to the next float32.
		assert.InDeltaSlice(t, g.Constant, Mean(g.Targets, g.Width), 1e-7, name)
	}
}

func TestMean(t *testing.T) {
	assert.Equal(t, []float32{2, 3}, Mean([]float32{1, 2, 3, 4}, 2))
	assert.Nil(t, Mean(nil, 2))
}

// Tables put the rows of both halves side by side, so their names must agree, and
// a row must hold the value that it names.
func TestRows(t *testing.T) {
	cases := load(t)
	for name, want := range map[string][]string{
		"emotion":              {"valence RMSE", "valence r", "valence CCC", "arousal RMSE", "arousal r", "arousal CCC", "MSE", "MAE"},
		"melody":               {"loss", "KL divergence", "top-1 agreement", "top-5 agreement", "MSE", "MAE"},
		"harmony":              {"loss", "KL divergence", "top-1 agreement", "top-5 agreement", "MSE", "MAE"},
		"regression, constant": {"RMSE", "mean r", "MSE", "MAE", "output 0 RMSE", "output 0 MAE", "output 0 r"},
	} {
		g := cases[name]
		report, err := g.fn(t)(g.Predictions, g.Targets, g.Constant)
		require.NoError(t, err)
		rows, beside := report.Measures.Rows(), report.Constant.Rows()
		require.Len(t, rows, len(want), name)
		require.Len(t, beside, len(want), name)
		for i, r := range rows {
			assert.Equal(t, want[i], r.Name)
			assert.Equal(t, want[i], beside[i].Name)
			assert.Equal(t, r.Better, beside[i].Better, r.Name)
		}
	}

	r := RegressionMeasures{RMSE: 1, R: 2, MSE: 3, MAE: 4, Outputs: []Output{{"swing", 5, 6, 7}}}.Rows()
	assert.Equal(t, []Row{
		{"RMSE", 1, LowerIsBetter}, {"mean r", 2, HigherIsBetter}, {"MSE", 3, LowerIsBetter}, {"MAE", 4, LowerIsBetter},
		{"swing RMSE", 5, LowerIsBetter}, {"swing MAE", 6, LowerIsBetter}, {"swing r", 7, HigherIsBetter},
	}, r)
	r = DistributionMeasures{Loss: 1, KL: 2, Top1: 3, Top5: 4, MSE: 5, MAE: 6}.Rows()
	assert.Equal(t, []Row{
		{"loss", 1, LowerIsBetter}, {"KL divergence", 2, LowerIsBetter}, {"top-1 agreement", 3, HigherIsBetter},
		{"top-5 agreement", 4, HigherIsBetter}, {"MSE", 5, LowerIsBetter}, {"MAE", 6, LowerIsBetter},
	}, r)
	r = EmotionMeasures{MSE: 1, MAE: 2, Valence: Feeling{3, 4, 5}, Arousal: Feeling{6, 7, 8}}.Rows()
	assert.Equal(t, []Row{
		{"valence RMSE", 3, LowerIsBetter}, {"valence r", 4, HigherIsBetter}, {"valence CCC", 5, HigherIsBetter},
		{"arousal RMSE", 6, LowerIsBetter}, {"arousal r", 7, HigherIsBetter}, {"arousal CCC", 8, HigherIsBetter},
		{"MSE", 1, LowerIsBetter}, {"MAE", 2, LowerIsBetter},
	}, r)
}

func TestRowsThatDoNotFit(t *testing.T) {
	for network, f := range map[string]struct {
		fn    Func
		width int
	}{
		"emotion": {Emotion, 64}, "melody": {Melody, 128}, "harmony": {Harmony, 64},
		"regression": {Regression([]string{"a", "b", "c", "d"}), 4},
	} {
		row := make([]float32, f.width)
		for name, c := range map[string][3][]float32{
			"no targets":     {nil, nil, row},
			"half a row":     {row[:3], row[:3], row},
			"fewer outputs":  {row[:2], row, row},
			"short constant": {row, row, row[:2]},
			"no constant":    {row, row, nil},
		} {
			report, err := f.fn(c[0], c[1], c[2])
			assert.ErrorContains(t, err, "measure: "+network+": ", name)
			assert.Nil(t, report, name)
		}
	}
	_, err := Regression(nil)(nil, nil, nil)
	assert.ErrorContains(t, err, "measure: regression: no output is named")
}

func TestNamesAreCopied(t *testing.T) {
	names := []string{"swing"}
	fn := Regression(names)
	names[0] = "push"
	report, err := fn([]float32{1}, []float32{2}, []float32{2})
	require.NoError(t, err)
	assert.Equal(t, "swing", report.Measures.(RegressionMeasures).Outputs[0].Name)
}

// A network that has diverged must not look like one that agrees.
func TestPredictionsThatAreNotNumbers(t *testing.T) {
	nan := float32(math.NaN())
	for network, fn := range map[string]Func{
		"emotion": Emotion, "harmony": Harmony, "regression": Regression(make([]string, 64)),
	} {
		target := make([]float32, 128)
		target[0], target[64] = 1, 0.5
		report, err := fn(slices.Repeat([]float32{nan}, 128), target, Mean(target, 64))
		require.NoError(t, err)
		for _, row := range report.Measures.Rows() {
			if row.Name == "top-1 agreement" || row.Name == "top-5 agreement" {
				assert.Zero(t, row.Value, network)
				continue
			}
			assert.False(t, row.Value.Defined(), "%s: %s", network, row.Name)
		}
	}
}

func TestMelodyAtTheEdges(t *testing.T) {
	p, target := make([]float32, 128), make([]float32, 128)
	target[60] = 1
	report, err := Melody(p, target, target)
	require.NoError(t, err)
	got, constant := report.Measures.(DistributionMeasures), report.Constant.(DistributionMeasures)
	// PyTorch's BCELoss of 0 against 1 is 100, here in one of 128 outputs.
	assert.InDelta(t, 100./128, float64(got.Loss), tolerance)
	assert.InDelta(t, math.Log(1e8), float64(got.KL), tolerance)
	assert.Zero(t, got.Top5, "60 earlier zeros go before it")
	assert.Zero(t, constant.Loss)
}

// The mean correlation ignores outputs without one, and how far the outputs' means
// are apart, which alone would give the pooled values a correlation near 1.
func TestOverallCorrelation(t *testing.T) {
	targets := []float32{0, 10, 20, 1, 11, 20, 2, 12, 20}
	predictions := []float32{2, 10, 20, 1, 11, 20, 0, 12, 21}
	report, err := Regression([]string{"falls", "rises", "constant"})(predictions, targets, Mean(targets, 3))
	require.NoError(t, err)
	m := report.Measures.(RegressionMeasures)
	assert.InDelta(t, -1, float64(m.Outputs[0].R), tolerance)
	assert.InDelta(t, 1, float64(m.Outputs[1].R), tolerance)
	assert.False(t, m.Outputs[2].R.Defined())
	assert.InDelta(t, 0, float64(m.R), tolerance)
	assert.InDelta(t, math.Sqrt((4+4+1)/9.), float64(m.RMSE), tolerance)
	assert.False(t, report.Constant.(RegressionMeasures).R.Defined())
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
