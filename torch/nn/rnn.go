// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// RNN is a recurrent layer without gates, or several, in the form of torch.nn.RNN:
//
//	h' = tanh(W_ih·x + b_ih + W_hh·h + b_hh)
//
// or with ReLU in the place of tanh. From "Finding structure in time", Elman, 1990.
//
// Shape: x [steps, batch, in], or [batch, steps, in] with BatchFirst, or without a
// batch [steps, in]; the output is shaped like x, with directions·hidden features.
//
// Parameters: those of an [LSTM], with hidden rows.
type RNN struct{ Recurrent }

// NewRNN returns an RNN from in features to hidden ones, on device d.
func NewRNN(in, hidden int, d torch.Device, c ...RecurrentConfig) *RNN {
	return &RNN{newRecurrent("nn.RNN", 1, in, hidden, d, c)}
}

// NamedTensors names the parameters as PyTorch does.
func (l *RNN) NamedTensors() []NamedTensor { return l.named() }

// GRU is a layer of gated recurrent units, or several, in the form of torch.nn.GRU:
//
//	r = σ(W_ir·x + b_ir + W_hr·h + b_hr)        reset gate
//	z = σ(W_iz·x + b_iz + W_hz·h + b_hz)        update gate
//	n = tanh(W_in·x + b_in + r·(W_hn·h + b_hn))
//	h' = (1-z)·n + z·h
//
// From "Learning phrase representations using RNN encoder-decoder for statistical machine
// translation", Cho et al., 2014.
//
// Shape: that of an [RNN].
//
// Parameters: those of an [LSTM], with 3·hidden rows for the gates r, z, n.
type GRU struct{ Recurrent }

// NewGRU returns a GRU from in features to hidden ones, on device d.
func NewGRU(in, hidden int, d torch.Device, c ...RecurrentConfig) *GRU {
	return &GRU{newRecurrent("nn.GRU", 3, in, hidden, d, c)}
}

// NamedTensors names the parameters as PyTorch does.
func (l *GRU) NamedTensors() []NamedTensor { return l.named() }
