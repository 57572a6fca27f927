// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import "github.com/etude-ml/etude/torch"

// RMSpropConfig holds the settings of RMSprop. Start from [DefaultRMSprop].
type RMSpropConfig struct {
	LR          float64 // learning rate
	Alpha       float64 // decay of the averages
	Eps         float64 // added to the denominator
	WeightDecay float64
	Momentum    float64
	Centered    bool // divide by an estimate of the deviation, and not of the root of the square
	Maximize    bool // climb instead of descending
}

// DefaultRMSprop returns the settings of PyTorch's RMSprop: LR 0.01, Alpha 0.99, Eps 1e-8.
func DefaultRMSprop() RMSpropConfig { return RMSpropConfig{LR: 0.01, Alpha: 0.99, Eps: 1e-8} }

// RMSprop changes a parameter p with gradient g by
//
//	g = g + WeightDecay·p
//	v = Alpha·v + (1-Alpha)·g²
//	a = Alpha·a + (1-Alpha)·g              (0 unless Centered)
//	b = Momentum·b + g/(√(v - a²) + Eps)
//	p = p - LR·b
//
// From Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning", 2012,
// and, centred, "Generating sequences with recurrent neural networks", Graves, 2013.
type RMSprop struct{ groups[RMSpropConfig] }

// NewRMSprop returns an RMSprop.
func NewRMSprop(params []*torch.Tensor, c RMSpropConfig) *RMSprop {
	return &RMSprop{newGroups(&rmsprop, params, c)}
}

var rmsprop = rule[RMSpropConfig]{
	name: "optim.RMSprop",
	settings: func(c *RMSpropConfig) []setting {
		return []setting{
			{"lr", &c.LR}, {"momentum", &c.Momentum}, {"alpha", &c.Alpha}, {"eps", &c.Eps}, {"centered", &c.Centered},
			{"weight_decay", &c.WeightDecay}, {"capturable", false}, {"foreach", nil}, {"maximize", &c.Maximize}, {"differentiable", false},
		}
	},
	check: func(c *RMSpropConfig) {
		started("optim.RMSprop", c.Alpha == 0 && c.Eps == 0)
		notNegative("optim.RMSprop", "Alpha", c.Alpha)
		notNegative("optim.RMSprop", "Eps", c.Eps)
		notNegative("optim.RMSprop", "WeightDecay", c.WeightDecay)
		notNegative("optim.RMSprop", "Momentum", c.Momentum)
	},
	state: []slot[RMSpropConfig]{
		counter[RMSpropConfig](), {key: "square_avg"},
		{key: "momentum_buffer", when: func(c *RMSpropConfig) bool { return c.Momentum > 0 }, mayLack: true},
		{key: "grad_avg", when: func(c *RMSpropConfig) bool { return c.Centered }, mayLack: true},
	},
	momentum: func(c *RMSpropConfig) (*float64, bool) { return &c.Momentum, false },
	update: each(func(c *RMSpropConfig) bool { return c.Maximize }, func(c *RMSpropConfig, p, g *torch.Tensor, s []*torch.Tensor) {
		s[0].AddScalarInPlace(1)
		square, velocity, mean := s[1], s[2], s[3]
		g = decayed(g, p, c.WeightDecay)
		square.MulScalarInPlace(c.Alpha).AddcmulInPlace(g, g, 1-c.Alpha)
		size := square
		if c.Centered {
			mean.LerpInPlace(g, 1-c.Alpha)
			size = square.Addcmul(mean, mean, -1)
		}
		size = size.Sqrt().AddScalarInPlace(c.Eps)
		if c.Momentum == 0 {
			p.AddcdivInPlace(g, size, -c.LR)
			return
		}
		velocity.MulScalarInPlace(c.Momentum).AddcdivInPlace(g, size, 1)
		p.AddScaledInPlace(velocity, -c.LR)
	}),
}
