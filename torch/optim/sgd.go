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
type SGD struct {
	groups[SGDGroup, *SGDGroup]
}

// SGDGroup is some parameters with their settings, which may be changed between
// steps.
type SGDGroup struct {
	Params []*torch.Tensor // not to be changed
	SGDConfig

	buffers []*torch.Tensor // momentum of each parameter, nil before its first step
	calls   calls
	extra   *torch.Dict // keys of a loaded state dict that are not ours
}

const sgdName = "optim.SGD"

// NewSGD returns an SGD.
func NewSGD(params []*torch.Tensor, c SGDConfig) *SGD {
	s := &SGD{}
	s.name = sgdName
	s.AddGroup(params, c)
	return s
}

// AddGroup adds parameters with settings of their own.
func (s *SGD) AddGroup(params []*torch.Tensor, c SGDConfig) {
	s.add((&SGDGroup{Params: slices.Clone(params), SGDConfig: c}).fresh())
}

func (g *SGDGroup) fresh() *SGDGroup {
	return &SGDGroup{Params: g.Params, SGDConfig: g.SGDConfig, buffers: make([]*torch.Tensor, len(g.Params))}
}

func (g *SGDGroup) parts() ([]*torch.Tensor, *float64, **torch.Dict) {
	return g.Params, &g.LR, &g.extra
}

func (g *SGDGroup) check() {
	notNegative(sgdName, "LR", g.LR)
	notNegative(sgdName, "Momentum", g.Momentum)
	notNegative(sgdName, "WeightDecay", g.WeightDecay)
	if g.Nesterov && (g.Momentum <= 0 || g.Dampening != 0) {
		throw(sgdName, "Nesterov needs a Momentum above 0 and a Dampening of 0; they are %v and %v", g.Momentum, g.Dampening)
	}
}

func (g *SGDGroup) step() {
	g.calls.clear()
	for i, p := range g.Params {
		grad := p.Grad()
		if grad == nil {
			continue
		}
		first := g.Momentum != 0 && g.buffers[i] == nil
		if first {
			g.buffers[i] = zerosLike(p)
		}
		c := g.calls.of(kindOf(p), first)
		c.add(p, grad)
		if g.Momentum != 0 {
			c.lists[2] = append(c.lists[2], g.buffers[i])
		}
	}
	for _, c := range g.calls {
		if l, s := c.lists, c.settings; len(l[0]) > 0 {
			s["weight_decay"], s["momentum"], s["lr"] = g.WeightDecay, g.Momentum, g.LR
			s["dampening"], s["nesterov"], s["maximize"], s["is_first_step"] = g.Dampening, g.Nesterov, g.Maximize, c.first
			torch.Call("aten::_fused_sgd_", l[0], l[1], l[2], s)
		}
	}
}

// StateDict returns what torch.optim.SGD's state_dict() does:
//
//	{"state": {0: {"momentum_buffer"}, …},
//	 "param_groups": [{"lr", "momentum", …, "params": [0, …]}, …]}
func (s *SGD) StateDict() *torch.Dict { return s.groups.StateDict() }

func (g *SGDGroup) settings() *torch.Dict {
	return torch.NewDict(
		"lr", g.LR, "momentum", g.Momentum, "dampening", g.Dampening, "weight_decay", g.WeightDecay,
		"nesterov", g.Nesterov, "maximize", g.Maximize, "foreach", nil, "differentiable", false, "fused", nil)
}

func (g *SGDGroup) state(i int) *torch.Dict {
	if g.buffers[i] == nil {
		return nil
	}
	return torch.NewDict("momentum_buffer", g.buffers[i].Detach())
}

func (g *SGDGroup) read(r *torch.DictReader) {
	setNumber(r, "lr", &g.LR)
	setNumber(r, "momentum", &g.Momentum)
	setNumber(r, "dampening", &g.Dampening)
	setNumber(r, "weight_decay", &g.WeightDecay)
	setFlag(r, "nesterov", &g.Nesterov)
	setFlag(r, "maximize", &g.Maximize)
}

func (g *SGDGroup) readState(i int, from *saved) {
	if v, ok := from.dict.Get("momentum_buffer"); !ok || v != nil { // None as PyTorch writes without momentum
		g.buffers[i] = from.like("momentum_buffer")
	}
}

func (g *SGDGroup) close() { closeAll(g.buffers...) }
