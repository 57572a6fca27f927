// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// RecurrentCell is what [LSTMCell], [GRUCell] and [RNNCell] have in common: one step of a
// layer, with these parameters in this order, all drawn from [-1/√hidden, 1/√hidden).
type RecurrentCell struct {
	WeightIH     *torch.Tensor // [gates·hidden, in]
	WeightHH     *torch.Tensor // [gates·hidden, hidden]
	BiasIH       *torch.Tensor // [gates·hidden]; nil for none
	BiasHH       *torch.Tensor // [gates·hidden]; nil for none
	Nonlinearity string        // of an RNNCell: "tanh" or "relu"
}

// RecurrentCellConfig holds the settings of a cell that are rarely changed. The zero value
// is PyTorch's default.
type RecurrentCellConfig struct {
	NoBias       bool
	DType        torch.DType // of the parameters
	Nonlinearity string      // of an [RNNCell]: "tanh" or "relu"; empty stands for "tanh"
}

func newCell(op string, gates, in, hidden int, d torch.Device, settings []RecurrentCellConfig) RecurrentCell {
	positive(op, "in", in)
	positive(op, "hidden", hidden)
	config := optional(settings, RecurrentCellConfig{})
	draw := func(shape ...int) *torch.Tensor {
		return uniformParameter(d, config.DType, 1/math.Sqrt(float64(hidden)), shape...)
	}
	c := RecurrentCell{Nonlinearity: nonlinearity(op, config.Nonlinearity)}
	c.WeightIH, c.WeightHH = draw(gates*hidden, in), draw(gates*hidden, hidden)
	if !config.NoBias {
		c.BiasIH, c.BiasHH = draw(gates*hidden), draw(gates*hidden)
	}
	return c
}

// Forward returns the state after the step from the state h; nil is zeros.
func (c *RecurrentCell) Forward(x, h *torch.Tensor) *torch.Tensor {
	return c.step(x, []*torch.Tensor{h})[0]
}

// step calls the operator of the cell, which follows from the number of its gates, with a
// batch of inputs and states. A state that is nil is zeros.
func (c *RecurrentCell) step(x *torch.Tensor, states []*torch.Tensor) []*torch.Tensor {
	in, hidden, shape := c.WeightIH.Size(1), c.WeightHH.Size(1), x.Shape()
	gates, n := c.WeightHH.Size(0)/hidden, len(shape)
	op := [...]string{1: "nn.RNNCell", 3: "nn.GRUCell", 4: "nn.LSTMCell"}[gates]
	fit(op, (n == 1 || n == 2) && shape[n-1] == in, shape, "the input must have the shape [batch, %d] or [%[1]d]", in)
	want := append(slices.Clone(shape[:n-1]), hidden)
	for i, s := range states {
		if s == nil {
			s = torch.Zeros(want, torch.Options{DType: x.DType(), Device: x.Device()})
		}
		expect(op, i, s, want)
		if n == 1 {
			s = s.Unsqueeze(0)
		}
		states[i] = s
	}
	if n == 1 {
		x = x.Unsqueeze(0)
	}
	params := [4]*torch.Tensor{c.WeightIH, c.WeightHH, c.BiasIH, c.BiasHH}
	switch {
	case gates == 4:
		states[0], states[1] = torch.LSTMCell(x, states[0], states[1], params)
	case gates == 3:
		states[0] = torch.GRUCell(x, states[0], params)
	case c.Nonlinearity == "relu":
		states[0] = torch.RNNReluCell(x, states[0], params)
	default:
		states[0] = torch.RNNTanhCell(x, states[0], params)
	}
	if n == 1 {
		for i, s := range states {
			states[i] = s.Squeeze(0)
		}
	}
	return states
}

// LSTMCell is one step of an [LSTM], which has its formula.
//
// Shape: x [batch, in], h and c [batch, hidden], all with or all without the batch, to the
// shape of h.
//
// Parameters: those of a [RecurrentCell] with four gates.
type LSTMCell struct{ RecurrentCell }

// NewLSTMCell returns a cell from in features to hidden ones, on device d.
func NewLSTMCell(in, hidden int, d torch.Device, c ...RecurrentCellConfig) *LSTMCell {
	return &LSTMCell{newCell("nn.LSTMCell", 4, in, hidden, d, c)}
}

// Forward returns the state after the step from the state h, c; both nil are zeros.
func (l *LSTMCell) Forward(x, h, c *torch.Tensor) (hn, cn *torch.Tensor) {
	out := l.step(x, both("nn.LSTMCell", h, c))
	return out[0], out[1]
}

// GRUCell is one step of a [GRU], which has its formula.
//
// Shape: x [batch, in] and h [batch, hidden], both with or both without the batch, to the
// shape of h.
//
// Parameters: those of a [RecurrentCell] with three gates.
type GRUCell struct{ RecurrentCell }

// NewGRUCell returns a cell from in features to hidden ones, on device d.
func NewGRUCell(in, hidden int, d torch.Device, c ...RecurrentCellConfig) *GRUCell {
	return &GRUCell{newCell("nn.GRUCell", 3, in, hidden, d, c)}
}

// RNNCell is one step of an [RNN], which has its formula.
//
// Shape: that of a [GRUCell].
//
// Parameters: those of a [RecurrentCell] with one gate.
type RNNCell struct{ RecurrentCell }

// NewRNNCell returns a cell from in features to hidden ones, on device d.
func NewRNNCell(in, hidden int, d torch.Device, c ...RecurrentCellConfig) *RNNCell {
	return &RNNCell{newCell("nn.RNNCell", 1, in, hidden, d, c)}
}
