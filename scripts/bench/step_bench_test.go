// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package bench holds the benchmarks that compare Etude with PyTorch, ONNX Runtime and
// librosa in Python, side by side in one run, so that a change of the machine's speed
// meets both.
package bench

import (
	"fmt"
	"testing"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/scripts/internal/gpucheck"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// BenchmarkEmotionStep reports milliseconds a step of EmotionRecognizer, batch
// 64, ours and Python's (eager), and their ratios.
func BenchmarkEmotionStep(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			torchtest.Need(b)
			emotion, err := models.ByName("emotion")
			if err != nil {
				b.Fatal(err)
			}
			o := gpucheck.Options{
				Device: torch.CPU, Root: torchtest.Root(b), Python: torchtest.Python(b),
				Parts: []gpucheck.Part{gpucheck.PartTiming}, Networks: []models.Spec{emotion},
			}
			torch.Threads(threads, func() {
				ms := map[string]float64{}
				for _, m := range gpucheck.Run(b.Context(), o).Timing[0].Measures {
					if m.Problem != "" && m.Name != gpucheck.PythonCompile { // which needs a C++ compiler
						b.Fatal(m.Name, ": ", m.Problem)
					}
					ms[m.Name] = m.Milliseconds
				}
				b.ReportMetric(ms[gpucheck.Ours], "ours-ms/step")
				b.ReportMetric(ms[gpucheck.Python], "python-ms/step")
				b.ReportMetric(ms[gpucheck.PythonFused], "python-fused-ms/step")
				b.ReportMetric(ms[gpucheck.Ours]/ms[gpucheck.Python], "ours/python")
				b.ReportMetric(ms[gpucheck.Ours]/ms[gpucheck.PythonFused], "ours/python-fused")
				b.ReportMetric(0, "ns/op") // it means nothing here
			})
		})
	}
}
