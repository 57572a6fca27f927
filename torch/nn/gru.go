// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// GRU is a layer of gated recurrent units, or several:
//
//	r = σ(W_ir·x + b_ir + W_hr·h + b_hr)        reset gate
//	z = σ(W_iz·x + b_iz + W_hz·h + b_hz)        update gate
//	n = tanh(W_in·x + b_in + r·(W_hn·h + b_hn))
//	h' = (1-z)·n + z·h
//
// From "Learning phrase representations using RNN encoder-decoder for statistical machine
// translation", Cho et al., 2014, in the form of torch.nn.GRU.
//
// Shape: x [steps, batch, in], or [batch, steps, in] with BatchFirst, or without a
// batch [steps, in]; the output is shaped like x, with directions·hidden features.
//
// Parameters: those of an [LSTM], with 3·hidden rows for the gates r, z, n.
type GRU struct{ Recurrent }

// NewGRU returns a GRU from in features to hidden ones, on device d.
func NewGRU(in, hidden int, d torch.Device, c ...RecurrentConfig) *GRU {
	l := &GRU{newRecurrent("nn.GRU", 3, in, hidden, d, optional(c, RecurrentConfig{}))}
	l.flatten(cudnnGRU)
	return l
}

// NamedTensors names the parameters as PyTorch does.
func (l *GRU) NamedTensors() []NamedTensor { return l.named() }

// Forward returns the output at every step, from a zero state.
func (l *GRU) Forward(x *torch.Tensor) *torch.Tensor {
	y, _ := l.ForwardState(x, nil)
	return y
}

// ForwardState returns the output at every step and the state after the last one, from
// the state h: [layers·directions, batch, hidden], without batch if x has none; nil is
// zeros. Layers and directions are in the order of [LSTM.ForwardState].
func (l *GRU) ForwardState(x, h *torch.Tensor) (y, hn *torch.Tensor) {
	out := l.run("nn.GRU", x, []*torch.Tensor{h}, l.call)
	return out[0], out[1]
}

// ForwardPacked is ForwardState for sequences of different lengths. The states are in the
// order that the sequences had before they were packed.
func (l *GRU) ForwardPacked(x *PackedSequence, h *torch.Tensor) (y *PackedSequence, hn *torch.Tensor) {
	y, out := l.runPacked("nn.GRU", x, []*torch.Tensor{h}, l.call)
	return y, out[0]
}

func (l *GRU) call(x *torch.Tensor, s []*torch.Tensor, o torch.RecurrentOptions) []*torch.Tensor {
	y, hn := torch.GRU(x, s[0], l.Weights, o)
	return []*torch.Tensor{y, hn}
}
