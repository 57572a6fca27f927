// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/scripts/internal/twin"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { twin.Main(m) }

func TestTwin(t *testing.T) {
	torchtest.Need(t)
	var result twin.Result
	const steps = 1000 // fewer than the program has, to be done sooner
	maker := train(steps, func(_ int, judged, fooled *torch.Tensor) {
		result.Losses = append(result.Losses, judged.Item()+fooled.Item())
	})
	torch.NoGrad(func() {
		near, covered := measure(maker.Forward(torch.Randn([]int{1000, noise})))
		assert.Greater(t, near, 0.6)
		assert.Greater(t, covered, 0.8)
		result.Metrics = map[string]float64{"near": near, "covered": covered}
	})
	// Two networks that chase each other magnify the last bit to another end.
	result.Compare(t, make([][]int, steps), 0.25)
}
