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
	return shape[1-l.batchDim()] == 1 && shape[l.batchDim()] > 0
}

// cell is one step from a zero state. With h = c = 0 the gates' W_h·h vanish, and
// so does f·c: what is left is
//
//	h' = o·tanh(i·g)
//
// which is exact, and saves the product with weight_hh in both directions.
func (l *LSTM) cell(x *torch.Tensor, shape []int) *torch.Tensor {
	rows := 1
	if len(shape) == 3 {
		rows = shape[l.batchDim()]
	}
	wih, whh := l.Weights[0], l.Weights[1]
	// The gradient of weight_hh is zero, but it is one: an optimizer with weight
	// decay skips parameters without gradient, and shrinks this. The sum of none
	// of its rows is 0, and gives it a gradient of exact zeros by the usual rules
	// of autograd.
	zero := whh.Narrow(0, 0, 0).Sum()
	bias := zero.Expand(4 * l.Hidden)
	if !l.NoBias {
		bias = l.Weights[2].Add(l.Weights[3]).Add(zero)
	}
	gates := torch.Linear(x.Reshape(rows, l.In), wih, bias).Chunk(4, 1)
	i, g, o := gates[0].Sigmoid(), gates[2].Tanh(), gates[3].Sigmoid()
	h := o.Mul(i.Mul(g).Tanh())
	return h.Reshape(append(shape[:len(shape)-1:len(shape)-1], l.Hidden)...)
}
