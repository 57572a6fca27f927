// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Dropout zeroes elements with probability p and scales the others by 1/(1-p),
// when train is set.
func Dropout(x *Tensor, p float64, train bool) *Tensor {
	return on("aten::dropout", x).double(p).bool(train).one()
}

// LayerNorm normalises over the last dimensions, of sizes shape. weight and bias
// may be nil.
func LayerNorm(x *Tensor, shape []int, weight, bias *Tensor, eps float64) *Tensor {
	return on("aten::layer_norm", x).ints(shape...).optional(weight).optional(bias).double(eps).bool(true).one()
}

// Embedding returns the rows of weight that indices, of int64, name. The row
// paddingIdx gets no gradient; -1 for none.
func Embedding(weight, indices *Tensor, paddingIdx int) *Tensor {
	return on("aten::embedding", weight, indices).int(paddingIdx).bool(false).bool(false).one()
}

// LSTMOptions are those of LSTM; see torch.nn.LSTM.
type LSTMOptions struct {
	Bias          bool
	Layers        int
	Dropout       float64
	Train         bool
	Bidirectional bool
	BatchFirst    bool
}

// LSTM runs x through the layers whose weights params hold in PyTorch's order,
// from the state h0, c0 [layers·directions, batch, hidden]. It returns the output
// of the last layer and the final state.
func LSTM(x, h0, c0 *Tensor, params []*Tensor, o LSTMOptions) (output, hn, cn *Tensor) {
	return on("aten::lstm.input", x).tensors([]*Tensor{h0, c0}).tensors(params).bool(o.Bias).int(o.Layers).
		double(o.Dropout).bool(o.Train).bool(o.Bidirectional).bool(o.BatchFirst).three()
}
