// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import "github.com/etude-ml/etude/torch"

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
type SGD struct{ groups[SGDConfig] }

// NewSGD returns an SGD.
func NewSGD(params []*torch.Tensor, c SGDConfig) *SGD { return &SGD{newGroups(&sgd, params, c)} }

var sgd = rule[SGDConfig]{
	name: "optim.SGD",
	settings: func(c *SGDConfig) []setting {
		return []setting{
			{"lr", &c.LR}, {"momentum", &c.Momentum}, {"dampening", &c.Dampening}, {"weight_decay", &c.WeightDecay},
			{"nesterov", &c.Nesterov}, {"maximize", &c.Maximize}, {"foreach", nil}, {"differentiable", false}, {"fused", nil},
		}
	},
	check: func(c *SGDConfig) {
		notNegative("optim.SGD", "Momentum", c.Momentum)
		notNegative("optim.SGD", "WeightDecay", c.WeightDecay)
		must("optim.SGD", !c.Nesterov || c.Momentum > 0 && c.Dampening == 0, "Nesterov needs a Momentum above 0 and a Dampening of 0; they are %v and %v", c.Momentum, c.Dampening)
	},
	state:    []slot[SGDConfig]{{key: "momentum_buffer", when: func(c *SGDConfig) bool { return c.Momentum != 0 }}},
	momentum: func(c *SGDConfig) (*float64, bool) { return &c.Momentum, false },
	// The first b is not dampened; whether it was left out, only the device knows.
	leavesOut: func(c *SGDConfig) bool { return c.Dampening == 0 },
	update: func(c *SGDConfig, u *update) {
		s := u.settings
		s["weight_decay"], s["momentum"], s["lr"] = c.WeightDecay, c.Momentum, c.LR
		s["dampening"], s["nesterov"], s["maximize"], s["is_first_step"] = c.Dampening, c.Nesterov, c.Maximize, u.first
		s["found_inf"] = u.found
		torch.Call("aten::_fused_sgd_", u.params, u.grads, u.state[0], s)
	},
}
