// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// BenchmarkInference times a run of each network in ONNX Runtime at batch 1 with one thread:
// of RunSlices and of a Binding, beside run and an IOBinding in Python on the same file. All
// take turns, 50 rounds of 400 runs each. The ratios are those of the medians. No context can
// end a run, because nothing ends one in Python.
func BenchmarkInference(b *testing.B) {
	torchtest.Need(b)
	rounds := 50
	if testing.Short() {
		rounds = 10
	}
	ask := ask(b, "infer.py")
	rows := [][]string{{"", "ours", "Python", "ours, bound", "Python, IOBinding", "ours / Python", "bound / IOBinding"}}
	for _, spec := range models.All() {
		file := filepath.Join(b.TempDir(), "model.pt")
		require.NoError(b, pt.Save(file, nn.StateDict(spec.New(torch.CPU))))
		m, err := runs.OpenModel(file, spec.Name)
		require.NoError(b, err)
		_, err = m.Export(file+".onnx", runs.ExportOptions{})
		m.Close()
		require.NoError(b, err)
		s, err := onnx.Open(file + ".onnx")
		require.NoError(b, err)
		x, y := make([]float32, spec.In), make([]float32, spec.Out)
		bound, err := s.Bind(map[string]onnx.Array{spec.ONNXInput: onnx.ArrayOf(x)}, map[string]onnx.Array{spec.ONNXOutput: onnx.ArrayOf(y)})
		require.NoError(b, err)

		feeds := map[string][]float32{spec.ONNXInput: x}
		ours := func(run func() error) func(int) []int {
			return func(n int) []int {
				times := make([]int, n)
				for i := range times {
					start := time.Now()
					err := run()
					times[i] = int(time.Since(start))
					require.NoError(b, err)
				}
				return times
			}
		}
		theirs := func(variant string) func(int) []int {
			return func(n int) (times []int) {
				ask(&times, file+".onnx", variant, n)
				return times
			}
		}
		contestants := []func(int) []int{
			ours(func() error { _, err := s.RunSlices(context.Background(), feeds); return err }), theirs("run"),
			ours(func() error { return bound.Run(context.Background()) }), theirs("bound"),
		}
		var times [4][]int
		for round := range rounds + 1 {
			for i, run := range contestants {
				if took := run(400); round > 0 { // the first one warms up
					times[i] = append(times[i], took...)
				}
			}
		}
		bound.Close()
		s.Close()
		row := []string{spec.Name}
		var p50 [4]float64
		for i, t := range times {
			slices.Sort(t)
			p50[i] = float64(t[len(t)/2]) / 1e3
			row = append(row, fmt.Sprintf("%.1f, %.1f", p50[i], float64(t[len(t)*99/100])/1e3))
		}
		rows = append(rows, append(row, fmt.Sprintf("%.2f", p50[0]/p50[1]), fmt.Sprintf("%.2f", p50[2]/p50[3])))
	}
	section("Inference in ONNX Runtime, batch 1, 1 thread: µs, p50 and p99, and ratios of p50", rows)
	b.ReportMetric(0, "ns/op") // it means nothing here
}
