// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package operators

import "github.com/etude-ml/etude/torch"

// sequences returns cases of tables of vectors and of recurrent layers.
func sequences() []Case {
	bags := func(o torch.EmbeddingBagOptions) func(w, i, offsets tensor) tensor {
		return func(w, i, offsets tensor) tensor { return torch.EmbeddingBag(w, i, offsets, o) }
	}
	table, indices, offsets := normal(50, 32), below(50, 200), given([]int64{0, 3, 3, 90})
	return []Case{
		op("Embedding by frequency", "embedding", Sum, func(w, i tensor) tensor {
			return torch.Call("aten::embedding", w, i, -1, true, false).Tensor()
		}, table, indices).grad(Sum),
		op("embedding renorm", "embedding_renorm_", Sum, func(w, i tensor) tensor {
			w = w.Clone()
			torch.Call("aten::embedding_renorm_", w, i, 1.5, 2.0)
			return w
		}, table, indices),
		op("EmbeddingBag", "embedding_bag.padding_idx", Sum, bags(torch.EmbeddingBagOptions{Mode: "mean"}), table, indices, offsets).grad(Sum),
		op("EmbeddingBag of the largest", "embedding_bag.padding_idx", Exact, bags(torch.EmbeddingBagOptions{Mode: "max"}), table, indices, offsets).grad(Sum),
		op("Bilinear layer", "bilinear", Sum, func(a, b, w tensor) tensor { return torch.Bilinear(a, b, w, nil) }, normal(64, 24), normal(64, 32), normal(16, 24, 32)).grad(Sum),
		op("baddbmm", "baddbmm", Sum, func(mask, a, b tensor) tensor { return torch.Call("aten::baddbmm", mask, a, b).Tensor() },
			normal(6, 16, 16), cube, normal(6, 32, 16)).grad(Sum),
		op("weight norm", "norm_except_dim _weight_norm", Sum, func(v tensor) tensor {
			return torch.Call("aten::_weight_norm", v, torch.Call("aten::norm_except_dim", v, 2, 0).Tensor().MulScalar(2), 0).Tensor()
		}, cube).grad(Sum),
		pack("LSTM, packed", "lstm.data", 4, 2, func(x tensor, s, w list, o torch.RecurrentOptions) list {
			y, h, c := torch.LSTM(x, s[0], s[1], w, o)
			return list{y, h, c}
		}),
		layer("GRU", "gru.input", 3, torch.GRU), packedLayer("GRU, packed", "gru.data", 3, torch.GRU),
		layer("RNNTanh", "rnn_tanh.input", 1, torch.RNNTanh), packedLayer("RNNTanh, packed", "rnn_tanh.data", 1, torch.RNNTanh),
		layer("RNNRelu", "rnn_relu.input", 1, torch.RNNRelu), packedLayer("RNNRelu, packed", "rnn_relu.data", 1, torch.RNNRelu),
		cell("LSTMCell", "lstm_cell", 4, func(x, h tensor, params [4]tensor) list {
			h, c := torch.LSTMCell(x, h, h, params)
			return list{h, c}
		}),
		cell("GRUCell", "gru_cell", 3, func(x, h tensor, params [4]tensor) list { return list{torch.GRUCell(x, h, params)} }),
		cell("RNNTanhCell", "rnn_tanh_cell", 1, func(x, h tensor, params [4]tensor) list { return list{torch.RNNTanhCell(x, h, params)} }),
		cell("RNNReluCell", "rnn_relu_cell", 1, func(x, h tensor, params [4]tensor) list { return list{torch.RNNReluCell(x, h, params)} }),
		op("pack and pad", "_pack_padded_sequence _pad_packed_sequence", Exact, func(x tensor) tensor {
			p := torch.Call("aten::_pack_padded_sequence", x, torch.FromSlice([]int64{6, 4, 1}), false)
			return torch.Call("aten::_pad_packed_sequence", p.TensorAt(0), p.TensorAt(1), true, -1.0, 7).TensorAt(0)
		}, normal(6, 3, 32)).grad(Exact),
		op("pad sequence", "pad_sequence", Exact, func(in list) list {
			return list{torch.Call("aten::pad_sequence", in, true, -1.0).Tensor()}
		}, normal(6, 32), normal(4, 32)).grad(Exact),
	}
}

// The sizes of the recurrent layers.
const (
	cellIn = 32
	hidden = 24
)

// weights makes the parameters of a cell with so many gates.
func weights(gates int) []Maker {
	one := func(shape ...int) Maker { return between(-0.2, 0.2, shape...) }
	return []Maker{one(gates*hidden, cellIn), one(gates*hidden, hidden), one(gates * hidden), one(gates * hidden)}
}

type single = func(x, h tensor, params []tensor, o torch.RecurrentOptions) (tensor, tensor)

// layer makes a case of six steps of 16 sequences.
func layer(name, ops string, gates int, f single) Case {
	return op(name, ops, Chain, func(in list) list {
		y, h := f(in[0], in[1], in[2:], torch.RecurrentOptions{Bias: true, Layers: 1, Train: true})
		return list{y, h}
	}, append([]Maker{normal(6, 16, cellIn), normal(1, 16, hidden)}, weights(gates)...)...).grad(Chain)
}

func packedLayer(name, ops string, gates int, f single) Case {
	return pack(name, ops, gates, 1, func(x tensor, s, w list, o torch.RecurrentOptions) list {
		y, h := f(x, s[0], w, o)
		return list{y, h}
	})
}

// pack makes a case of three packed sequences, of 3, 2 and 2 elements.
func pack(name, ops string, gates, states int, f func(x tensor, s, w list, o torch.RecurrentOptions) list) Case {
	makers := []Maker{normal(7, cellIn)}
	for range states {
		makers = append(makers, normal(1, 3, hidden))
	}
	return op(name, ops, Chain, func(in list) list {
		return f(in[0], in[1:1+states], in[1+states:], torch.RecurrentOptions{Bias: true, Layers: 1, Train: true, Sizes: torch.FromSlice([]int64{3, 3, 1})})
	}, append(makers, weights(gates)...)...).grad(Chain)
}

// cell makes a case of one step of 16 sequences.
func cell(name, ops string, gates int, f func(x, h tensor, params [4]tensor) list) Case {
	return op(name, ops, Chain, func(in list) list {
		return f(in[0], in[1], [4]tensor(in[2:]))
	}, append([]Maker{normal(16, cellIn), normal(16, hidden)}, weights(gates)...)...).grad(Chain)
}
