// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

func (c lstmCase) layer() *nn.LSTM {
	torch.ManualSeed(11)
	l := nn.NewLSTM(3, 4, torch.CPU, nn.LSTMConfig{
		Layers: c.Layers, Bidirectional: c.Bidirectional, BatchFirst: c.BatchFirst, NoBias: !c.Bias, Dropout: c.Dropout,
	})
	torch.ManualSeed(12)
	return l
}

func TestLSTMAgreesWithPyTorch(t *testing.T) {
	cases := read(t).LSTMs
	require.NotEmpty(t, cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			torch.Scope(func() {
				l := c.layer()
				assert.Equal(t, c.Keys, keys(nn.StateDict(l)))
				x := torchtest.Ramp(1, c.Shape...).SetRequiresGrad(true)
				var h, s *torch.Tensor
				if c.State {
					h, s = torchtest.Ramp(2, c.HShape...), torchtest.Ramp(3, c.HShape...)
				}
				y, hn, cn := l.ForwardState(x, h, s)
				c.Y.check(t, y, "y")
				assert.Equal(t, c.HShape, hn.Shape())
				c.H.check(t, hn, "h")
				c.C.check(t, cn, "c")
				c.backward(t, l, x, y)
			})
		})
		if c.State {
			continue
		}
		t.Run(c.Name+", Forward", func(t *testing.T) { // by the one-step cell where it applies
			torch.Scope(func() {
				l := c.layer()
				x := torchtest.Ramp(1, c.Shape...).SetRequiresGrad(true)
				y := l.Forward(x)
				c.Y.check(t, y, "y")
				c.backward(t, l, x, y)
			})
		})
	}
}

func (c lstmCase) backward(t *testing.T, l *nn.LSTM, x, y *torch.Tensor) {
	t.Helper()
	y.Mul(torchtest.Ramp(4, y.Shape()...)).Sum().Backward()
	c.XGrad.check(t, x.Grad(), "gradient of x")
	require.Len(t, c.Grads, len(nn.Parameters(l)))
	for _, n := range nn.NamedParameters(l) {
		c.Grads[n.Name].check(t, n.Tensor.Grad(), "gradient of "+n.Name)
	}
}

func TestLSTMDropoutOnlyInTraining(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		l := nn.NewLSTM(3, 4, torch.CPU, nn.LSTMConfig{Layers: 2, Dropout: 0.5})
		x := torchtest.Ramp(1, 5, 2, 3)
		assert.False(t, l.Forward(x).Equal(l.Forward(x)), "two draws")
		nn.SetTraining(l, false)
		assert.True(t, l.Forward(x).Equal(l.Forward(x)))
	})
}

// oneStep returns an LSTM that takes the one-step cell for x.
func oneStep() (l *nn.LSTM, x *torch.Tensor) {
	return nn.NewLSTM(3, 4, torch.CPU, nn.LSTMConfig{BatchFirst: true}), torchtest.Ramp(1, 2, 1, 3)
}

func zeros(n int) []float32 { return make([]float32, n) }

func TestOneStepGivesWeightHHAZeroGradient(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		l, x := oneStep()
		whh := l.Weights[1]
		assert.Nil(t, whh.Grad())

		l.Forward(x).Sum().Backward()
		require.NotNil(t, whh.Grad())
		assert.Equal(t, []int{16, 4}, whh.Grad().Shape())
		assert.Equal(t, zeros(64), whh.Grad().Float32s())
		assert.Equal(t, zeros(12), l.Weights[0].Grad().Narrow(0, 4, 4).Float32s(), "the forget gate's rows")
		first := l.Weights[0].Grad().Clone()

		// A second pass adds to the gradient and keeps the part that another use of
		// the tensor gave.
		whh.SetGrad(torch.Ones([]int{16, 4}))
		l.Forward(x).Sum().Backward()
		assert.Equal(t, torch.Ones([]int{64}).Float32s(), whh.Grad().Float32s())
		assert.True(t, l.Weights[0].Grad().Equal(first.MulScalar(2)))
	})
}

func TestOneStepTwoForwardsOneBackward(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		l, x := oneStep()
		// weight_hh is used elsewhere in the same graph, too.
		l.Forward(x).Sum().Add(l.Forward(x).Sum()).Add(l.Weights[1].Sum()).Backward()
		assert.Equal(t, torch.Ones([]int{64}).Float32s(), l.Weights[1].Grad().Float32s())
	})
}

// A weight_hh whose output is no part of the loss gets no gradient, as in PyTorch.
func TestOneStepUnusedOutput(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		l, x := oneStep()
		l.Forward(x)
		x.Clone().SetRequiresGrad(true).Sum().Backward()
		assert.Nil(t, l.Weights[1].Grad())
	})
}

func TestOneStepFrozen(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		l, x := oneStep()
		l.Weights[1].SetRequiresGrad(false)
		l.Forward(x).Sum().Backward()
		assert.Nil(t, l.Weights[1].Grad())
		assert.NotNil(t, l.Weights[0].Grad())

		torch.NoGrad(func() { assert.False(t, l.Forward(x).RequiresGrad()) })
	})
}

func TestOneStepIsALSTMInATrace(t *testing.T) {
	torchtest.Need(t)
	l, x := oneStep()
	ops := func() (names []string) {
		g := torch.Trace(func(in []*torch.Tensor) []*torch.Tensor { return []*torch.Tensor{l.Forward(in[0])} }, x)
		for _, n := range g.Nodes {
			names = append(names, n.Op)
		}
		return names
	}
	assert.Contains(t, ops(), "aten::lstm")
	assert.NotContains(t, ops(), "aten::linear")
}

// Step is Forward without the dimension of the steps, whichever way it is computed.
func TestStep(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		x := torchtest.Ramp(1, 2, 3)
		for name, c := range map[string]nn.LSTMConfig{
			"cell": {}, "cell, batch first": {BatchFirst: true}, "two layers": {Layers: 2},
			"two layers, batch first": {Layers: 2, BatchFirst: true}, "bidirectional": {Bidirectional: true},
		} {
			l := nn.NewLSTM(3, 4, torch.CPU, c)
			at := 0
			if c.BatchFirst {
				at = 1
			}
			want, _, _ := l.ForwardState(x.Unsqueeze(at), nil, nil)
			want = want.Squeeze(at)
			assert.Equal(t, want.Shape(), l.Step(x).Shape(), name)
			assert.True(t, l.Step(x).AllClose(want, 0, tolerance), name)
			assert.True(t, l.Step(x.Select(0, 1)).AllClose(want.Select(0, 1), 0, tolerance), name)
			assert.ErrorContains(t, torch.Try(func() { l.Step(torchtest.Ramp(1, 2, 1, 3)) }), "[batch, 3] or [3]", name)
		}
	})
}

func TestOneStepOfNothing(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		l, _ := oneStep()
		assert.Equal(t, []int{0, 1, 4}, l.Forward(torch.Zeros([]int{0, 1, 3})).Shape())
	})
}

// The cell is used where it is exact and nowhere else. A weight_hh of infinities shows
// which one ran: aten::lstm multiplies it by the zero state, which makes NaN.
func TestOneStepOnlyWhereItIsExact(t *testing.T) {
	torchtest.Need(t)
	for name, c := range map[string]struct {
		config nn.LSTMConfig
		shape  []int
		cell   bool
	}{
		"batch first":   {nn.LSTMConfig{BatchFirst: true}, []int{2, 1, 3}, true},
		"steps first":   {nn.LSTMConfig{}, []int{1, 2, 3}, true},
		"without batch": {nn.LSTMConfig{}, []int{1, 3}, true},
		"two steps":     {nn.LSTMConfig{BatchFirst: true}, []int{1, 2, 3}, false},
		"batch of one":  {nn.LSTMConfig{}, []int{2, 1, 3}, false},
		"two layers":    {nn.LSTMConfig{BatchFirst: true, Layers: 2}, []int{2, 1, 3}, false},
		"bidirectional": {nn.LSTMConfig{BatchFirst: true, Bidirectional: true}, []int{2, 1, 3}, false},
	} {
		torch.Scope(func() {
			l := nn.NewLSTM(3, 4, torch.CPU, c.config)
			nn.Constant(l.Weights[1], math.Inf(1))
			finite := func(y *torch.Tensor) bool { return y.IsFinite().All().Item() != 0 }
			assert.Equal(t, c.cell, finite(l.Forward(torchtest.Ramp(1, c.shape...))), name)
			y, _, _ := l.ForwardState(torchtest.Ramp(1, c.shape...), nil, nil)
			assert.False(t, finite(y), name)
		})
	}
}
