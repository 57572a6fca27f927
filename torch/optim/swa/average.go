// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package swa

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
)

// Average moves averages towards the present values. Both lists are of one type and on one
// device; n, at least 1, is how many networks the averages are of.
type Average func(averages, present []*torch.Tensor, n int)

// Equal gives each network the same weight, w = w + (present - w)/(n + 1). From "Averaging
// weights leads to wider optima and better generalization", Izmailov et al., 2018.
func Equal(averages, present []*torch.Tensor, n int) {
	if mixes(averages) {
		lerp(averages, present, 1/float64(n+1))
		return
	}
	for i, a := range averages {
		a.CopyInPlace(a.Add(present[i].Sub(a).DivScalar(n + 1)))
	}
}

// EMA returns the exponential moving average w = decay·w + (1 - decay)·present. It panics
// unless decay is from 0 to 1. PyTorch's default is 0.999.
func EMA(decay float64) Average {
	if !(decay >= 0 && decay <= 1) {
		panic(&torch.Error{Op: "swa.EMA", Message: fmt.Sprintf("the decay is %v; it must be from 0 to 1", decay)})
	}
	return func(averages, present []*torch.Tensor, _ int) {
		if mixes(averages) {
			lerp(averages, present, 1-decay)
			return
		}
		for i, a := range averages {
			a.CopyInPlace(a.MulScalar(decay).Add(present[i].MulScalar(1 - decay)))
		}
	}
}

// mixes reports whether the type has numbers between two others.
func mixes(ts []*torch.Tensor) bool { return ts[0].DType().IsFloating() || ts[0].DType().IsComplex() }

func lerp(averages, present []*torch.Tensor, weight float64) {
	torch.Call("aten::_foreach_lerp_.Scalar", averages, present, weight)
}
