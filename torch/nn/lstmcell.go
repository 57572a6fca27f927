// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// oneStep reports whether an input of that shape makes a single step of a single
// layer: then the state is zero throughout, and lstmCell computes it.
func oneStep(l *Recurrent, shape []int) bool {
	if !single(l) {
		return false
	}
	if len(shape) == 2 {
		return shape[0] == 1
	}
	return shape[1-batchDim(l.BatchFirst)] == 1
}

func single(l *Recurrent) bool { return l.Layers == 1 && !l.Bidirectional && l.Projection == 0 }

// lstmCell is one step from a zero state, x [*, in] to [*, hidden]. With h = c = 0 the
// gates' W_h·h vanish, and so does f·c: what is left is
//
//	h' = o·tanh(i·g)
//
// which is exact, and saves the product with weight_hh and the forget gate, in
// both directions. Their gradients are zero.
func lstmCell(l *Recurrent, x *torch.Tensor) *torch.Tensor {
	weight := withoutForget(l, l.Weights[0])
	bias := withoutForget(l, cellBias(l))
	i := torch.Linear(x, weight[0], bias[0]).Sigmoid()
	rest := torch.Linear(x, weight[1], bias[1]).Chunk(2, -1)
	g, o := rest[0].Tanh(), rest[1].Sigmoid()
	return o.Mul(i.Mul(g).Tanh())
}

// cellBias returns the sum of the biases, and gives weight_hh its gradient.
//
// That gradient is zero, but it must be there: optimizers skip a parameter that has
// none, and weight decay has to shrink this one. The sum over none of its columns is
// zero, with a gradient of exact zeros, by the usual rules of autograd: so it comes
// only with a backward pass through this cell, is added to what other uses of the
// tensor give, and is left out where gradients are off.
func cellBias(l *Recurrent) *torch.Tensor {
	zero := l.Weights[1].Narrow(1, 0, 0).Sum(1)
	if l.NoBias {
		return zero
	}
	return l.Weights[2].Add(l.Weights[3]).Add(zero)
}

// withoutForget returns the rows of the input gate, and those of the cell and
// output gates. One split, rather than two views, has one gradient to write.
func withoutForget(l *Recurrent, w *torch.Tensor) [2]*torch.Tensor {
	gates := w.SplitSizes([]int{l.Hidden, l.Hidden, 2 * l.Hidden}, 0)
	return [2]*torch.Tensor{gates[0], gates[2]}
}
