// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
)

// Several is optimizers that take their steps together, where one is wanted: by a scheduler,
// a GradScaler or trainer.Run.
//
//	matrices, others := …
//	opt := optim.NewSeveral(optim.NewMuon(matrices, optim.DefaultMuon()), optim.NewAdamW(others, optim.DefaultAdamW()))
//
// Its groups are those of all of them, in order, and so are the entries of its state dict:
// {"state", "param_groups"} as one optimizer of PyTorch has them.
type Several struct {
	Optimizers []Optimizer // not to be changed
}

// NewSeveral returns a Several. It panics without optimizers, and where two have the same
// parameter.
func NewSeveral(optimizers ...Optimizer) *Several {
	const name = "optim.Several"
	if len(optimizers) == 0 {
		throw(name, "there are no optimizers")
	}
	s := &Several{}
	for _, o := range optimizers {
		checkParams(name, o.Parameters(), s.Parameters())
		s.Optimizers = append(s.Optimizers, o)
	}
	return s
}

// ZeroGrad drops the gradients.
func (s *Several) ZeroGrad() {
	for _, o := range s.Optimizers {
		o.ZeroGrad()
	}
}

// Step takes a step of each optimizer.
func (s *Several) Step() {
	for _, o := range s.Optimizers {
		o.Step()
	}
}

// scalable is an optimizer that can leave a step out on the device.
type scalable interface {
	leavesOut() bool
	stepUnless(found *torch.Tensor)
}

func (s *Several) leavesOut() bool {
	for _, o := range s.Optimizers {
		if o, ok := o.(scalable); !ok || !o.leavesOut() {
			return false
		}
	}
	return true
}

func (s *Several) stepUnless(found *torch.Tensor) {
	for _, o := range s.Optimizers {
		o.(scalable).stepUnless(found)
	}
}

// LR returns the learning rate of the first group.
func (s *Several) LR() float64 { return s.Optimizers[0].LR() }

// SetLR sets the learning rate of every group.
func (s *Several) SetLR(lr float64) {
	for _, o := range s.Optimizers {
		o.SetLR(lr)
	}
}

// Parameters returns the parameters of all groups, in order.
func (s *Several) Parameters() (all []*torch.Tensor) {
	for _, o := range s.Optimizers {
		all = append(all, o.Parameters()...)
	}
	return all
}

func (s *Several) rates() (all []rate) {
	for _, o := range s.Optimizers {
		all = append(all, ratesOf(o)...)
	}
	return all
}

// StateDict returns the states and the settings in PyTorch's layout, with the parameters
// numbered through all optimizers.
func (s *Several) StateDict() *torch.Dict {
	var groups []savedGroup
	for _, o := range s.Optimizers {
		groups = append(groups, s.groupsOf(o.StateDict())...)
	}
	return writeDict(groups)
}

// groupsOf takes the state dict of one of the optimizers apart.
func (s *Several) groupsOf(d *torch.Dict) []savedGroup {
	r := &torch.DictReader{Dict: d}
	var sizes []int
	for _, v := range torch.Read[[]any](r, "param_groups") {
		settings, _ := v.(*torch.Dict)
		sizes = append(sizes, len(torch.Read[[]any](&torch.DictReader{Dict: settings}, "params")))
	}
	groups, err := readDict(d, sizes)
	if err != nil {
		throw("optim.Several", "the state dict of an optimizer is not in PyTorch's layout: %v", err)
	}
	return groups
}

// LoadStateDict takes over what StateDict returned. After an error the optimizers are as
// they were.
func (s *Several) LoadStateDict(d *torch.Dict) (err error) {
	var counts, sizes []int
	for _, o := range s.Optimizers {
		groups := s.groupsOf(o.StateDict())
		counts = append(counts, len(groups))
		for _, g := range groups {
			sizes = append(sizes, len(g.state))
		}
	}
	saved, err := readDict(d, sizes)
	if err != nil {
		return fmt.Errorf("optim.Several: %w", err)
	}
	step(func() {
		var before []*torch.Dict
		for i, o := range s.Optimizers {
			groups := saved[:counts[i]]
			saved = saved[counts[i]:]
			before = append(before, copied(o.StateDict()).(*torch.Dict))
			if e := o.LoadStateDict(writeDict(groups)); e != nil {
				err = fmt.Errorf("optim.Several: optimizer %d: %w", i, e)
				for j := range i {
					_ = s.Optimizers[j].LoadStateDict(before[j]) // it wrote this itself
				}
				return
			}
		}
	})
	return err
}

// copied returns a copy of a tree that shares nothing with it.
func copied(v any) any {
	switch v := v.(type) {
	case *torch.Tensor:
		return v.Clone()
	case *torch.Dict:
		d := torch.NewDict()
		for key, x := range v.All() {
			d.Set(key, copied(x))
		}
		return d
	case []any:
		list := make([]any, len(v))
		for i, x := range v {
			list[i] = copied(x)
		}
		return list
	}
	return v
}
