// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import "github.com/etude-ml/etude/torch/internal/ctorch"

// Backward adds the gradients of t, a single value, to the Grad of every leaf of its
// graph that requires one, and frees the graph.
func (t *Tensor) Backward() {
	t.use("backward", func(h ctorch.Handle) *ctorch.Error { return ctorch.Backward(h, 0, false, false) })
}

// use calls f with the handle of t, and panics with the error that f returns.
func (t *Tensor) use(op string, f func(ctorch.Handle) *ctorch.Error) {
	h := t.enter(op)
	defer t.ref.Leave()
	check(op, f(h), t)
}

// BackwardWith is Backward for any shape: gradient has t's shape. With
// retainGraph the graph is kept for another pass.
func (t *Tensor) BackwardWith(gradient *Tensor, retainGraph bool) {
	h := t.enter("backward")
	defer t.ref.Leave()
	g := gradient.enter("backward")
	defer gradient.ref.Leave()
	check("backward", ctorch.Backward(h, g, retainGraph, false), t, gradient)
}

// RequiresGrad reports whether operations on t are recorded for Backward.
func (t *Tensor) RequiresGrad() bool { return t.describe("requires_grad").RequiresGrad }

// IsLeaf reports whether t was not made by a recorded operation.
func (t *Tensor) IsLeaf() bool { return t.describe("is_leaf").IsLeaf }

// SetRequiresGrad switches recording on or off for a leaf and returns it.
func (t *Tensor) SetRequiresGrad(on bool) *Tensor {
	t.use("requires_grad_", func(h ctorch.Handle) *ctorch.Error { return ctorch.SetRequiresGrad(h, on) })
	return t
}

// Grad returns the gradient that Backward accumulated, or nil. It shares its
// elements with the one that t holds.
func (t *Tensor) Grad() *Tensor {
	h := t.enter("grad")
	defer t.ref.Leave()
	g, scope, err := ctorch.Grad(h)
	check("grad", err, t)
	if g == 0 {
		return nil
	}
	return wrap(g, scope, 0)
}

// SetGrad replaces the gradient; nil drops it. Shape, type and device must be t's.
func (t *Tensor) SetGrad(grad *Tensor) {
	if grad == nil {
		t.use("grad", func(h ctorch.Handle) *ctorch.Error { return ctorch.SetGrad(h, 0) })
		return
	}
	h := t.enter("grad")
	defer t.ref.Leave()
	g := grad.enter("grad")
	defer grad.ref.Leave()
	check("grad", ctorch.SetGrad(h, g), t, grad)
}

// ZeroGrad drops the gradients of all ts.
func ZeroGrad(ts []*Tensor) {
	mustInit("zero_grad")
	f := ctorch.NewFrame()
	defer f.Done()
	for i, t := range ts {
		if t == nil {
			throw("zero_grad", "tensor %d is nil", i)
		}
	}
	f.PutTensors(ctorch.Tensors, len(ts), func(i int) *ctorch.Ref { return &ts[i].ref })
	if f.Refused != nil {
		throw("zero_grad", "%s", unusable(f.Refused))
	}
	check("zero_grad", f.ClearGrads())
}
