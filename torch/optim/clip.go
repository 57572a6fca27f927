// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// ClipGradNorm scales the gradients of params together, in place, so that their
// norm of the given order (2 for the Euclidean, math.Inf(1) for the largest value)
// is at most limit. It returns the norm before, as a tensor: the host need not
// wait for it. Call it between Backward and Step.
//
// As in PyTorch, gradients are multiplied by min(1, limit/(norm + 1e-6)), so norms
// that are not finite make gradients that are not.
func ClipGradNorm(params []*torch.Tensor, limit, order float64) *torch.Tensor {
	notNegative("optim.ClipGradNorm", "limit", limit)
	var total *torch.Tensor
	step(func() {
		grads := gradsOf(params)
		if len(grads) == 0 {
			var o torch.Options
			if len(params) > 0 {
				o.Device = params[0].Device()
			}
			total = torch.Zeros([]int{}, o).Keep()
			return
		}
		total = GetTotalNorm(grads, order).Keep()
		scale := total.AddScalar(1e-6).Reciprocal().MulScalar(limit)
		scale = torch.Call("aten::clamp", scale, torch.Named{"max": 1.0}).Tensor()
		for _, same := range byKind(grads) {
			torch.Call("aten::_foreach_mul_.Tensor", same, scale.To(same[0].Device()))
		}
	})
	return total
}

// GetTotalNorm returns the norm of the given order of all elements of tensors together, as
// torch.nn.utils.get_total_norm: 0 for no tensors. The host does not wait.
func GetTotalNorm(tensors []*torch.Tensor, order float64) *torch.Tensor {
	must("optim.GetTotalNorm", !math.IsNaN(order), "order is NaN")
	if len(tensors) == 0 {
		return torch.Zeros([]int{})
	}
	var total *torch.Tensor
	step(func() {
		norms := make([]*torch.Tensor, 0, len(tensors))
		for _, same := range byKind(tensors) {
			norms = append(norms, torch.Call("aten::_foreach_norm.Scalar", same, order).Tensors()...)
		}
		for i, n := range norms { // gather on the first one's device
			norms[i] = n.To(norms[0].Device())
		}
		total = torch.Stack(norms, 0).Norm(order).Keep()
	})
	return total
}

// ClipGradValue limits every element of the gradients of params, in place, to
// [-limit, limit].
func ClipGradValue(params []*torch.Tensor, limit float64) {
	notNegative("optim.ClipGradValue", "limit", limit)
	step(func() {
		for _, same := range byKind(gradsOf(params)) {
			torch.Call("aten::_foreach_clamp_min_.Scalar", same, -limit)
			torch.Call("aten::_foreach_clamp_max_.Scalar", same, limit)
		}
	})
}

func gradsOf(params []*torch.Tensor) []*torch.Tensor {
	var grads []*torch.Tensor
	for _, p := range params {
		if g := p.Grad(); g != nil {
			grads = append(grads, g)
		}
	}
	return grads
}

// byKind sorts tensors into lists that one call can take.
func byKind(ts []*torch.Tensor) (lists [][]*torch.Tensor) {
	var kinds []kind
	for _, t := range ts {
		k := kindOf(t)
		i := slices.Index(kinds, k)
		if i < 0 {
			i, kinds, lists = len(kinds), append(kinds, k), append(lists, nil)
		}
		lists[i] = append(lists[i], t)
	}
	return lists
}
