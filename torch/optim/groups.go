// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// rule describes one kind of optimizer, beyond what all have in common. C is the type
// of its settings.
type rule[C comparable] struct {
	name     string                // for errors
	settings func(c *C) []setting  // in PyTorch's order, which begins with the learning rate
	check    func(c *C)            // panics on settings that cannot be; LR is checked without it
	state    []slot[C]             // what is remembered of each parameter, in PyTorch's order
	update   func(c *C, u *update) // changes parameters, by as few calls as possible
	// momentum returns the setting that a schedule may change, and whether it is the first
	// of two Betas; nil for an optimizer without one.
	momentum func(c *C) (setting *float64, beta1 bool)
	// leavesOut reports whether update leaves a step out by itself where update.found is 1;
	// nil for never.
	leavesOut func(c *C) bool
	// rated tells that update takes the learning rate from update.rate where that is not nil.
	rated bool
}

// Group holds some parameters and their settings, which may be changed between steps.
type Group[C comparable] struct {
	Params []*torch.Tensor // not to be changed
	Config C

	states  []state // of each parameter
	updates []*update
	extra   *torch.Dict   // keys of a loaded state dict that are not ours
	rate    *torch.Tensor // the learning rate of a step that is recorded; nil before the first
	rated   float64       // what rate holds
}

// state holds what an optimizer remembers of one parameter.
type state struct {
	values []*torch.Tensor // by slot; nil before the first step that needs it
	update *update         // the one that the parameter took part in last
}

// update holds the tensors of the parameters of one kind that change in one step. The
// lists are kept, so that a step allocates next to nothing.
type update struct {
	kind          kind
	first         bool          // their state begins at this step
	rate          *torch.Tensor // the learning rate, for a step that is recorded; else nil
	found         *torch.Tensor // 1, on their device, to leave the step out; nil to take it
	params, grads []*torch.Tensor
	state         [][]*torch.Tensor // by slot; empty where it is not needed
	settings      torch.Named       // for a kernel
}

// newGroup returns a group without a state.
func newGroup[C comparable](r *rule[C], params []*torch.Tensor, c C) *Group[C] {
	g := &Group[C]{Params: params, Config: c, states: make([]state, len(params)), extra: torch.NewDict()}
	for i := range g.states {
		g.states[i].values = make([]*torch.Tensor, len(r.state))
	}
	return g
}

// check panics on settings that cannot be.
func (g *Group[C]) check(r *rule[C]) {
	notNegative(r.name, "LR", *g.lr(r))
	r.check(&g.Config)
}

func (g *Group[C]) lr(r *rule[C]) *float64 { return r.settings(&g.Config)[0].value.(*float64) }

// step changes each parameter that has a gradient, unless found is 1.
func (g *Group[C]) step(r *rule[C], found *torch.Tensor) {
	for _, u := range g.updates {
		u.params, u.grads = u.params[:0], u.grads[:0]
		for j := range u.state {
			u.state[j] = u.state[j][:0]
		}
	}
	needed := make([]bool, len(r.state))
	for j, s := range r.state {
		needed[j] = s.when == nil || s.when(&g.Config)
	}
	for i, p := range g.Params {
		grad := p.Grad()
		if grad == nil {
			continue
		}
		s, first := &g.states[i], false
		for j := range r.state {
			if needed[j] && s.values[j] == nil && !r.state[j].skips(p) {
				s.values[j], first = r.state[j].begin(&g.Config, p), true
			}
		}
		// A parameter without a state may be on another device now.
		if s.update == nil || s.update.first != first || !slices.Contains(needed, true) {
			s.update = g.updateOf(kindOf(p), first, len(r.state))
		}
		u := s.update
		u.params, u.grads = append(u.params, p), append(u.grads, grad)
		for j, v := range s.values {
			if needed[j] {
				u.state[j] = append(u.state[j], v)
			}
		}
	}
	rate := g.record(r)
	for _, u := range g.updates {
		if u.found, u.rate = found, rate; len(u.params) > 0 {
			r.update(&g.Config, u)
		}
	}
}

// record returns the learning rate as a tensor that follows the settings, while a step is
// recorded and if the rule can take one; else nil. Other settings stay as they are in the
// recording, so a replay fails when they have changed.
func (g *Group[C]) record(r *rule[C]) *torch.Tensor {
	was, states := g.Config, g.states
	fill := func() error {
		now := g.Config
		if &states[0] != &g.states[0] {
			return fmt.Errorf("%s: a state was loaded after the step was recorded: record it anew", r.name)
		}
		if r.rated {
			g.follow(r)
			*r.settings(&now)[0].value.(*float64) = *r.settings(&was)[0].value.(*float64)
		}
		if was != now {
			return fmt.Errorf("%s: the settings were %+v when the step was recorded, and are %+v: record it anew", r.name, was, now)
		}
		return nil
	}
	if !torch.BeforeReplay(fill) || !r.rated {
		return nil
	}
	if g.rate == nil {
		g.rated = *g.lr(r)
		o := torch.Options{DType: torch.Float64}
		if d := g.Params[0].Device(); d.Type == torch.DeviceCUDA { // whose kernels take a float32 there
			o = torch.Options{Device: d}
		}
		torch.Unscoped(func() { g.rate = torch.Full([]int{}, g.rated, o) })
	}
	g.follow(r) // an earlier recording may have made it
	return g.rate
}

// follow gives the tensor of the learning rate its value.
func (g *Group[C]) follow(r *rule[C]) {
	if lr := *g.lr(r); lr != g.rated {
		torch.NoGrad(func() { g.rate.FillInPlace(lr) })
		g.rated = lr
	}
}

func (g *Group[C]) updateOf(k kind, first bool, slots int) *update {
	for _, u := range g.updates {
		if u.kind == k && u.first == first {
			return u
		}
	}
	u := &update{kind: k, first: first, state: make([][]*torch.Tensor, slots), settings: torch.Named{}}
	g.updates = append(g.updates, u)
	return u
}

// stateOf returns the state of a parameter in PyTorch's layout, nil for none.
func (g *Group[C]) stateOf(r *rule[C], i int) *torch.Dict {
	d := torch.NewDict()
	for j, v := range g.states[i].values {
		if v != nil {
			d.Set(r.state[j].key, v.Detach())
		}
	}
	if d.Len() == 0 {
		return nil
	}
	return d
}

// load fills a group that has no state yet from a saved one.
func (g *Group[C]) load(r *rule[C], from savedGroup) error {
	d := &torch.DictReader{Dict: from.settings, Subject: "setting"}
	for _, key := range []string{"params", "foreach", "capturable", "differentiable", "fused"} {
		d.Has(key) // which of PyTorch's implementations runs does not matter
	}
	for _, s := range r.settings(&g.Config) {
		if d.Has(s.key) { // PyTorch, too, completes files of older versions
			s.read(d)
		}
	}
	if d.Err == nil {
		d.Err = torch.Try(func() { g.check(r) })
	}
	if d.Err != nil {
		return d.Err
	}
	g.extra = d.Rest()
	for i, saved := range from.state {
		if saved == nil {
			continue
		}
		for j := range r.state {
			t, err := r.state[j].load(g.Params[i], saved)
			if err != nil {
				return fmt.Errorf("state of parameter %d: %w", i, err)
			}
			g.states[i].values[j] = t
		}
	}
	return nil
}

// close frees the state.
func (g *Group[C]) close() {
	for _, s := range g.states {
		for _, t := range s.values {
			if t != nil {
				t.Close()
			}
		}
	}
	if g.rate != nil {
		g.rate.Close()
	}
}

// fused calls a kernel for all parameters at once, with the settings that u has.
func (u *update) fused(op string, lr float64, lists ...any) {
	u.settings["lr"], u.settings["found_inf"] = lr, u.found
	if u.rate != nil {
		op += ".tensor_lr"
		u.settings["lr"] = u.rate
	}
	torch.Call(op, append(lists, u.settings)...)
}

// groups holds an optimizer's groups of parameters, and does what every optimizer does
// with them.
type groups[C comparable] struct {
	rule *rule[C]
	list []*Group[C]
}

// newGroups returns the groups of an optimizer, of which it has one.
func newGroups[C comparable](r *rule[C], params []*torch.Tensor, c C) groups[C] {
	o := groups[C]{rule: r}
	o.AddGroup(params, c)
	return o
}

// AddGroup adds parameters with settings of their own.
func (o *groups[C]) AddGroup(params []*torch.Tensor, c C) {
	g := newGroup(o.rule, slices.Clone(params), c)
	g.check(o.rule)
	checkParams(o.rule.name, params, o.Parameters())
	o.list = append(o.list, g)
}

// Groups returns the groups in order, the constructor's first.
func (o *groups[C]) Groups() []*Group[C] { return o.list }

// Parameters returns the parameters of all groups, in order.
func (o *groups[C]) Parameters() (all []*torch.Tensor) {
	for _, g := range o.list {
		all = append(all, g.Params...)
	}
	return all
}

// LR returns the learning rate of the first group.
func (o *groups[C]) LR() float64 { return *o.list[0].lr(o.rule) }

// SetLR sets the learning rate of every group.
func (o *groups[C]) SetLR(lr float64) {
	notNegative(o.rule.name, "LR", lr)
	for _, g := range o.list {
		*g.lr(o.rule) = lr
	}
}

// ZeroGrad drops the gradients.
func (o *groups[C]) ZeroGrad() {
	for _, g := range o.list {
		torch.ZeroGrad(g.Params)
	}
}

// Step changes each parameter that has a gradient.
func (o *groups[C]) Step() { o.stepUnless(nil) }

func (o *groups[C]) stepUnless(found *torch.Tensor) {
	step(func() {
		for _, g := range o.list {
			g.step(o.rule, found)
		}
	})
}

// leavesOut reports whether the kernels of all groups look at found themselves.
func (o *groups[C]) leavesOut() bool {
	return o.rule.leavesOut != nil && !slices.ContainsFunc(o.list, func(g *Group[C]) bool { return !o.rule.leavesOut(&g.Config) })
}

// rates returns what schedulers change in each group, and where they leave its first rate.
func (o *groups[C]) rates() (list []rate) {
	for _, g := range o.list {
		lr := g.lr(o.rule)
		r := rate{get: func() float64 { return *lr }, set: func(x float64) { *lr = x }, extra: g.extra}
		if o.rule.momentum != nil {
			r.momentum, r.beta1 = o.rule.momentum(&g.Config)
		}
		list = append(list, r)
	}
	return list
}

// StateDict returns the state and the settings in PyTorch's layout.
func (o *groups[C]) StateDict() *torch.Dict {
	saved := make([]savedGroup, len(o.list))
	for i, g := range o.list {
		saved[i].settings = written(o.rule.settings(&g.Config))
		for k, v := range g.extra.All() {
			saved[i].settings.Set(k, v)
		}
		for j := range g.Params {
			saved[i].state = append(saved[i].state, g.stateOf(o.rule, j))
		}
	}
	return writeDict(saved)
}

// LoadStateDict takes over the state and the settings of d, which may come from the
// optimizer of PyTorch, fused or not. The number and the sizes of the groups,
// and the shapes, must be this optimizer's. Settings that d lacks stay as they
// are; keys of a group that are not known here are kept and given back.
func (o *groups[C]) LoadStateDict(d *torch.Dict) error {
	sizes := make([]int, len(o.list))
	for i, g := range o.list {
		sizes[i] = len(g.Params)
	}
	saved, err := readDict(d, sizes)
	if err != nil {
		return fmt.Errorf("%s: %w", o.rule.name, err)
	}
	loaded := make([]*Group[C], len(o.list))
	for i, g := range o.list {
		loaded[i] = newGroup(o.rule, g.Params, g.Config)
		if err := loaded[i].load(o.rule, saved[i]); err != nil {
			for _, g := range loaded[:i+1] {
				g.close()
			}
			return fmt.Errorf("%s: group %d: %w", o.rule.name, i, err)
		}
	}
	for i, g := range o.list {
		g.close()
		*g = *loaded[i]
	}
	return nil
}

// each makes the update of a rule that has no fused kernel: it calls f for one parameter
// after the other, with its gradient, turned round to climb, and its state by slot.
func each[C comparable](maximize func(c *C) bool, f func(c *C, p, g *torch.Tensor, state []*torch.Tensor)) func(*C, *update) {
	return func(c *C, u *update) {
		state := make([]*torch.Tensor, len(u.state))
		for i, p := range u.params {
			g := u.grads[i]
			if maximize(c) {
				g = g.Neg()
			}
			for j, values := range u.state {
				state[j] = nil
				if len(values) > 0 {
					state[j] = values[i]
				}
			}
			f(c, p, g, state)
		}
	}
}

// counter is the slot that counts the steps of a parameter for Go.
func counter[C comparable]() slot[C] { return slot[C]{key: "step", scalar: true, host: true} }

// count adds one to a counter and returns it.
func count(step *torch.Tensor) float64 { return step.AddScalarInPlace(1).Item() }

// decayed returns g + decay·p.
func decayed(g, p *torch.Tensor, decay float64) *torch.Tensor {
	if decay == 0 {
		return g
	}
	return g.Clone().AddScaledInPlace(p, decay)
}
