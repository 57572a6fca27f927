// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package bench holds the benchmarks that compare Etude with PyTorch in Python,
// side by side in one run, so that a change of the machine's speed meets both.
package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/scripts/internal/pystep"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

const (
	rounds = 15  // of each contestant in turn; medians are reported
	steps  = 100 // a round
)

// BenchmarkEmotionStep reports milliseconds a step of EmotionRecognizer, batch
// 64, ours and Python's (eager), and their ratios.
func BenchmarkEmotionStep(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			torchtest.Need(b)
			python := startPython(b, threads)
			torch.Threads(threads, func() {
				ours := trainer(b)
				var mine, plain, fused []float64
				for round := range rounds + 1 {
					m, p, f := ours(), python(pystep.Default), python(pystep.Fused)
					if round > 0 { // the first warms up
						mine, plain, fused = append(mine, m), append(plain, p), append(fused, f)
					}
				}
				b.ReportMetric(median(mine), "ours-ms/step")
				b.ReportMetric(median(plain), "python-ms/step")
				b.ReportMetric(median(fused), "python-fused-ms/step")
				b.ReportMetric(median(ratios(mine, plain)), "ours/python")
				b.ReportMetric(median(ratios(mine, fused)), "ours/python-fused")
				b.ReportMetric(0, "ns/op") // says nothing here
			})
		})
	}
}

// trainer returns a function that trains for one round and returns its
// milliseconds a step.
func trainer(b testing.TB) func() float64 {
	torch.ManualSeed(42)
	model := models.NewEmotionRecognizer(torch.CPU)
	settings := optim.DefaultAdam()
	settings.WeightDecay = 1e-4
	adam := optim.NewAdam(nn.Parameters(model), settings)
	x, y := torch.Randn([]int{64, 128}), torch.Rand([]int{64, 64})
	b.Cleanup(func() {
		x.Close()
		y.Close()
	})
	return func() float64 {
		start := time.Now()
		for range steps {
			torch.Scope(func() {
				adam.ZeroGrad()
				nn.MSELoss(model.Forward(x), y).Backward()
				adam.Step()
			})
		}
		return float64(time.Since(start).Microseconds()) / 1e3 / steps
	}
}

// startPython returns a function that has Python train for one round.
func startPython(b *testing.B, threads int) func(variant string) float64 {
	process, err := pystep.Start(context.Background(), pystep.Options{
		Python: torchtest.Python(b), Script: filepath.Join(torchtest.Root(b), pystep.Script),
		Device: "cpu", Threads: threads,
	})
	if err != nil {
		b.Fatal("step.py: ", err)
	}
	b.Cleanup(func() {
		if err := process.Close(); err != nil {
			b.Error(err)
		}
	})
	return func(variant string) float64 {
		ms, err := process.Steps("emotion", variant, steps)
		if err != nil {
			b.Fatal("step.py: ", err)
		}
		return ms
	}
}

func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

func median(xs []float64) float64 {
	xs = slices.Sorted(slices.Values(xs))
	return xs[len(xs)/2]
}
