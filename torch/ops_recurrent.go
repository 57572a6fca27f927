// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// RecurrentOptions are those of LSTM, GRU, RNNTanh and RNNRelu; see torch.nn.LSTM.
type RecurrentOptions struct {
	Bias          bool
	Layers        int
	Dropout       float64
	Train         bool
	Bidirectional bool
	BatchFirst    bool // without Sizes
	// Sizes is nil for an x of three dimensions. Otherwise x is packed, [elements, in],
	// and Sizes, int64 on the CPU, says how many sequences there are at each step.
	Sizes *Tensor
}

// LSTMOptions are those of LSTM.
type LSTMOptions = RecurrentOptions

func (a args) recurrent(o RecurrentOptions) args {
	a = a.bool(o.Bias).int(o.Layers).double(o.Dropout).bool(o.Train).bool(o.Bidirectional)
	if o.Sizes == nil {
		a = a.bool(o.BatchFirst)
	}
	return a
}

// LSTM runs x through the layers whose weights params hold in PyTorch's order,
// from the state h0, c0 [layers·directions, batch, hidden]. It returns the output
// of the last layer and the final state.
func LSTM(x, h0, c0 *Tensor, params []*Tensor, o LSTMOptions) (output, hn, cn *Tensor) {
	states := []*Tensor{h0, c0}
	if o.Sizes != nil {
		return on("aten::lstm.data", x, o.Sizes).tensors(states).tensors(params).recurrent(o).three()
	}
	return on("aten::lstm.input", x).tensors(states).tensors(params).recurrent(o).three()
}

// GRU is LSTM with gated recurrent units, whose state is h0.
func GRU(x, h0 *Tensor, params []*Tensor, o RecurrentOptions) (output, hn *Tensor) {
	if o.Sizes != nil {
		return on("aten::gru.data", x, o.Sizes, h0).tensors(params).recurrent(o).two()
	}
	return on("aten::gru.input", x, h0).tensors(params).recurrent(o).two()
}

// RNNTanh is LSTM with a tanh of sums, whose state is h0.
func RNNTanh(x, h0 *Tensor, params []*Tensor, o RecurrentOptions) (output, hn *Tensor) {
	if o.Sizes != nil {
		return on("aten::rnn_tanh.data", x, o.Sizes, h0).tensors(params).recurrent(o).two()
	}
	return on("aten::rnn_tanh.input", x, h0).tensors(params).recurrent(o).two()
}

// RNNRelu is LSTM with a ReLU of sums, whose state is h0.
func RNNRelu(x, h0 *Tensor, params []*Tensor, o RecurrentOptions) (output, hn *Tensor) {
	if o.Sizes != nil {
		return on("aten::rnn_relu.data", x, o.Sizes, h0).tensors(params).recurrent(o).two()
	}
	return on("aten::rnn_relu.input", x, h0).tensors(params).recurrent(o).two()
}

// LSTMCell makes one step of x [batch, in] from the state h, c [batch, hidden], and returns
// the new one. params are weight_ih [4·hidden, in] and weight_hh [4·hidden, hidden], and
// the biases bias_ih and bias_hh [4·hidden], which may be nil.
func LSTMCell(x, h, c *Tensor, params [4]*Tensor) (hn, cn *Tensor) {
	return on("aten::lstm_cell", x).tensors([]*Tensor{h, c}).cell(params).two()
}

// GRUCell is LSTMCell for a gated recurrent unit, with 3·hidden rows in its parameters.
func GRUCell(x, h *Tensor, params [4]*Tensor) *Tensor {
	return on("aten::gru_cell", x, h).cell(params).one()
}

// RNNTanhCell is LSTMCell for a tanh of sums, with hidden rows in its parameters.
func RNNTanhCell(x, h *Tensor, params [4]*Tensor) *Tensor {
	return on("aten::rnn_tanh_cell", x, h).cell(params).one()
}

// RNNReluCell is LSTMCell for a ReLU of sums, with hidden rows in its parameters.
func RNNReluCell(x, h *Tensor, params [4]*Tensor) *Tensor {
	return on("aten::rnn_relu_cell", x, h).cell(params).one()
}

func (a args) cell(params [4]*Tensor) args {
	return a.tensor(params[0]).tensor(params[1]).optional(params[2]).optional(params[3])
}
