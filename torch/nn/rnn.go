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
type RNN struct {
	Recurrent
	Nonlinearity string // "tanh" or "relu"
}

// NewRNN returns an RNN from in features to hidden ones, on device d.
func NewRNN(in, hidden int, d torch.Device, c ...RecurrentConfig) *RNN {
	config := optional(c, RecurrentConfig{})
	l := &RNN{Nonlinearity: nonlinearity("nn.RNN", config.Nonlinearity), Recurrent: newRecurrent("nn.RNN", 1, in, hidden, d, config)}
	if l.Nonlinearity == "relu" {
		l.flatten(cudnnReLU)
	} else {
		l.flatten(cudnnTanh)
	}
	return l
}

// nonlinearity returns the name of a function, or panics if there is no such.
func nonlinearity(op, name string) string {
	switch name {
	case "":
		return "tanh"
	case "tanh", "relu":
		return name
	}
	throw(op, "Nonlinearity is %q; it must be tanh or relu", name)
	return ""
}

// NamedTensors names the parameters as PyTorch does.
func (l *RNN) NamedTensors() []NamedTensor { return l.named() }

// Forward returns the output at every step, from a zero state.
func (l *RNN) Forward(x *torch.Tensor) *torch.Tensor {
	y, _ := l.ForwardState(x, nil)
	return y
}

// ForwardState returns the output at every step and the state after the last one, from
// the state h: [layers·directions, batch, hidden], without batch if x has none; nil is
// zeros. Layers and directions are in the order of [LSTM.ForwardState].
func (l *RNN) ForwardState(x, h *torch.Tensor) (y, hn *torch.Tensor) {
	out := l.run("nn.RNN", x, []*torch.Tensor{h}, l.call)
	return out[0], out[1]
}

// ForwardPacked is ForwardState for sequences of different lengths. The states are in the
// order that the sequences had before they were packed.
func (l *RNN) ForwardPacked(x *PackedSequence, h *torch.Tensor) (y *PackedSequence, hn *torch.Tensor) {
	y, out := l.runPacked("nn.RNN", x, []*torch.Tensor{h}, l.call)
	return y, out[0]
}

func (l *RNN) call(x *torch.Tensor, s []*torch.Tensor, o torch.RecurrentOptions) []*torch.Tensor {
	f := torch.RNNTanh
	if l.Nonlinearity == "relu" {
		f = torch.RNNRelu
	}
	y, hn := f(x, s[0], l.Weights, o)
	return []*torch.Tensor{y, hn}
}
