// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models_test

import (
	"testing"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// BenchmarkEmotionStep is a whole training step of EmotionRecognizer, batch 64,
// on one thread.
func BenchmarkEmotionStep(b *testing.B) { benchmarkStep(b, models.All()[0]) }

// BenchmarkMelodyStep is the same for MelodyTransformer.
func BenchmarkMelodyStep(b *testing.B) { benchmarkStep(b, models.All()[1]) }

func benchmarkStep(b *testing.B, s models.Spec) {
	torchtest.Need(b)
	torch.Threads(1, func() {
		torch.ManualSeed(seed)
		m := s.New(torch.CPU)
		opt := newAdam(s, m)
		x, y := inputs(0, s.In, torch.CPU), targets(s.Out, torch.CPU)
		step := func() {
			opt.ZeroGrad()
			loss := s.Loss(m.Forward(x), y)
			loss.Backward()
			opt.Step()
		}
		torch.Scope(step)
		b.ReportAllocs()
		for b.Loop() {
			torch.Scope(step)
		}
	})
}
