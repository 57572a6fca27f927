// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// severalSGD is "sgd groups" with an optimizer for each group.
func severalSGD(n *net) optim.Optimizer {
	weights, biases := split(n)
	return optim.NewSeveral(
		optim.NewSGD(weights, optim.SGDConfig{LR: 0.05, Momentum: 0.9, WeightDecay: 0.01}),
		optim.NewSGD(biases, optim.SGDConfig{LR: 0.02, Momentum: 0.9}),
	)
}

// Two optimizers take the steps of one with two groups, whose steps are PyTorch's, also
// with a schedule, and continue from each other's state dicts.
func TestSeveralAreAsGroups(t *testing.T) {
	torchtest.Need(t)
	make := map[bool]func(*net) optim.Optimizer{false: optimizers["sgd groups"], true: severalSGD}
	start := newNet(torch.CPU)
	var want []float64
	for _, kinds := range [][2]bool{{false, false}, {true, true}, {false, true}, {true, false}} {
		n := clone(t, start, torch.CPU)
		o := make[kinds[0]](n)
		schedule := optim.NewStepLR(o, optim.StepLRConfig{StepSize: 1, Gamma: 0.5})
		losses := steps(n, o, 0, 5, torch.CPU)
		schedule.Step(0)
		assert.Equal(t, 0.025, o.LR())
		m := clone(t, n, torch.CPU)
		p := make[kinds[1]](m)
		require.NoError(t, p.LoadStateDict(o.StateDict()))
		losses = append(losses, steps(m, p, 5, 10, torch.CPU)...)
		if want == nil {
			want = losses
		}
		assert.Equal(t, want, losses)
	}
}

// After an error all optimizers are as they were.
func TestSeveralLoadWholeOrNot(t *testing.T) {
	torchtest.Need(t)
	n := newNet(torch.CPU)
	o := severalSGD(n)
	steps(n, o, 0, 3, torch.CPU)
	m := clone(t, n, torch.CPU)
	p := severalSGD(m)
	require.NoError(t, p.LoadStateDict(o.StateDict()))

	other := severalSGD(newNet(torch.CPU))
	other.SetLR(7)
	d := other.StateDict()
	groups := torchtest.Entry[[]any](t, d, "param_groups")
	groups[1].(*torch.Dict).Set("lr", "fast")
	require.ErrorContains(t, o.LoadStateDict(d), "optim.Several: optimizer 1: ")
	assert.Equal(t, 0.05, o.LR())
	assert.Equal(t, steps(m, p, 3, 6, torch.CPU), steps(n, o, 3, 6, torch.CPU))

	require.ErrorContains(t, o.LoadStateDict(optimizers["adam"](m).StateDict()), "optim.Several: the state dict has 1 groups")
	assert.ErrorContains(t, torch.Try(func() { optim.NewSeveral() }), "there are no optimizers")
	sgd := optim.NewSGD(nn.Parameters(n), optim.DefaultSGD())
	assert.ErrorContains(t, torch.Try(func() { optim.NewSeveral(sgd, sgd) }), "in another group already")
}

// A scaler leaves the steps of all of them out, and the host does not wait.
func TestScalerOfSeveral(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		p, q := torch.Ones([]int{2}, torch.Options{Device: device}).SetRequiresGrad(true), torch.Ones([]int{2}, torch.Options{Device: device}).SetRequiresGrad(true)
		o := optim.NewSeveral(optim.NewSGD([]*torch.Tensor{p}, optim.SGDConfig{LR: 0.25}), optim.NewAdam([]*torch.Tensor{q}, optim.DefaultAdam()))
		s := optim.NewGradScaler(optim.DefaultGradScaler())
		for _, factor := range []float64{math.Inf(1), 1} {
			torchtest.ForbidTransfers(func() {
				o.ZeroGrad()
				s.Scale(p.MulScalar(factor).Sum().Add(q.Sum())).Backward()
				s.Step(o)
				s.Update()
			})
		}
		assert.Equal(t, []float32{0.75, 0.75}, p.Float32s())
		assert.InDeltaSlice(t, []float32{0.999, 0.999}, q.Float32s(), 1e-6)
		closeState(o)
	})
}

func closeState(o optim.Optimizer) {
	states, _ := torch.Value[*torch.Dict](o.StateDict(), "state")
	for _, v := range states.All() {
		for _, x := range v.(*torch.Dict).All() {
			if x, ok := x.(*torch.Tensor); ok {
				x.Close()
			}
		}
	}
}
