// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// groups are an optimizer's groups of parameters, and what every optimizer does with
// them.
type groups[G any, P group[G]] struct {
	name string // for errors
	list []P
}

// group lists the methods that groups need of an optimizer's own type of group.
type group[G any] interface {
	*G
	parts() (params []*torch.Tensor, lr *float64, extra **torch.Dict)
	check()                    // panics on settings that cannot be
	step()                     // changes each parameter that has a gradient
	settings() *torch.Dict     // in PyTorch's layout
	state(i int) *torch.Dict   // of a parameter; nil before its first step
	fresh() *G                 // returns a copy of the settings without a state
	read(r *torch.DictReader)  // takes over settings
	readState(i int, s *saved) // takes over the state of a parameter
	close()                    // frees the state
}

// add adds a group that has no state yet.
func (o *groups[G, P]) add(g P) {
	g.check()
	params, _, _ := g.parts()
	checkParams(o.name, params, o.Parameters())
	o.list = append(o.list, g)
}

// Groups returns the groups in order, the constructor's first.
func (o *groups[G, P]) Groups() []P { return o.list }

// Parameters returns the parameters of all groups, in order.
func (o *groups[G, P]) Parameters() []*torch.Tensor { return slices.Concat(o.params()...) }

func (o *groups[G, P]) params() (all [][]*torch.Tensor) {
	for _, g := range o.list {
		params, _, _ := g.parts()
		all = append(all, params)
	}
	return all
}

// lrs returns where the learning rates of the groups are.
func (o *groups[G, P]) lrs() (list []*float64) {
	for _, g := range o.list {
		_, lr, _ := g.parts()
		list = append(list, lr)
	}
	return list
}

// extras returns where keys of loaded state dicts are that are not the optimizer's.
func (o *groups[G, P]) extras() (list []**torch.Dict) {
	for _, g := range o.list {
		_, _, extra := g.parts()
		list = append(list, extra)
	}
	return list
}

// LR returns the learning rate of the first group.
func (o *groups[G, P]) LR() float64 { return *o.lrs()[0] }

// SetLR sets the learning rate of every group.
func (o *groups[G, P]) SetLR(lr float64) {
	notNegative(o.name, "LR", lr)
	for _, p := range o.lrs() {
		*p = lr
	}
}

// ZeroGrad drops the gradients.
func (o *groups[G, P]) ZeroGrad() {
	for _, g := range o.list {
		params, _, _ := g.parts()
		torch.ZeroGrad(params)
	}
}

// Step changes each parameter that has a gradient.
func (o *groups[G, P]) Step() {
	step(func() {
		for _, g := range o.list {
			g.step()
		}
	})
}

// StateDict returns the state and the settings in PyTorch's layout.
func (o *groups[G, P]) StateDict() *torch.Dict {
	states, list, next := torch.NewDict(), []any{}, 0
	for _, g := range o.list {
		params, _, extra := g.parts()
		settings := g.settings()
		if *extra != nil {
			for k, v := range (*extra).All() {
				settings.Set(k, v)
			}
		}
		numbers := make([]any, len(params)) // through all groups
		for i := range params {
			numbers[i] = next
			if s := g.state(i); s != nil {
				states.Set(next, s)
			}
			next++
		}
		settings.Set("params", numbers)
		list = append(list, settings)
	}
	return torch.NewDict("state", states, "param_groups", list)
}

// LoadStateDict takes over the state and the settings of d, which may come from the
// optimizer of PyTorch, fused or not. The number and the sizes of the groups,
// and the shapes, must be this optimizer's. Settings that d lacks stay as they
// are; keys of a group that are not known here are kept and given back.
func (o *groups[G, P]) LoadStateDict(d *torch.Dict) error {
	list, err := readDict(d, o.params())
	if err != nil {
		return fmt.Errorf("%s: %w", o.name, err)
	}
	loaded := make([]P, len(o.list))
	for i, g := range o.list {
		loaded[i] = g.fresh()
		if err := load(loaded[i], list[i]); err != nil {
			for _, f := range loaded[:i+1] {
				f.close()
			}
			return fmt.Errorf("%s: group %d: %w", o.name, i, err)
		}
	}
	for i, g := range o.list {
		g.close()
		*g = *loaded[i]
	}
	return nil
}

// load fills a fresh group from a saved one.
func load[G any, P group[G]](g P, from savedGroup) error {
	r := &torch.DictReader{Dict: from.settings, Subject: "setting"}
	for _, key := range []string{"params", "foreach", "capturable", "differentiable", "fused"} {
		r.Has(key) // which of PyTorch's implementations runs does not matter
	}
	if g.read(r); r.Err == nil {
		r.Err = torch.Try(g.check)
	}
	if r.Err != nil {
		return r.Err
	}
	params, _, extra := g.parts()
	*extra = r.Rest()
	for i, d := range from.state {
		if d == nil {
			continue
		}
		s := saved{param: params[i], dict: d}
		if g.readState(i, &s); s.err != nil {
			return fmt.Errorf("state of parameter %d: %w", i, s.err)
		}
	}
	return nil
}

// setNumber takes over a setting if the dict has it, as PyTorch completes files of
// older versions.
func setNumber(r *torch.DictReader, key string, x *float64) {
	if r.Has(key) {
		*x = r.Number(key)
	}
}

func setFlag(r *torch.DictReader, key string, b *bool) {
	if r.Has(key) {
		*b = torch.Read[bool](r, key)
	}
}

// fused holds the arguments of one call of a fused kernel: lists of tensors of one kind,
// and settings. They are kept, so that a step allocates next to nothing.
type fused struct {
	kind     kind
	first    bool // of momentum that begins at this step
	lists    [6][]*torch.Tensor
	settings torch.Named
}

// calls are the calls of one group.
type calls []*fused

func (c calls) clear() {
	for _, f := range c {
		for i := range f.lists {
			f.lists[i] = f.lists[i][:0]
		}
	}
}

// of returns the call for tensors of a kind.
func (c *calls) of(k kind, first bool) *fused {
	for _, f := range *c {
		if f.kind == k && f.first == first {
			return f
		}
	}
	f := &fused{kind: k, first: first, settings: torch.Named{}}
	*c = append(*c, f)
	return f
}

// add adds a tensor to each list, from the first on.
func (f *fused) add(ts ...*torch.Tensor) {
	for i, t := range ts {
		if t != nil {
			f.lists[i] = append(f.lists[i], t)
		}
	}
}
