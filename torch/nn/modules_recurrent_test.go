// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

var recurrentModules = moduleTable{
	"RNN": func(c moduleCase) any {
		l := nn.NewRNN(c.int(0, "input_size", 0), c.int(1, "hidden_size", 0), torch.CPU, recurrentConfig(c))
		return called{l, func(in arguments) []*torch.Tensor {
			if p := in.packed(0); p != nil {
				y, hn := l.ForwardPacked(p, in.tensor(1, "hx"))
				return []*torch.Tensor{y.Data, hn}
			}
			y, hn := l.ForwardState(in.tensor(0, ""), in.tensor(1, "hx"))
			return []*torch.Tensor{y, hn}
		}}
	},
	"GRU": func(c moduleCase) any {
		l := nn.NewGRU(c.int(0, "input_size", 0), c.int(1, "hidden_size", 0), torch.CPU, recurrentConfig(c))
		return called{l, func(in arguments) []*torch.Tensor {
			if p := in.packed(0); p != nil {
				y, hn := l.ForwardPacked(p, in.tensor(1, "hx"))
				return []*torch.Tensor{y.Data, hn}
			}
			y, hn := l.ForwardState(in.tensor(0, ""), in.tensor(1, "hx"))
			return []*torch.Tensor{y, hn}
		}}
	},
	"LSTM": func(c moduleCase) any {
		l := nn.NewLSTM(c.int(0, "input_size", 0), c.int(1, "hidden_size", 0), torch.CPU, recurrentConfig(c))
		return called{l, func(in arguments) []*torch.Tensor {
			h, cell := in.states(1)
			if p := in.packed(0); p != nil {
				y, hn, cn := l.ForwardPacked(p, h, cell)
				return []*torch.Tensor{y.Data, hn, cn}
			}
			y, hn, cn := l.ForwardState(in.tensor(0, ""), h, cell)
			return []*torch.Tensor{y, hn, cn}
		}}
	},
	"RNNCell": func(c moduleCase) any {
		l := nn.NewRNNCell(c.int(0, "input_size", 0), c.int(1, "hidden_size", 0), torch.CPU, cellConfig(c))
		return called{l, func(in arguments) []*torch.Tensor {
			return []*torch.Tensor{l.Forward(in.tensor(0, ""), in.tensor(1, "hx"))}
		}}
	},
	"GRUCell": func(c moduleCase) any {
		l := nn.NewGRUCell(c.int(0, "input_size", 0), c.int(1, "hidden_size", 0), torch.CPU, cellConfig(c))
		return called{l, func(in arguments) []*torch.Tensor {
			return []*torch.Tensor{l.Forward(in.tensor(0, ""), in.tensor(1, "hx"))}
		}}
	},
	"LSTMCell": func(c moduleCase) any {
		l := nn.NewLSTMCell(c.int(0, "input_size", 0), c.int(1, "hidden_size", 0), torch.CPU, cellConfig(c))
		return called{l, func(in arguments) []*torch.Tensor {
			h, cell := in.states(1)
			hn, cn := l.Forward(in.tensor(0, ""), h, cell)
			return []*torch.Tensor{hn, cn}
		}}
	},
}

func recurrentConfig(c moduleCase) nn.RecurrentConfig {
	return nn.RecurrentConfig{
		Layers: c.int(2, "num_layers", 1), NoBias: !c.bool(-1, "bias", true), BatchFirst: c.bool(-1, "batch_first", false),
		Dropout: c.float(-1, "dropout", 0), Bidirectional: c.bool(-1, "bidirectional", false), DType: c.dtype,
		Projection: c.int(-1, "proj_size", 0), Nonlinearity: c.string(-1, "nonlinearity", ""),
	}
}

func cellConfig(c moduleCase) nn.RecurrentCellConfig {
	return nn.RecurrentCellConfig{NoBias: !c.bool(2, "bias", true), Nonlinearity: c.string(3, "nonlinearity", ""), DType: c.dtype}
}

// packed returns a packed input; nil for one that is not.
func (a arguments) packed(i int) *nn.PackedSequence {
	d, ok := a.value(i, "").(*torch.Dict)
	if !ok {
		return nil
	}
	var ts [4]*torch.Tensor
	for i, x := range torchtest.Entry[[]any](a.t, d, "packed") {
		ts[i] = x.(*torch.Tensor)
	}
	return &nn.PackedSequence{Data: ts[0], BatchSizes: ts[1], Sorted: ts[2], Unsorted: ts[3]}
}

// states returns the two states of an LSTM; nil for none.
func (a arguments) states(i int) (h, c *torch.Tensor) {
	both := a.value(i, "hx")
	if both == nil {
		return nil, nil
	}
	return torchtest.List(both)[0].(*torch.Tensor), torchtest.List(both)[1].(*torch.Tensor)
}
