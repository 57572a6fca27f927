// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"math"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

func layerCases() []Case {
	x := normal(batch, width)
	dropout := func(name string, run Runner) Case {
		return Case{Name: name, Ops: []string{"aten::dropout"}, True: true, Run: run}
	}
	return []Case{
		dropout("dropout in training", create(func(o torch.Options) *torch.Tensor {
			const p = 0.3
			ones := torch.Ones([]int{many}, o).SetRequiresGrad(true)
			y := torch.Dropout(ones, p, true)
			y.Sum().Backward()
			kept := y.Detach().MulScalar(1 - p)
			// Each is dropped or scaled, the gradient is the scale, and the share of
			// those kept is right.
			return torch.Stack([]*torch.Tensor{
				kept.Mul(kept.AddScalar(-1)).Abs().Max().Lt(torch.Full([]int{}, 1e-6, o)),
				ones.Grad().Eq(y.Detach()).All(),
				distributed(kept, 1-p, math.Sqrt(p*(1-p)), 1/(p*(1-p))-3),
			}, 0)
		})),
		{Name: "dropout in evaluation", Ops: []string{"aten::dropout"}, Grad: true, In: []Maker{x},
			Run: unary(func(x *torch.Tensor) *torch.Tensor { return torch.Dropout(x, 0.5, false) })},
		{Name: "layer norm", Ops: []string{"aten::layer_norm"}, Kind: Sum, Grad: true, In: []Maker{x, between(0.5, 2, width), normal(width)},
			Run: ternary(func(x, w, b *torch.Tensor) *torch.Tensor { return torch.LayerNorm(x, []int{width}, w, b, 1e-5) })},
		{Name: "layer norm, plain", Ops: []string{"aten::layer_norm"}, Kind: Sum, Grad: true, In: []Maker{normal(8, 16, 32)},
			Run: unary(func(x *torch.Tensor) *torch.Tensor { return torch.LayerNorm(x, []int{16, 32}, nil, nil, 1e-5) })},
		{Name: "embedding", Ops: []string{"aten::embedding"}, Grad: true, GradKind: Sum, In: []Maker{normal(50, 32), below(50, 200)},
			Run: binary(func(w, i *torch.Tensor) *torch.Tensor { return torch.Embedding(w, i, 3) })},
		lstm("lstm over one step", 1, torch.LSTMOptions{Bias: true, Layers: 1, Train: true, BatchFirst: true}),
		lstm("lstm", 6, torch.LSTMOptions{Bias: true, Layers: 1, Train: true, BatchFirst: true}),
		lstm("lstm of two layers, both ways", 6, torch.LSTMOptions{Layers: 2, Train: true, Bidirectional: true}),
		{Name: "lstm, flat", Ops: []string{"aten::cudnn_is_acceptable", "aten::_cudnn_rnn_flatten_weight"}, Kind: Chain, Grad: true,
			In: []Maker{normal(6, 16, 32)}, Run: flatLSTM},
	}
}

// flatLSTM runs a layer whose weights, on CUDA, are moved into one block when it is made.
func flatLSTM(d torch.Device, in []*torch.Tensor) []*torch.Tensor {
	torch.ManualSeed(1)
	l := nn.NewLSTM(32, 24, d, nn.LSTMConfig{Layers: 2})
	if first, last := l.Weights[0].Storage(), l.Weights[7].Storage(); d.Type == torch.DeviceCUDA && first.ID != last.ID {
		panic(&torch.Error{Op: "nn.LSTM", Message: "its weights are not in one block"})
	}
	return one(l.Forward(in[0]))
}

// lstm is a case with the input of the state, all weights and n steps. On CUDA it
// runs in cuDNN, which knows gradients in training mode only.
func lstm(name string, n int, o torch.LSTMOptions) Case {
	const in, hidden, sequences = 32, 24, 16
	x := normal(n, sequences, in)
	if o.BatchFirst {
		x = normal(sequences, n, in)
	}
	directions := 1
	if o.Bidirectional {
		directions = 2
	}
	state := normal(o.Layers*directions, sequences, hidden)
	makers := []Maker{x, state, state}
	for layer := range o.Layers {
		columns := in
		if layer > 0 {
			columns = directions * hidden
		}
		for range directions {
			makers = append(makers, between(-0.2, 0.2, 4*hidden, columns), between(-0.2, 0.2, 4*hidden, hidden))
			if o.Bias {
				makers = append(makers, between(-0.2, 0.2, 4*hidden), between(-0.2, 0.2, 4*hidden))
			}
		}
	}
	return Case{Name: name, Ops: []string{"aten::lstm.input"}, Kind: Chain, Grad: true, In: makers,
		Run: func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
			y, h, c := torch.LSTM(in[0], in[1], in[2], in[3:], o)
			return []*torch.Tensor{y, h, c}
		}}
}
