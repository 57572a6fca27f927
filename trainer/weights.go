// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// Weights is a deep copy of a network's parameters and buffers, on their own
// device. (A state dict shares its elements with the network: going back to one
// changes nothing.) The zero value is empty.
type Weights struct {
	dict *torch.Dict
}

// Take copies the present state of model.
func (w *Weights) Take(model nn.Module) {
	torch.Scope(func() { w.copy(nn.StateDict(model)) })
}

// copy makes w a copy of d, in the memory that it has where that fits.
func (w *Weights) copy(d *torch.Dict) {
	fresh := &torch.Dict{OrderedDict: true}
	torch.NoGrad(func() {
		for name, v := range d.All() {
			t := v.(*torch.Tensor)
			if have := w.tensor(name); have != nil && sameKind(have, t) {
				fresh.Set(name, have.CopyInPlace(t))
				continue
			}
			torch.Unscoped(func() { fresh.Set(name, t.Clone()) })
		}
	})
	if w.dict != nil {
		for name := range w.dict.All() {
			if now, _ := fresh.Get(name); now != any(w.tensor(name)) {
				w.tensor(name).Close()
			}
		}
	}
	w.dict = fresh
}

func (w *Weights) tensor(name any) *torch.Tensor {
	if w.dict == nil {
		return nil
	}
	v, _ := w.dict.Get(name)
	t, _ := v.(*torch.Tensor)
	return t
}

func sameKind(a, b *torch.Tensor) bool {
	return fmt.Sprint(a.Shape(), a.DType(), a.Device()) == fmt.Sprint(b.Shape(), b.DType(), b.Device())
}

// Restore copies the state back into model, whose tensors stay the same ones.
func (w *Weights) Restore(model nn.Module) error {
	if w.dict == nil {
		return fmt.Errorf("trainer: there are no weights to restore: Take comes first")
	}
	return nn.LoadStateDict(model, w.dict)
}

// StateDict returns the copy itself, nil if there is none. The next Take overwrites it.
func (w *Weights) StateDict() *torch.Dict { return w.dict }

// Close frees the copy.
func (w *Weights) Close() {
	if w.dict == nil {
		return
	}
	for name := range w.dict.All() {
		w.tensor(name).Close()
	}
	w.dict = nil
}

// finite reports whether all parameters and buffers of model are finite, in one read.
func finite(model nn.Module) (ok bool) {
	torch.NoGrad(func() {
		torch.Scope(func() {
			var flags []*torch.Tensor
			for _, v := range nn.StateDict(model).All() {
				if t := v.(*torch.Tensor); t.DType().IsFloating() {
					flags = append(flags, t.IsFinite().All())
				}
			}
			ok = len(flags) == 0 || torch.Stack(flags, 0).All().Item() != 0
		})
	})
	return ok
}
