// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"slices"

	"github.com/etude-ml/etude/torch"
)

// AdamConfig holds the settings of Adam and AdamW. A zero means PyTorch's default.
type AdamConfig struct {
	LR          float64    // learning rate; 1e-3
	Betas       [2]float64 // decay of the averages of the gradient and of its square; 0.9, 0.999
	Eps         float64    // added to the denominator; 1e-8
	WeightDecay float64    // 0 for Adam, 0.01 for AdamW (which without decay is Adam)
	AMSGrad     bool       // divide by the largest average so far
	Maximize    bool       // climb instead of descending
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
// steps. Here a zero is a zero.
type AdamGroup struct {
	Params []*torch.Tensor // not to be changed
	AdamConfig

	state []adamState // of each parameter
	lists []*adamLists
	extra *torch.Dict // keys of a loaded state dict that are not ours
}

// NewAdam returns an Adam whose weight decay is added to the gradient.
func NewAdam(params []*torch.Tensor, c AdamConfig) *Adam {
	a := &Adam{op: "aten::_fused_adam_", name: "optim.Adam"}
	a.AddGroup(params, c)
	return a
}

// NewAdamW returns an Adam whose weight decay shrinks the parameters themselves.
func NewAdamW(params []*torch.Tensor, c AdamConfig) *Adam {
	a := &Adam{op: "aten::_fused_adamw_", name: "optim.AdamW"}
	a.AddGroup(params, c)
	return a
}

func (a *Adam) decoupled() bool { return a.op == "aten::_fused_adamw_" }

// AddGroup adds parameters with settings of their own.
func (a *Adam) AddGroup(params []*torch.Tensor, c AdamConfig) {
	setDefault(&c.LR, 1e-3)
	setDefault(&c.Eps, 1e-8)
	if c.Betas == [2]float64{} {
		c.Betas = [2]float64{0.9, 0.999}
	}
	if a.decoupled() {
		setDefault(&c.WeightDecay, 0.01)
	}
	c.check(a.name)
	checkParams(a.name, params, a.params()...)
	a.groups = append(a.groups, &AdamGroup{Params: slices.Clone(params), AdamConfig: c, state: make([]adamState, len(params))})
}

func setDefault(x *float64, d float64) {
	if *x == 0 {
		*x = d
	}
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
