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
	groups[LBFGSConfig]
	state lbfgsState
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
	o := &LBFGS{groups: newGroups(&lbfgs, params, c)}
	for i, p := range params {
		if first := params[0]; kindOf(p) != kindOf(first) {
			throw(lbfgs.name, "parameter %d is %v on %v, the first is %v on %v; all must be alike", i, p.DType(), p.Device(), first.DType(), first.Device())
		}
	}
	return o
}

var lbfgs = rule[LBFGSConfig]{
	name: "optim.LBFGS",
	settings: func(c *LBFGSConfig) []setting {
		return []setting{
			{"lr", &c.LR}, {"max_iter", &c.MaxIter}, {"max_eval", &c.MaxEval}, {"tolerance_grad", &c.ToleranceGrad},
			{"tolerance_change", &c.ToleranceChange}, {"history_size", &c.HistorySize},
			{"line_search_fn", word{&c.LineSearch}}, {"maximize", &c.Maximize},
		}
	},
	check: func(c *LBFGSConfig) {
		const name = "optim.LBFGS"
		started(name, c.MaxIter == 0 && c.HistorySize == 0)
		atLeast1(name, "MaxIter", c.MaxIter)
		atLeast1(name, "MaxEval", c.MaxEval)
		atLeast1(name, "HistorySize", c.HistorySize)
		must(name, c.LineSearch == "" || c.LineSearch == "strong_wolfe", "LineSearch is %q; it must be \"strong_wolfe\" or empty", c.LineSearch)
		notNegative(name, "ToleranceGrad", c.ToleranceGrad)
		notNegative(name, "ToleranceChange", c.ToleranceChange)
	},
}

// AddGroup panics: LBFGS has one group, whose parameters move together.
func (o *LBFGS) AddGroup([]*torch.Tensor, LBFGSConfig) {
	throw(lbfgs.name, "there can be one group of parameters only")
}

// Step panics: LBFGS needs a function that computes the loss anew.
func (o *LBFGS) Step() {
	throw(lbfgs.name, "Step cannot compute the loss anew; call StepClosure with a function that clears the gradients, computes the loss and calls Backward")
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

func (o *LBFGS) config() *LBFGSConfig { return &o.list[0].Config }

func (o *LBFGS) sign() float64 {
	if o.config().Maximize {
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
	c, s := o.config(), &o.state
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
			params := o.list[0].Params
			from := make([]*torch.Tensor, len(params))
			for i, p := range params {
				from[i] = p.Clone()
			}
			search := lineSearch{
				at: func(t float64) point {
					o.move(t, s.direction)
					loss := o.sign() * o.evaluate(closure)
					gradient := o.flat()
					for i, p := range params {
						p.CopyInPlace(from[i])
					}
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
	if len(s.moves) == o.config().HistorySize {
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
	parts := make([]*torch.Tensor, len(o.list[0].Params))
	for i, p := range o.list[0].Params {
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
	for _, p := range o.list[0].Params {
		n := p.Numel()
		p.AddScaledInPlace(direction.Narrow(0, at, n).Reshape(p.Shape()...), t)
		at += n
	}
}

// numbers returns what is remembered and is not a list or a vector.
func (s *lbfgsState) numbers() []setting {
	return []setting{{"func_evals", &s.evaluations}, {"n_iter", &s.iterations}, {"t", &s.step}, {"H_diag", &s.scale}, {"prev_loss", &s.loss}}
}

// StateDict returns the state and the settings in PyTorch's layout.
func (o *LBFGS) StateDict() *torch.Dict {
	d, s := o.groups.StateDict(), &o.state
	if s.direction == nil {
		return d
	}
	vectors := func(ts []*torch.Tensor) []any {
		list := make([]any, len(ts))
		for i, t := range ts {
			list[i] = t.Detach()
		}
		return list
	}
	state := written(append(s.numbers(), []setting{
		{"d", s.direction.Detach()}, {"prev_flat_grad", s.gradient.Detach()},
		{"old_dirs", vectors(s.gradients)}, {"old_stps", vectors(s.moves)}, {"ro", &s.inverse},
	}...))
	d.Set("state", torch.NewDict(0, state))
	return d
}

// LoadStateDict takes over the state and the settings of d, which may come from PyTorch.
func (o *LBFGS) LoadStateDict(d *torch.Dict) error {
	g, fresh := o.list[0], &LBFGS{}
	fresh.groups = groups[LBFGSConfig]{&lbfgs, []*Group[LBFGSConfig]{newGroup(&lbfgs, g.Params, g.Config)}}
	if err := fresh.groups.LoadStateDict(d); err != nil {
		return err
	}
	saved, _ := readDict(d, []int{len(g.Params)}) // which the groups have read
	if state := saved[0].state[0]; state != nil {
		r := &torch.DictReader{Dict: state, Subject: "state"}
		if err := torch.Try(func() { fresh.readState(r) }); err != nil {
			r.Err = err
		}
		if r.Err != nil {
			fresh.state.close()
			return fmt.Errorf("%s: %w", lbfgs.name, r.Err)
		}
	}
	o.state.close()
	*g, o.state = *fresh.list[0], fresh.state
	return nil
}

// readState reads what is remembered into a new optimizer.
func (o *LBFGS) readState(r *torch.DictReader) {
	s, params, n := &o.state, o.Parameters(), 0
	if !r.Has("d") {
		return
	}
	for _, p := range params {
		n += p.Numel()
	}
	vector := func(key string, v any) *torch.Tensor {
		t, ok := v.(*torch.Tensor)
		if !ok || !slices.Equal(t.Shape(), []int{n}) {
			r.Fail("%s is %v; it must be a vector of %d numbers", key, v, n)
			return nil
		}
		return kept(t.ToDType(params[0].DType()).To(params[0].Device()))
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
	s.inverse = make([]float64, len(s.moves))
	for _, number := range append(s.numbers(), setting{"ro", &s.inverse}) {
		number.read(r)
	}
	if len(s.moves) != len(s.gradients) || len(s.moves) > o.config().HistorySize {
		r.Fail("old_dirs and old_stps have %d and %d entries; they must have as many, and no more than history_size", len(s.gradients), len(s.moves))
	}
}

// close frees what is remembered.
func (s *lbfgsState) close() {
	for _, t := range slices.Concat([]*torch.Tensor{s.direction, s.gradient}, s.gradients, s.moves) {
		if t != nil {
			t.Close()
		}
	}
}
