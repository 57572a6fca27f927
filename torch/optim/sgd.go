// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"slices"

	"github.com/etude-ml/etude/torch"
)

// SGDConfig holds the settings of SGD. A zero is a zero, also a learning rate of 0.
type SGDConfig struct {
	LR          float64 // learning rate
	Momentum    float64
	Dampening   float64 // of momentum
	WeightDecay float64
	Nesterov    bool // needs a Momentum and no Dampening
	Maximize    bool // climb instead of descending
}

// DefaultSGD returns the settings of PyTorch's SGD: LR 1e-3, all else 0.
func DefaultSGD() SGDConfig { return SGDConfig{LR: 1e-3} }

// SGD is stochastic gradient descent; it changes a parameter p with gradient g by
//
//	g = g + WeightDecay·p
//	b = Momentum·b + (1-Dampening)·g    (the first time b = g)
//	p = p - LR·b                        (Nesterov: p - LR·(g + Momentum·b))
//
// Nesterov's momentum is that of "On the importance of initialization and momentum
// in deep learning", Sutskever et al., 2013, in PyTorch's form.
type SGD struct{ groups []*SGDGroup }

// SGDGroup is some parameters with their settings, which may be changed between
// steps.
type SGDGroup struct {
	Params []*torch.Tensor // not to be changed
	SGDConfig

	buffers []*torch.Tensor // momentum of each parameter, nil before its first step
	lists   []*sgdLists
	extra   *torch.Dict // keys of a loaded state dict that are not ours
}

const sgdName = "optim.SGD"

// NewSGD returns an SGD.
func NewSGD(params []*torch.Tensor, c SGDConfig) *SGD {
	s := &SGD{}
	s.AddGroup(params, c)
	return s
}

// AddGroup adds parameters with settings of their own.
func (s *SGD) AddGroup(params []*torch.Tensor, c SGDConfig) {
	c.check()
	checkParams(sgdName, params, s.params()...)
	s.groups = append(s.groups, &SGDGroup{Params: slices.Clone(params), SGDConfig: c, buffers: make([]*torch.Tensor, len(params))})
}

func (c *SGDConfig) check() {
	notNegative(sgdName, "LR", c.LR)
	notNegative(sgdName, "Momentum", c.Momentum)
	notNegative(sgdName, "WeightDecay", c.WeightDecay)
	if c.Nesterov && (c.Momentum <= 0 || c.Dampening != 0) {
		throw(sgdName, "Nesterov needs a Momentum above 0 and a Dampening of 0; they are %v and %v", c.Momentum, c.Dampening)
	}
}

func (s *SGD) params() [][]*torch.Tensor {
	all := make([][]*torch.Tensor, len(s.groups))
	for i, g := range s.groups {
		all[i] = g.Params
	}
	return all
}

// Groups returns the groups in order, the constructor's first.
func (s *SGD) Groups() []*SGDGroup { return s.groups }

// Parameters returns the parameters of all groups, in order.
func (s *SGD) Parameters() []*torch.Tensor { return slices.Concat(s.params()...) }

// LR returns the learning rate of the first group.
func (s *SGD) LR() float64 { return s.groups[0].LR }

// SetLR sets the learning rate of every group.
func (s *SGD) SetLR(lr float64) {
	notNegative(sgdName, "LR", lr)
	for _, g := range s.groups {
		g.LR = lr
	}
}

// ZeroGrad drops the gradients.
func (s *SGD) ZeroGrad() {
	for _, g := range s.groups {
		torch.ZeroGrad(g.Params)
	}
}

// Step changes each parameter that has a gradient.
func (s *SGD) Step() {
	step(func() {
		for _, g := range s.groups {
			g.step()
		}
	})
}

// sgdLists are the arguments of one fused call, kept from step to step: the
// parameters of a kind whose momentum begins at this step, or those of a kind
// whose momentum there was before.
type sgdLists struct {
	kind                   kind
	first                  bool
	params, grads, buffers []*torch.Tensor
	settings               torch.Named
}

func (g *SGDGroup) step() {
	for _, l := range g.lists {
		l.params, l.grads, l.buffers = l.params[:0], l.grads[:0], l.buffers[:0]
	}
	for i, p := range g.Params {
		grad := p.Grad()
		if grad == nil {
			continue
		}
		first := g.Momentum != 0 && g.buffers[i] == nil
		if first {
			g.buffers[i] = zerosLike(p)
		}
		l := g.listsOf(kindOf(p), first)
		l.params, l.grads = append(l.params, p), append(l.grads, grad)
		if g.Momentum != 0 {
			l.buffers = append(l.buffers, g.buffers[i])
		}
	}
	for _, l := range g.lists {
		if len(l.params) > 0 {
			l.call(&g.SGDConfig)
		}
	}
}

func (g *SGDGroup) listsOf(k kind, first bool) *sgdLists {
	for _, l := range g.lists {
		if l.kind == k && l.first == first {
			return l
		}
	}
	l := &sgdLists{kind: k, first: first, settings: torch.Named{"is_first_step": first}}
	g.lists = append(g.lists, l)
	return l
}

func (l *sgdLists) call(c *SGDConfig) {
	s := l.settings
	s["weight_decay"], s["momentum"], s["lr"] = c.WeightDecay, c.Momentum, c.LR
	s["dampening"], s["nesterov"], s["maximize"] = c.Dampening, c.Nesterov, c.Maximize
	torch.Call("aten::_fused_sgd_", l.params, l.grads, l.buffers, s)
}
