// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import "github.com/etude-ml/etude/torch"

// AdagradConfig holds the settings of Adagrad. Start from [DefaultAdagrad].
type AdagradConfig struct {
	LR                      float64 // learning rate
	LRDecay                 float64 // the rate of step n is LR / (1 + (n-1)·LRDecay)
	WeightDecay             float64
	InitialAccumulatorValue float64 // of the sum of squares
	Eps                     float64 // added to the denominator
	Maximize                bool    // climb instead of descending
}

// DefaultAdagrad returns the settings of PyTorch's Adagrad: LR 0.01, Eps 1e-10.
func DefaultAdagrad() AdagradConfig { return AdagradConfig{LR: 0.01, Eps: 1e-10} }

// Adagrad changes a parameter p with gradient g by
//
//	g = g + WeightDecay·p
//	v = v + g²
//	p = p - LR/(1 + (n-1)·LRDecay) · g / (√v + Eps)
//
// From "Adaptive subgradient methods for online learning and stochastic optimization",
// Duchi, Hazan and Singer, 2011.
type Adagrad struct{ groups[AdagradConfig] }

// NewAdagrad returns an Adagrad.
func NewAdagrad(params []*torch.Tensor, c AdagradConfig) *Adagrad {
	return &Adagrad{newGroups(&adagrad, params, c)}
}

var adagrad = rule[AdagradConfig]{
	name: "optim.Adagrad",
	settings: func(c *AdagradConfig) []setting {
		return []setting{
			{"lr", &c.LR}, {"lr_decay", &c.LRDecay}, {"eps", &c.Eps}, {"weight_decay", &c.WeightDecay},
			{"initial_accumulator_value", &c.InitialAccumulatorValue}, {"foreach", nil}, {"maximize", &c.Maximize},
			{"differentiable", false}, {"fused", nil},
		}
	},
	check: func(c *AdagradConfig) {
		notNegative("optim.Adagrad", "LRDecay", c.LRDecay)
		notNegative("optim.Adagrad", "WeightDecay", c.WeightDecay)
		notNegative("optim.Adagrad", "InitialAccumulatorValue", c.InitialAccumulatorValue)
		notNegative("optim.Adagrad", "Eps", c.Eps)
	},
	state: []slot[AdagradConfig]{
		counter[AdagradConfig](),
		{key: "sum", fill: func(c *AdagradConfig, t *torch.Tensor) { t.FillInPlace(c.InitialAccumulatorValue) }},
	},
	update: each(func(c *AdagradConfig) bool { return c.Maximize }, func(c *AdagradConfig, p, g *torch.Tensor, s []*torch.Tensor) {
		n, sum := count(s[0]), s[1]
		g = decayed(g, p, c.WeightDecay)
		sum.AddcmulInPlace(g, g, 1)
		p.AddcdivInPlace(g, sum.Sqrt().AddScalarInPlace(c.Eps), -c.LR/(1+(n-1)*c.LRDecay))
	}),
}
