// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// LBFGSConfig holds the settings of LBFGS. Start from [DefaultLBFGS].
type LBFGSConfig struct {
	LR              float64 // length of a step without line search, and of its first trial with one
	MaxIter         int     // iterations in one step
	MaxEval         int     // calls of the closure in one step
	ToleranceGrad   float64 // a step ends where no element of the gradient is larger
	ToleranceChange float64 // a step ends where the parameters or the loss change less
	HistorySize     int     // pairs of changes that stand for the curvature
	LineSearch      string  // "" for steps of length LR, or "strong_wolfe"
	Maximize        bool    // climb instead of descending
}

// DefaultLBFGS returns the settings of PyTorch's LBFGS: LR 1, MaxIter 20, MaxEval 25,
// ToleranceGrad 1e-7, ToleranceChange 1e-9, HistorySize 100, no line search.
func DefaultLBFGS() LBFGSConfig {
	return LBFGSConfig{LR: 1, MaxIter: 20, MaxEval: 25, ToleranceGrad: 1e-7, ToleranceChange: 1e-9, HistorySize: 100}
}

// LBFGS is the method of Broyden, Fletcher, Goldfarb and Shanno with limited memory. It
// computes the loss several times in a step, so it is given a function that does so; see
// [LBFGS.StepClosure]. Its parameters form one group on one device. The host waits for
// the device several times in an iteration. From "On the limited memory BFGS method for
// large scale optimization", Liu and Nocedal, 1989, in the form of torch.optim.LBFGS,
// whose state dict it has.
type LBFGS struct {
	Config LBFGSConfig

	params []*torch.Tensor
	extra  *torch.Dict // keys of a loaded state dict that are not ours
	state  lbfgsState
}

// lbfgsState is what LBFGS remembers. Its tensors are vectors of all parameters together,
// and belong to no scope.
type lbfgsState struct {
	evaluations, iterations int
	direction, gradient     *torch.Tensor // nil before the first iteration
	step, loss, scale       float64
	gradients, moves        []*torch.Tensor // changes of the gradient and of the parameters
	inverse                 []float64       // 1 over the product of each pair
}

// NewLBFGS returns an LBFGS for params, all of one type and device.
func NewLBFGS(params []*torch.Tensor, c LBFGSConfig) *LBFGS {
	const name = "optim.LBFGS"
	checkParams(name, params, nil)
	for i, p := range params {
		if kindOf(p) != kindOf(params[0]) {
			throw(name, "parameter %d is %v on %v, the first is %v on %v; all must be alike", i, p.DType(), p.Device(), params[0].DType(), params[0].Device())
		}
	}
	o := &LBFGS{Config: c, params: slices.Clone(params), extra: torch.NewDict()}
	o.check()
	return o
}

func (o *LBFGS) check() {
	const name = "optim.LBFGS"
	started(name, o.Config.MaxIter == 0 && o.Config.HistorySize == 0)
	notNegative(name, "LR", o.Config.LR)
	atLeast1(name, "MaxIter", o.Config.MaxIter)
	atLeast1(name, "MaxEval", o.Config.MaxEval)
	atLeast1(name, "HistorySize", o.Config.HistorySize)
	if o.Config.LineSearch != "" && o.Config.LineSearch != "strong_wolfe" {
		throw(name, "LineSearch is %q; it must be \"strong_wolfe\" or empty", o.Config.LineSearch)
	}
	notNegative(name, "ToleranceGrad", o.Config.ToleranceGrad)
	notNegative(name, "ToleranceChange", o.Config.ToleranceChange)
}

// Step panics: LBFGS needs a function that computes the loss anew.
func (o *LBFGS) Step() {
	throw("optim.LBFGS", "Step cannot compute the loss anew; call StepClosure with a function that clears the gradients, computes the loss and calls Backward")
}

// StepClosure takes a step of up to MaxIter iterations. closure clears the gradients,
// computes the loss, calls its Backward and returns it. StepClosure returns the loss that
// it began with.
func (o *LBFGS) StepClosure(closure func() *torch.Tensor) (first float64) {
	step(func() {
		first = o.evaluate(closure)
		o.iterate(closure, o.sign()*first)
	})
	return first
}

func (o *LBFGS) sign() float64 {
	if o.Config.Maximize {
		return -1
	}
	return 1
}

// evaluate returns the loss, and leaves the gradients in the parameters.
func (o *LBFGS) evaluate(closure func() *torch.Tensor) (loss float64) {
	o.state.evaluations++
	torch.EnableGrad(func() {
		torch.Scope(func() { loss = closure().Item() })
	})
	return loss
}

// iterate goes on from the parameters, where the loss and the gradients are known.
func (o *LBFGS) iterate(closure func() *torch.Tensor, loss float64) {
	c, s := &o.Config, &o.state
	gradient, evaluated := o.flat(), 1
	if largest(gradient) <= c.ToleranceGrad {
		return
	}
	for n := 1; ; n++ {
		s.iterations++
		if s.direction == nil {
			s.direction, s.scale = kept(gradient.Neg()), 1
		} else {
			o.remember(gradient)
			replace(&s.direction, o.towards(gradient))
		}
		replace(&s.gradient, gradient.Clone())
		before := loss
		s.loss = loss

		t := c.LR
		if s.iterations == 1 {
			t *= min(1, 1/gradient.Abs().Sum().Item())
		}
		s.step = t
		slope := gradient.Dot(s.direction).Item()
		if slope > -c.ToleranceChange {
			return
		}
		calls := 0
		if c.LineSearch != "" {
			from := o.clone()
			search := lineSearch{
				at: func(t float64) point {
					o.move(t, s.direction)
					loss := o.sign() * o.evaluate(closure)
					gradient := o.flat()
					o.restore(from)
					return point{t, loss, gradient, gradient.Dot(s.direction).Item()}
				},
				reach: largest(s.direction), most: c.MaxEval - evaluated,
			}
			var end point
			end, calls = search.run(t, point{0, loss, gradient, slope})
			t, loss, gradient = end.t, end.loss, end.gradient
			o.move(t, s.direction)
		} else {
			o.move(t, s.direction)
			if n != c.MaxIter { // the last point is not looked at
				loss, calls = o.sign()*o.evaluate(closure), 1
				gradient = o.flat()
			}
		}
		s.step = t
		evaluated += calls
		if n == c.MaxIter || evaluated >= c.MaxEval || largest(gradient) <= c.ToleranceGrad ||
			largest(s.direction)*math.Abs(t) <= c.ToleranceChange || math.Abs(loss-before) < c.ToleranceChange {
			return
		}
	}
}

// remember adds the last change to the history, if the loss curves upwards along it.
func (o *LBFGS) remember(gradient *torch.Tensor) {
	s := &o.state
	change, move := gradient.Sub(s.gradient), s.direction.MulScalar(s.step)
	product := change.Dot(move).Item()
	if product <= 1e-10 {
		return
	}
	if len(s.moves) == o.Config.HistorySize {
		s.moves[0].Close()
		s.gradients[0].Close()
		s.moves, s.gradients, s.inverse = s.moves[1:], s.gradients[1:], s.inverse[1:]
	}
	s.scale = product / change.Dot(change).Item()
	s.gradients, s.moves, s.inverse = append(s.gradients, kept(change)), append(s.moves, kept(move)), append(s.inverse, 1/product)
}

// towards returns the direction to go in: minus the gradient times the estimate of the
// inverse of the second derivatives, by the two loops of Nocedal.
func (o *LBFGS) towards(gradient *torch.Tensor) *torch.Tensor {
	s := &o.state
	d, shares := gradient.Neg(), make([]float64, len(s.moves))
	for i := len(s.moves) - 1; i >= 0; i-- {
		shares[i] = s.moves[i].Dot(d).Item() * s.inverse[i]
		d.AddScaledInPlace(s.gradients[i], -shares[i])
	}
	d.MulScalarInPlace(s.scale)
	for i := range s.moves {
		d.AddScaledInPlace(s.moves[i], shares[i]-s.gradients[i].Dot(d).Item()*s.inverse[i])
	}
	return d
}

func largest(t *torch.Tensor) float64 { return t.Abs().Max().Item() }

// kept returns a copy of t that belongs to no scope.
func kept(t *torch.Tensor) (copied *torch.Tensor) {
	torch.Unscoped(func() { copied = t.Clone() })
	return copied
}

// replace puts a copy of t that belongs to no scope in the place of another one.
func replace(to **torch.Tensor, t *torch.Tensor) {
	if *to != nil {
		defer (*to).Close()
	}
	*to = kept(t)
}

// flat returns the gradients of all parameters as a vector, turned round to climb.
func (o *LBFGS) flat() *torch.Tensor {
	parts := make([]*torch.Tensor, len(o.params))
	for i, p := range o.params {
		if g := p.Grad(); g != nil {
			parts[i] = g.Reshape(-1)
		} else {
			parts[i] = torch.ZerosLike(p).Reshape(-1)
		}
	}
	return torch.Cat(parts, 0).MulScalarInPlace(o.sign())
}

// move adds t·direction to the parameters.
func (o *LBFGS) move(t float64, direction *torch.Tensor) {
	at := 0
	for _, p := range o.params {
		n := p.Numel()
		p.AddScaledInPlace(direction.Narrow(0, at, n).Reshape(p.Shape()...), t)
		at += n
	}
}

func (o *LBFGS) clone() []*torch.Tensor {
	copies := make([]*torch.Tensor, len(o.params))
	for i, p := range o.params {
		copies[i] = p.Clone()
	}
	return copies
}

func (o *LBFGS) restore(from []*torch.Tensor) {
	for i, p := range o.params {
		p.CopyInPlace(from[i])
	}
}

// ZeroGrad drops the gradients.
func (o *LBFGS) ZeroGrad() { torch.ZeroGrad(o.params) }

// LR returns the learning rate.
func (o *LBFGS) LR() float64 { return o.Config.LR }

// SetLR sets the learning rate.
func (o *LBFGS) SetLR(lr float64) {
	notNegative("optim.LBFGS", "LR", lr)
	o.Config.LR = lr
}

// Parameters returns the parameters, in order.
func (o *LBFGS) Parameters() []*torch.Tensor { return slices.Clone(o.params) }

// rates returns what schedulers change.
func (o *LBFGS) rates() []rate { return []rate{{get: o.LR, set: o.SetLR, extra: o.extra}} }

func (o *LBFGS) settings() []setting {
	c := &o.Config
	return []setting{
		{"lr", &c.LR}, {"max_iter", &c.MaxIter}, {"max_eval", &c.MaxEval}, {"tolerance_grad", &c.ToleranceGrad},
		{"tolerance_change", &c.ToleranceChange}, {"history_size", &c.HistorySize},
		{"line_search_fn", word{&c.LineSearch}}, {"maximize", &c.Maximize},
	}
}

// numbers returns what is remembered and is not a list or a vector.
func (s *lbfgsState) numbers() []setting {
	return []setting{{"func_evals", &s.evaluations}, {"n_iter", &s.iterations}, {"t", &s.step}, {"H_diag", &s.scale}, {"prev_loss", &s.loss}}
}

// StateDict returns the state and the settings in PyTorch's layout.
func (o *LBFGS) StateDict() *torch.Dict {
	settings, states, s := written(o.settings()), torch.NewDict(), &o.state
	for k, v := range o.extra.All() {
		settings.Set(k, v)
	}
	numbers := make([]any, len(o.params))
	for i := range numbers {
		numbers[i] = i
	}
	settings.Set("params", numbers)
	if s.direction != nil {
		d := written(s.numbers())
		d.Set("d", s.direction.Detach())
		d.Set("prev_flat_grad", s.gradient.Detach())
		d.Set("old_dirs", listOfVectors(s.gradients))
		d.Set("old_stps", listOfVectors(s.moves))
		d.Set("ro", setting{value: &s.inverse}.plain())
		states.Set(0, d)
	}
	return torch.NewDict("state", states, "param_groups", []any{settings})
}

func listOfVectors(ts []*torch.Tensor) []any {
	list := make([]any, len(ts))
	for i, t := range ts {
		list[i] = t.Detach()
	}
	return list
}

// LoadStateDict takes over the state and the settings of d, which may come from PyTorch.
func (o *LBFGS) LoadStateDict(d *torch.Dict) error {
	saved, err := readDict(d, []int{len(o.params)})
	if err != nil {
		return fmt.Errorf("optim.LBFGS: %w", err)
	}
	fresh := &LBFGS{Config: o.Config, params: o.params}
	r := &torch.DictReader{Dict: saved[0].settings, Subject: "setting"}
	r.Has("params")
	for _, s := range fresh.settings() {
		if r.Has(s.key) {
			s.read(r)
		}
	}
	if r.Err == nil {
		r.Err = torch.Try(fresh.check)
	}
	if r.Err == nil {
		fresh.extra = r.Rest()
		r.Err = torch.Try(func() { r.Err = fresh.loadState(saved[0].state[0]) })
	}
	if r.Err != nil {
		fresh.state.close()
		return fmt.Errorf("optim.LBFGS: %w", r.Err)
	}
	o.state.close()
	*o = *fresh
	return nil
}

func (o *LBFGS) loadState(d *torch.Dict) error {
	if d == nil || !has(d, "d") {
		return nil
	}
	n := 0
	for _, p := range o.params {
		n += p.Numel()
	}
	s, r := &o.state, &torch.DictReader{Dict: d, Subject: "state"}
	for _, number := range s.numbers() {
		number.read(r)
	}
	vector := func(key string, v any) *torch.Tensor {
		t, ok := v.(*torch.Tensor)
		if !ok || !slices.Equal(t.Shape(), []int{n}) {
			r.Fail("%s is %v; it must be a vector of %d numbers", key, v, n)
			return nil
		}
		return kept(t.ToDType(o.params[0].DType()).To(o.params[0].Device()))
	}
	vectors := func(key string) (ts []*torch.Tensor) {
		for _, v := range torch.Read[[]any](r, key) {
			if t := vector(key, v); t != nil {
				ts = append(ts, t)
			}
		}
		return ts
	}
	step(func() {
		s.direction, s.gradient = vector("d", torch.Read[any](r, "d")), vector("prev_flat_grad", torch.Read[any](r, "prev_flat_grad"))
		s.gradients, s.moves = vectors("old_dirs"), vectors("old_stps")
	})
	inverse := torch.Read[[]any](r, "ro")
	if len(s.moves) != len(s.gradients) || len(inverse) != len(s.moves) || len(inverse) > o.Config.HistorySize {
		r.Fail("old_dirs, old_stps and ro have %d, %d and %d entries; they must have as many, and no more than history_size", len(s.gradients), len(s.moves), len(inverse))
	}
	for _, x := range inverse {
		one := &torch.DictReader{Dict: torch.NewDict("ro", x)}
		if s.inverse = append(s.inverse, one.Number("ro")); one.Err != nil {
			r.Fail("%v", one.Err)
		}
	}
	return r.Err
}

func has(d *torch.Dict, key string) bool { _, ok := d.Get(key); return ok }

// close frees what is remembered.
func (s *lbfgsState) close() {
	for _, t := range slices.Concat([]*torch.Tensor{s.direction, s.gradient}, s.gradients, s.moves) {
		if t != nil {
			t.Close()
		}
	}
}
