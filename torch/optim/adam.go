// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
)

// AdamConfig holds the settings of Adam and AdamW. Start from [DefaultAdam] or
// [DefaultAdamW] and change what should differ; a zero is a zero.
type AdamConfig struct {
	LR          float64    // learning rate
	Betas       [2]float64 // decay of the averages of the gradient and of its square, from 0 to below 1
	Eps         float64    // added to the denominator
	WeightDecay float64    // AdamW without decay is Adam
	AMSGrad     bool       // divide by the largest average so far
	Maximize    bool       // climb instead of descending
}

// DefaultAdam returns the settings of PyTorch's Adam: LR 1e-3, Betas 0.9 and 0.999,
// Eps 1e-8, no weight decay.
func DefaultAdam() AdamConfig {
	return AdamConfig{LR: 1e-3, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8}
}

// DefaultAdamW returns the settings of PyTorch's AdamW: those of Adam and a weight
// decay of 0.01.
func DefaultAdamW() AdamConfig {
	c := DefaultAdam()
	c.WeightDecay = 0.01
	return c
}

// Adam changes a parameter p with gradient g by
//
//	g = g + WeightDecay·p              (Adam; of AdamW: p = p - LR·WeightDecay·p)
//	m = β₁·m + (1-β₁)·g
//	v = β₂·v + (1-β₂)·g²
//	p = p - LR · m/(1-β₁ᵗ) / (√(v/(1-β₂ᵗ)) + Eps)
//
// From "Adam: a method for stochastic optimization", Kingma and Ba, 2014, and
// "Decoupled weight decay regularization", Loshchilov and Hutter, 2017.
type Adam struct {
	groups[AdamGroup, *AdamGroup]
	op string // the fused kernel
}

// AdamGroup is some parameters with their settings, which may be changed between
// steps.
type AdamGroup struct {
	Params []*torch.Tensor // not to be changed
	AdamConfig

	adam   *Adam
	states []adamState // of each parameter
	calls  calls
	extra  *torch.Dict // keys of a loaded state dict that are not ours
}

// NewAdam returns an Adam whose weight decay is added to the gradient. It panics on
// settings that cannot be, and on those that were not started from [DefaultAdam]:
// Betas and Eps are both 0 then, which is of no use.
func NewAdam(params []*torch.Tensor, c AdamConfig) *Adam {
	return newAdam("optim.Adam", "aten::_fused_adam_", params, c)
}

// NewAdamW returns an Adam whose weight decay shrinks the parameters themselves. It
// panics as NewAdam does; its settings start from [DefaultAdamW].
func NewAdamW(params []*torch.Tensor, c AdamConfig) *Adam {
	return newAdam("optim.AdamW", "aten::_fused_adamw_", params, c)
}

func newAdam(name, op string, params []*torch.Tensor, c AdamConfig) *Adam {
	a := &Adam{op: op}
	a.name = name
	a.AddGroup(params, c)
	return a
}

func (a *Adam) decoupled() bool { return a.op == "aten::_fused_adamw_" }

// AddGroup adds parameters with settings of their own.
func (a *Adam) AddGroup(params []*torch.Tensor, c AdamConfig) {
	if c.Betas == [2]float64{} && c.Eps == 0 {
		throw(a.name, "Betas and Eps are 0: start from optim.Default%s() and change what should differ", strings.TrimPrefix(a.name, "optim."))
	}
	a.add((&AdamGroup{Params: slices.Clone(params), AdamConfig: c, adam: a}).fresh())
}

func (g *AdamGroup) fresh() *AdamGroup {
	return &AdamGroup{Params: g.Params, AdamConfig: g.AdamConfig, adam: g.adam, states: make([]adamState, len(g.Params))}
}

func (g *AdamGroup) parts() ([]*torch.Tensor, *float64, **torch.Dict) {
	return g.Params, &g.LR, &g.extra
}

func (g *AdamGroup) check() {
	op := g.adam.name
	notNegative(op, "LR", g.LR)
	notNegative(op, "Eps", g.Eps)
	notNegative(op, "WeightDecay", g.WeightDecay)
	for i, b := range g.Betas {
		if !(b >= 0 && b < 1) {
			throw(op, "Betas[%d] is %v; it must be at least 0 and less than 1", i, b)
		}
	}
}

// adamState is what Adam remembers of one parameter, nothing before its first step.
type adamState struct {
	step      *torch.Tensor // steps taken: float32, no dimensions, on the parameter's device
	mean      *torch.Tensor
	square    *torch.Tensor
	maxSquare *torch.Tensor // AMSGrad only
	call      *fused        // of the parameter's kind
}

func (g *AdamGroup) step() {
	g.calls.clear()
	for i, p := range g.Params {
		grad := p.Grad()
		if grad == nil {
			continue
		}
		s := &g.states[i]
		if s.step == nil {
			s.step = newCount(p)
			s.mean, s.square = zerosLike(p), zerosLike(p)
		}
		if s.call == nil {
			s.call = g.calls.of(kindOf(p), false)
		}
		var largest *torch.Tensor
		if g.AMSGrad {
			if s.maxSquare == nil {
				s.maxSquare = zerosLike(p)
			}
			largest = s.maxSquare
		}
		s.call.add(p, grad, s.mean, s.square, largest, s.step)
	}
	for _, c := range g.calls {
		if l := c.lists; len(l[0]) > 0 {
			torch.Call("aten::_foreach_add_.Scalar", l[5], 1)
			s := c.settings
			s["lr"], s["beta1"], s["beta2"] = g.LR, g.Betas[0], g.Betas[1]
			s["weight_decay"], s["eps"] = g.WeightDecay, g.Eps
			s["amsgrad"], s["maximize"] = g.AMSGrad, g.Maximize
			torch.Call(g.adam.op, l[0], l[1], l[2], l[3], l[4], l[5], s)
		}
	}
}

// newCount returns a zero for the steps of p, where the fused kernels want it.
func newCount(p *torch.Tensor) (n *torch.Tensor) {
	torch.Unscoped(func() { n = torch.Zeros([]int{}, torch.Options{Device: p.Device()}) })
	return n
}

// StateDict returns what torch.optim.Adam's state_dict() does, or of
// NewAdamW torch.optim.AdamW's:
//
//	{"state": {0: {"step", "exp_avg", "exp_avg_sq"[, "max_exp_avg_sq"]}, …},
//	 "param_groups": [{"lr", "betas", …, "params": [0, …]}, …]}
func (a *Adam) StateDict() *torch.Dict { return a.groups.StateDict() }

func (g *AdamGroup) settings() *torch.Dict {
	return torch.NewDict(
		"lr", g.LR, "betas", torch.Tuple{g.Betas[0], g.Betas[1]}, "eps", g.Eps,
		"weight_decay", g.WeightDecay, "amsgrad", g.AMSGrad, "maximize", g.Maximize,
		"foreach", nil, "capturable", false, "differentiable", false, "fused", nil,
		"decoupled_weight_decay", g.adam.decoupled())
}

func (g *AdamGroup) state(i int) *torch.Dict {
	s := &g.states[i]
	if s.step == nil {
		return nil
	}
	d := torch.NewDict("step", s.step.Detach(), "exp_avg", s.mean.Detach(), "exp_avg_sq", s.square.Detach())
	if s.maxSquare != nil {
		d.Set("max_exp_avg_sq", s.maxSquare.Detach())
	}
	return d
}

func (g *AdamGroup) read(r *torch.DictReader) {
	decoupled := g.adam.decoupled()
	setNumber(r, "lr", &g.LR)
	if r.Has("betas") {
		copy(g.Betas[:], r.Numbers("betas", 2))
	}
	setNumber(r, "eps", &g.Eps)
	setNumber(r, "weight_decay", &g.WeightDecay)
	setFlag(r, "amsgrad", &g.AMSGrad)
	setFlag(r, "maximize", &g.Maximize)
	setFlag(r, "decoupled_weight_decay", &decoupled)
	if decoupled != g.adam.decoupled() {
		r.Fail("decoupled_weight_decay is %v: the state is that of the other of Adam and AdamW", decoupled)
	}
}

func (g *AdamGroup) readState(i int, from *saved) {
	s := &g.states[i]
	s.step, s.mean, s.square = from.count("step"), from.like("exp_avg"), from.like("exp_avg_sq")
	if _, ok := from.dict.Get("max_exp_avg_sq"); ok {
		s.maxSquare = from.like("max_exp_avg_sq")
	}
}

func (g *AdamGroup) close() {
	for _, s := range g.states {
		closeAll(s.step, s.mean, s.square, s.maxSquare)
	}
}
