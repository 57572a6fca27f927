// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Each network is measured in both engines, at each batch size and number of goroutines.
// Percentiles rise, and a second has room for the calls that were made in it.
func TestBenchInference(t *testing.T) {
	torchtest.Need(t)
	for _, spec := range models.All() {
		dir := filepath.Join(t.TempDir(), spec.Name)
		require.NoError(t, os.Mkdir(dir, 0o777))
		file := filepath.Join(dir, "model.pt")
		require.NoError(t, pt.Save(file, nn.StateDict(spec.New(torch.CPU))))

		r := run(t, "bench-inference", file, "--batch", "1,5", "--goroutines", "1,3", "--duration", "50ms", "--json")
		require.Equal(t, 0, r.code, r.stderr)
		result := parse(t, r.stdout)
		assert.Contains(t, result["notes"].([]any)[0], "a temporary file that was exported from "+file)
		assert.NoFileExists(t, result["onnx"].(string))
		rows := result["rows"].([]any)
		require.Len(t, rows, 2*2*3)
		for i, row := range rows {
			row := row.(map[string]any)
			assert.Equal(t, []string{"ONNX Runtime", "bound", "libtorch"}[i%3], row["engine"])
			assert.EqualValues(t, []int{1, 1, 5, 5}[i/3], row["batch"])
			assert.EqualValues(t, []int{1, 3}[i/3%2], row["goroutines"])
			calls, last := row["calls"].(float64), 0.0
			assert.GreaterOrEqual(t, calls, 5.0, "one a round at least")
			for key, enough := range map[string]float64{"p50_us": 2, "p95_us": 20, "p99_us": 100, "p99_9_us": 1000} {
				assert.Equal(t, calls >= enough, row[key] != nil, "%s of %g calls", key, calls)
			}
			for _, key := range []string{"p50_us", "p95_us", "p99_us", "p99_9_us"} {
				if us, ok := row[key].(float64); ok {
					assert.GreaterOrEqual(t, us, last)
					last = us
				}
			}
			half := row["rows_per_second"].(float64) / row["batch"].(float64) / row["goroutines"].(float64) * row["p50_us"].(float64) / 1e6
			assert.LessOrEqual(t, half, 2.0, "half of the calls take the median or more")
		}
	}

	file := filepath.Join(t.TempDir(), "model.pt")
	require.NoError(t, pt.Save(file, nn.StateDict(models.NewHarmonyPredictor(torch.CPU))))
	require.Equal(t, 0, run(t, "export", file).code)
	onnx := strings.TrimSuffix(file, ".pt") + ".onnx"
	for of, says := range map[string]string{
		onnx:                                    "is an ONNX file, so libtorch is left out: give RUN/NETWORK or the .pt file",
		filepath.Dir(file):                      "ONNX Runtime",
		"../../torch/onnx/testdata/golden.onnx": "libtorch is left out", // of no network here
	} {
		r := run(t, "bench-inference", of, "--batch", "1", "--goroutines", "1", "--duration", "5ms")
		require.Equal(t, 0, r.code, r.stderr)
		assert.Regexp(t, `^engine +batch +goroutines +calls +p50 µs +p95 µs +p99 µs +p99\.9 µs +rows/s\nONNX Runtime +1 +1 `, r.stdout)
		assert.Contains(t, r.stdout, says)
		assert.Equal(t, of == filepath.Dir(file), strings.Contains(r.stdout, "\nlibtorch "), of)
	}
	r := run(t, "bench-inference", "../../torch/onnx/testdata/two.onnx")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "is not of float32")
}
