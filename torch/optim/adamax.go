// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

// AdamaxConfig holds the settings of Adamax. Start from [DefaultAdamax].
type AdamaxConfig struct {
	LR          float64    // learning rate
	Betas       [2]float64 // decay of the average of the gradient and of the largest one
	Eps         float64    // added to the size of the gradient
	WeightDecay float64
	Maximize    bool // climb instead of descending
}

// DefaultAdamax returns the settings of PyTorch's Adamax: LR 2e-3, Betas 0.9 and 0.999,
// Eps 1e-8.
func DefaultAdamax() AdamaxConfig {
	return AdamaxConfig{LR: 2e-3, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8}
}

// Adamax changes a parameter p with gradient g by
//
//	g = g + WeightDecay·p
//	m = β₁·m + (1-β₁)·g
//	u = max(β₂·u, |g| + Eps)
//	p = p - LR/(1-β₁ᵗ) · m/u
//
// From "Adam: a method for stochastic optimization", Kingma and Ba, 2014.
type Adamax struct{ groups[AdamaxConfig] }

// NewAdamax returns an Adamax.
func NewAdamax(params []*torch.Tensor, c AdamaxConfig) *Adamax {
	return &Adamax{newGroups(&adamax, params, c)}
}

var adamax = rule[AdamaxConfig]{
	name: "optim.Adamax",
	settings: func(c *AdamaxConfig) []setting {
		return []setting{
			{"lr", &c.LR}, {"betas", &c.Betas}, {"eps", &c.Eps}, {"weight_decay", &c.WeightDecay}, {"foreach", nil},
			{"maximize", &c.Maximize}, {"differentiable", false}, {"capturable", false},
		}
	},
	check:    func(c *AdamaxConfig) { checkMoments("optim.Adamax", c.Betas, c.Eps, c.WeightDecay) },
	state:    []slot[AdamaxConfig]{counter[AdamaxConfig](), {key: "exp_avg"}, {key: "exp_inf"}},
	momentum: func(c *AdamaxConfig) (*float64, bool) { return &c.Betas[0], true },
	update: each(func(c *AdamaxConfig) bool { return c.Maximize }, func(c *AdamaxConfig, p, g *torch.Tensor, s []*torch.Tensor) {
		n, mean, largest := count(s[0]), s[1], s[2]
		g = decayed(g, p, c.WeightDecay)
		mean.LerpInPlace(g, 1-c.Betas[0])
		largest.CopyInPlace(largest.MulScalar(c.Betas[1]).Maximum(g.Abs().AddScalarInPlace(c.Eps)))
		p.AddcdivInPlace(mean, largest, -c.LR/(1-math.Pow(c.Betas[0], n)))
	}),
}
