// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// oneStep reports whether an input of that shape makes a single step of a single
// layer: then the state is zero throughout, and the cell below serves.
func (l *LSTM) oneStep(shape []int) bool {
	if l.Layers != 1 || l.Bidirectional {
		return false
	}
	if len(shape) == 2 {
		return shape[0] == 1
	}
	return shape[1-l.batchDim()] == 1
}

// cell is one step from a zero state. With h = c = 0 the gates' W_h·h vanish, and
// so does f·c: what is left is
//
//	h' = o·tanh(i·g)
//
// which is exact, and saves the product with weight_hh and the forget gate, in
// both directions. Their gradients are zero.
func (l *LSTM) cell(x *torch.Tensor, shape []int) *torch.Tensor {
	rows := 1
	if len(shape) == 3 {
		rows = shape[l.batchDim()]
	}
	x = x.Reshape(rows, l.In)
	weight := l.withoutForget(l.Weights[0])
	bias := l.withoutForget(l.cellBias())
	i := torch.Linear(x, weight[0], bias[0]).Sigmoid()
	rest := torch.Linear(x, weight[1], bias[1]).Chunk(2, 1)
	g, o := rest[0].Tanh(), rest[1].Sigmoid()
	h := o.Mul(i.Mul(g).Tanh())
	return h.Reshape(append(shape[:len(shape)-1:len(shape)-1], l.Hidden)...)
}

// cellBias is the sum of the biases, and what gives weight_hh its gradient.
//
// That gradient is zero, but it must be there: optimizers skip a parameter that has
// none, and weight decay is to shrink this one. The sum of none of its rows is 0
// and has a gradient of exact zeros, by the usual rules of autograd: so it comes
// only with a backward pass through this cell, is added to what other uses of the
// tensor give, and is left out where gradients are off.
func (l *LSTM) cellBias() *torch.Tensor {
	zero := l.Weights[1].Narrow(0, 0, 0).Sum()
	if l.NoBias {
		return zero.Expand(4 * l.Hidden)
	}
	return l.Weights[2].Add(l.Weights[3]).Add(zero)
}

// withoutForget returns the rows of the input gate, and those of the cell and
// output gates. One split, rather than two views, has one gradient to write.
func (l *LSTM) withoutForget(w *torch.Tensor) [2]*torch.Tensor {
	gates := torch.Call("aten::split_with_sizes", w, []int{l.Hidden, l.Hidden, 2 * l.Hidden}, 0).Tensors()
	return [2]*torch.Tensor{gates[0], gates[2]}
}
