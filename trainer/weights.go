// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
)

// Weights is a deep copy of a network's parameters and buffers, on their own
// device. (A state dict shares its elements with the network: going back to one
// changes nothing.) The zero value is empty.
type Weights struct {
	list []nn.NamedTensor
}

// Take copies the present state of model.
func (w *Weights) Take(model any) {
	now := nn.NamedTensors(model)
	torch.NoGrad(func() {
		if w.list != nil && slices.EqualFunc(w.list, now, sameKind) {
			for i, n := range now {
				w.list[i].Tensor.CopyInPlace(n.Tensor)
			}
			return
		}
		w.Close()
		torch.Unscoped(func() {
			copies := []nn.NamedTensor{}
			for _, n := range now {
				copies = append(copies, nn.NamedTensor{Name: n.Name, Tensor: n.Tensor.Clone(), Buffer: n.Buffer})
			}
			w.list = copies
		})
	})
}

func sameKind(a, b nn.NamedTensor) bool {
	kind := func(n nn.NamedTensor) string {
		return fmt.Sprint(n.Name, n.Tensor.Shape(), n.Tensor.DType(), n.Tensor.Device())
	}
	return kind(a) == kind(b)
}

// Restore copies the state back into model, whose tensors stay the same ones.
func (w *Weights) Restore(model any) error {
	if w.list == nil {
		return fmt.Errorf("trainer: there are no weights to restore: Take comes first")
	}
	return nn.LoadStateDict(model, w.StateDict())
}

// StateDict returns the copy itself, nil if there is none. The next Take overwrites it.
func (w *Weights) StateDict() *torch.Dict {
	if w.list == nil {
		return nil
	}
	d := &torch.Dict{OrderedDict: true}
	for _, n := range w.list {
		d.Set(n.Name, n.Tensor)
	}
	return d
}

// Close frees the copy.
func (w *Weights) Close() {
	for _, n := range w.list {
		n.Tensor.Close()
	}
	w.list = nil
}

// finite reports whether all parameters and buffers of model are finite, in one read: whether
// their norm is, which takes less time than a look at each number. The squares of very large
// numbers overflow; then the largest absolute value says it.
func finite(model any) (ok bool) {
	var list []*torch.Tensor
	for _, n := range nn.NamedTensors(model) {
		if n.Tensor.DType().IsFloating() && n.Tensor.Numel() > 0 {
			list = append(list, n.Tensor)
		}
	}
	torch.Scope(func() {
		ok = isFinite(optim.GetTotalNorm(list, 2).Item()) || isFinite(optim.GetTotalNorm(list, math.Inf(1)).Item())
	})
	return ok
}
