// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package bench

import (
	"context"
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

// BenchmarkInference reports what a run of each network takes in ONNX Runtime at batch 1 with
// one thread: of RunSlices and of a Binding, beside run and an IOBinding in Python on the same
// file. All take turns, 50 rounds of 400 runs each. The ratios are those of the medians. No
// context can end a run, because nothing ends one in Python.
func BenchmarkInference(b *testing.B) {
	torchtest.Need(b)
	ask := startPython(b, "infer.py")
	for _, spec := range models.All() {
		b.Run(spec.Name, func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "model.pt")
			require.NoError(b, pt.Save(file, nn.StateDict(spec.New(torch.CPU))))
			m, err := runs.OpenModel(file, spec.Name)
			require.NoError(b, err)
			defer m.Close()
			_, err = m.Export(file+".onnx", runs.ExportOptions{})
			require.NoError(b, err)
			s, err := onnx.Open(file + ".onnx")
			require.NoError(b, err)
			defer s.Close()
			x, y := make([]float32, spec.In), make([]float32, spec.Out)
			bound, err := s.Bind(map[string]onnx.Array{spec.ONNXInput: onnx.ArrayOf(x)}, map[string]onnx.Array{spec.ONNXOutput: onnx.ArrayOf(y)})
			require.NoError(b, err)
			defer bound.Close()

			feeds := map[string][]float32{spec.ONNXInput: x}
			ours := func(run func() error) func(int) []int {
				return func(n int) []int {
					times := make([]int, n)
					for i := range times {
						start := time.Now()
						if err := run(); err != nil {
							b.Fatal(err)
						}
						times[i] = int(time.Since(start))
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
			contestants := []struct {
				name  string
				run   func(int) []int
				times []int
			}{
				{name: "ours", run: ours(func() error { _, err := s.RunSlices(context.Background(), feeds); return err })},
				{name: "python", run: theirs("run")},
				{name: "ours-bound", run: ours(func() error { return bound.Run(context.Background()) })},
				{name: "python-bound", run: theirs("bound")},
			}
			for round := range 51 {
				for i := range contestants {
					c := &contestants[i]
					if times := c.run(400); round > 0 { // the first one warms up
						c.times = append(c.times, times...)
					}
				}
			}
			us := func(i int, q float64) float64 {
				slices.Sort(contestants[i].times)
				return float64(contestants[i].times[int(q*float64(len(contestants[i].times)))]) / 1e3
			}
			for i, c := range contestants {
				b.ReportMetric(us(i, 0.5), c.name+"-p50-µs")
				b.ReportMetric(us(i, 0.99), c.name+"-p99-µs")
			}
			b.ReportMetric(us(0, 0.5)/us(1, 0.5), "ours/python")
			b.ReportMetric(us(2, 0.5)/us(3, 0.5), "ours-bound/python-bound")
			b.ReportMetric(0, "ns/op") // it means nothing here
		})
	}
}
