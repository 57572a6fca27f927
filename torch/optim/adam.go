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
	groups []*AdamGroup
	op     string // the fused kernel
	name   string
}

// AdamGroup is some parameters with their settings, which may be changed between
// steps.
type AdamGroup struct {
	Params []*torch.Tensor // not to be changed
	AdamConfig

	state []adamState // of each parameter
	lists []*adamLists
	extra *torch.Dict // keys of a loaded state dict that are not ours
}

// NewAdam returns an Adam whose weight decay is added to the gradient. It panics on
// settings that cannot be, and on those that were not started from [DefaultAdam]:
// Betas and Eps are both 0 then, which is of no use.
func NewAdam(params []*torch.Tensor, c AdamConfig) *Adam {
	a := &Adam{op: "aten::_fused_adam_", name: "optim.Adam"}
	a.AddGroup(params, c)
	return a
}

// NewAdamW returns an Adam whose weight decay shrinks the parameters themselves. It
// panics as NewAdam does; its settings start from [DefaultAdamW].
func NewAdamW(params []*torch.Tensor, c AdamConfig) *Adam {
	a := &Adam{op: "aten::_fused_adamw_", name: "optim.AdamW"}
	a.AddGroup(params, c)
	return a
}

func (a *Adam) decoupled() bool { return a.op == "aten::_fused_adamw_" }

// AddGroup adds parameters with settings of their own.
func (a *Adam) AddGroup(params []*torch.Tensor, c AdamConfig) {
	if c.Betas == [2]float64{} && c.Eps == 0 {
		throw(a.name, "Betas and Eps are 0: start from optim.Default%s() and change what should differ", strings.TrimPrefix(a.name, "optim."))
	}
	c.check(a.name)
	checkParams(a.name, params, a.params()...)
	a.groups = append(a.groups, &AdamGroup{Params: slices.Clone(params), AdamConfig: c, state: make([]adamState, len(params))})
}

func (c *AdamConfig) check(op string) {
	notNegative(op, "LR", c.LR)
	notNegative(op, "Eps", c.Eps)
	notNegative(op, "WeightDecay", c.WeightDecay)
	for i, b := range c.Betas {
		if !(b >= 0 && b < 1) {
			throw(op, "Betas[%d] is %v; it must be at least 0 and less than 1", i, b)
		}
	}
}

func (a *Adam) params() [][]*torch.Tensor {
	all := make([][]*torch.Tensor, len(a.groups))
	for i, g := range a.groups {
		all[i] = g.Params
	}
	return all
}

// Groups returns the groups in order, the constructor's first.
func (a *Adam) Groups() []*AdamGroup { return a.groups }

// Parameters returns the parameters of all groups, in order.
func (a *Adam) Parameters() []*torch.Tensor { return slices.Concat(a.params()...) }

// LR returns the learning rate of the first group.
func (a *Adam) LR() float64 { return a.groups[0].LR }

// SetLR sets the learning rate of every group.
func (a *Adam) SetLR(lr float64) {
	notNegative(a.name, "LR", lr)
	for _, g := range a.groups {
		g.LR = lr
	}
}

// ZeroGrad drops the gradients.
func (a *Adam) ZeroGrad() {
	for _, g := range a.groups {
		torch.ZeroGrad(g.Params)
	}
}

// Step changes each parameter that has a gradient.
func (a *Adam) Step() {
	step(func() {
		for _, g := range a.groups {
			g.step(a.op)
		}
	})
}
