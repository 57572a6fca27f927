// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// draws calls operators that draw in every way that there is: with a generator
// among their arguments, without one (dropout calls others), with no tensor at all.
func draws() (values []float32) {
	torch.Scope(func() {
		x := torch.Ones([]int{37})
		for _, t := range []*torch.Tensor{
			torch.Rand([]int{5}), torch.Randn([]int{5}),
			torch.Call("aten::dropout", x, 0.5, true).TensorAt(0),
			torch.Call("aten::native_dropout", x, 0.3, true).TensorAt(0),
			torch.Call("aten::feature_dropout", x.Reshape(1, 37, 1), 0.5, true).TensorAt(0).Reshape(37),
			torch.Call("aten::alpha_dropout", x, 0.5, true).TensorAt(0),
			torch.Call("aten::rand_like", x).TensorAt(0),
			torch.Call("aten::poisson", x).TensorAt(0),
			torch.Call("aten::multinomial", x, 4).TensorAt(0).ToDType(torch.Float32),
			torch.Call("aten::rrelu", x.MulScalar(-1), 0.1, 0.9, true).TensorAt(0),
			torch.Randperm(9).ToDType(torch.Float32),
		} {
			values = append(values, torch.ToSlice[float32](t)...)
		}
	})
	return values
}

// The generators of ForkRNG draw what the process's would. Other draws at the same time
// change nothing in them, and they change nothing in others.
func TestForkRNG(t *testing.T) {
	torchtest.Need(t)
	torchtest.NoLeaks(t)
	torch.ManualSeed(5)
	alone := append(draws(), draws()...)
	torch.ManualSeed(6)
	other := draws()

	torch.ManualSeed(5)
	start, done := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	forked := make([][]float32, 4)
	ready := make(chan struct{}, len(forked))
	for i := range forked {
		wg.Go(func() {
			torch.ForkRNG(func() {
				ready <- struct{}{}
				<-start
				for range 2 {
					forked[i] = append(forked[i], draws()...)
				}
			})
		})
	}
	for range forked {
		<-ready
	}
	close(start)
	go func() { // draws from the process's generator
		defer close(done)
		for range 20 {
			draws()
		}
	}()
	wg.Wait()
	<-done
	for i := range forked {
		require.Equal(t, alone, forked[i], i)
	}

	// Seeds and states inside are those of the copies; a fork of a fork goes on from
	// it; a panic ends a fork as well.
	torch.ManualSeed(6)
	torch.ForkRNG(func() {
		torch.ManualSeed(5)
		first := draws()
		torch.ForkRNG(func() { assert.Equal(t, alone, append(first, draws()...)) })
		assert.Equal(t, alone, append(first, draws()...))
		state := torch.RNGState(torch.CPU)
		defer state.Close()
		want := draws()
		torch.SetRNGState(torch.CPU, state)
		assert.Equal(t, want, draws())
	})
	assert.Error(t, torch.Try(func() { torch.ForkRNG(func() { torch.Ones([]int{2}).Reshape(3) }) }))
	assert.Equal(t, other, draws(), "the process's generator has not moved")
}

// CPUCapability returns what PyTorch returns.
func TestCPUCapability(t *testing.T) {
	torchtest.Need(t)
	python := torchtest.Python(t)
	out, err := exec.Command(python, "-c", "import torch; print(torch.backends.cpu.get_cpu_capability(), end='')").Output()
	require.NoError(t, err)
	assert.Equal(t, string(out), torch.CPUCapability())
}
