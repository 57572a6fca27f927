// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

// NAdamConfig holds the settings of NAdam. Start from [DefaultNAdam].
type NAdamConfig struct {
	LR                   float64    // learning rate
	Betas                [2]float64 // decay of the averages of the gradient and of its square
	Eps                  float64    // added to the denominator
	WeightDecay          float64
	MomentumDecay        float64
	DecoupledWeightDecay bool // WeightDecay shrinks the parameters themselves, as in AdamW
	Maximize             bool // climb instead of descending
}

// DefaultNAdam returns the settings of PyTorch's NAdam: LR 2e-3, Betas 0.9 and 0.999,
// Eps 1e-8, MomentumDecay 4e-3.
func DefaultNAdam() NAdamConfig {
	return NAdamConfig{LR: 2e-3, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8, MomentumDecay: 4e-3}
}

// NAdam is Adam with Nesterov's momentum: it changes a parameter p with gradient g by
//
//	μₜ = β₁·(1 - ½·0.96^(t·MomentumDecay))
//	m = β₁·m + (1-β₁)·g
//	v = β₂·v + (1-β₂)·g²
//	p = p - LR·(μₜ₊₁·m/(1-μ₁…μₜ₊₁) + (1-μₜ)·g/(1-μ₁…μₜ)) / (√(v/(1-β₂ᵗ)) + Eps)
//
// From "Incorporating Nesterov momentum into Adam", Dozat, 2016.
type NAdam struct{ groups[NAdamConfig] }

// NewNAdam returns a NAdam.
func NewNAdam(params []*torch.Tensor, c NAdamConfig) *NAdam {
	return &NAdam{newGroups(&nadam, params, c)}
}

var nadam = rule[NAdamConfig]{
	name: "optim.NAdam",
	settings: func(c *NAdamConfig) []setting {
		return []setting{
			{"lr", &c.LR}, {"betas", &c.Betas}, {"eps", &c.Eps}, {"weight_decay", &c.WeightDecay},
			{"momentum_decay", &c.MomentumDecay}, {"decoupled_weight_decay", &c.DecoupledWeightDecay},
			{"maximize", &c.Maximize}, {"foreach", nil}, {"capturable", false}, {"differentiable", false},
		}
	},
	check: func(c *NAdamConfig) {
		checkMoments("optim.NAdam", c.Betas, c.Eps, c.WeightDecay)
		notNegative("optim.NAdam", "MomentumDecay", c.MomentumDecay)
	},
	state: []slot[NAdamConfig]{
		counter[NAdamConfig](),
		{key: "mu_product", scalar: true, host: true, fill: func(_ *NAdamConfig, t *torch.Tensor) { t.FillInPlace(1) }},
		{key: "exp_avg"}, {key: "exp_avg_sq"},
	},
	momentum: func(c *NAdamConfig) (*float64, bool) { return &c.Betas[0], true },
	update: each(func(c *NAdamConfig) bool { return c.Maximize }, func(c *NAdamConfig, p, g *torch.Tensor, s []*torch.Tensor) {
		n, product, mean, square := count(s[0]), s[1], s[2], s[3]
		if c.DecoupledWeightDecay {
			p.MulScalarInPlace(1 - c.LR*c.WeightDecay)
		} else {
			g = decayed(g, p, c.WeightDecay)
		}
		momentum := func(n float64) float64 { return c.Betas[0] * (1 - 0.5*math.Pow(0.96, n*c.MomentumDecay)) }
		now, next := momentum(n), momentum(n+1)
		soFar := product.MulScalarInPlace(now).Item()
		mean.LerpInPlace(g, 1-c.Betas[0])
		square.MulScalarInPlace(c.Betas[1]).AddcmulInPlace(g, g, 1-c.Betas[1])
		size := square.DivScalar(1 - math.Pow(c.Betas[1], n)).Sqrt().AddScalarInPlace(c.Eps)
		p.AddcdivInPlace(g, size, -c.LR*(1-now)/(1-soFar))
		p.AddcdivInPlace(mean, size, -c.LR*next/(1-soFar*next))
	}),
}
