// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

// RAdamConfig holds the settings of RAdam. Start from [DefaultRAdam].
type RAdamConfig struct {
	LR                   float64    // learning rate
	Betas                [2]float64 // decay of the averages of the gradient and of its square
	Eps                  float64    // added to the denominator
	WeightDecay          float64
	DecoupledWeightDecay bool // WeightDecay shrinks the parameters themselves, as in AdamW
	Maximize             bool // climb instead of descending
}

// DefaultRAdam returns the settings of PyTorch's RAdam: LR 1e-3, Betas 0.9 and 0.999,
// Eps 1e-8.
func DefaultRAdam() RAdamConfig {
	return RAdamConfig{LR: 1e-3, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8}
}

// RAdam is Adam that leaves the average of the squares out of account while it rests on
// too few steps. With ρ∞ = 2/(1-β₂) - 1 and ρ = ρ∞ - 2·t·β₂ᵗ/(1-β₂ᵗ) it changes a
// parameter p with gradient g by
//
//	m = β₁·m + (1-β₁)·g
//	v = β₂·v + (1-β₂)·g²
//	r = √((ρ-4)·(ρ-2)·ρ∞ / ((ρ∞-4)·(ρ∞-2)·ρ))
//	p = p - LR · m/(1-β₁ᵗ) · r·√(1-β₂ᵗ)/(√v + Eps)    where ρ > 5
//	p = p - LR · m/(1-β₁ᵗ)                            elsewhere
//
// From "On the variance of the adaptive learning rate and beyond", Liu et al., 2019.
type RAdam struct{ groups[RAdamConfig] }

// NewRAdam returns a RAdam.
func NewRAdam(params []*torch.Tensor, c RAdamConfig) *RAdam {
	return &RAdam{newGroups(&radam, params, c)}
}

var radam = rule[RAdamConfig]{
	name: "optim.RAdam",
	settings: func(c *RAdamConfig) []setting {
		return []setting{
			{"lr", &c.LR}, {"betas", &c.Betas}, {"eps", &c.Eps}, {"weight_decay", &c.WeightDecay}, {"maximize", &c.Maximize},
			{"foreach", nil}, {"capturable", false}, {"decoupled_weight_decay", &c.DecoupledWeightDecay}, {"differentiable", false},
		}
	},
	check:    func(c *RAdamConfig) { checkMoments("optim.RAdam", c.Betas, c.Eps, c.WeightDecay) },
	state:    []slot[RAdamConfig]{counter[RAdamConfig](), {key: "exp_avg"}, {key: "exp_avg_sq"}},
	momentum: func(c *RAdamConfig) (*float64, bool) { return &c.Betas[0], true },
	update: each(func(c *RAdamConfig) bool { return c.Maximize }, func(c *RAdamConfig, p, g *torch.Tensor, s []*torch.Tensor) {
		n, mean, square := count(s[0]), s[1], s[2]
		if c.DecoupledWeightDecay {
			p.MulScalarInPlace(1 - c.LR*c.WeightDecay)
		} else {
			g = decayed(g, p, c.WeightDecay)
		}
		mean.LerpInPlace(g, 1-c.Betas[0])
		square.MulScalarInPlace(c.Betas[1]).AddcmulInPlace(g, g, 1-c.Betas[1])
		power := math.Pow(c.Betas[1], n)
		rate, whole := c.LR/(1-math.Pow(c.Betas[0], n)), 2/(1-c.Betas[1])-1
		length := whole - 2*n*power/(1-power)
		if length <= 5 {
			p.AddScaledInPlace(mean, -rate)
			return
		}
		rectified := math.Sqrt((length - 4) * (length - 2) * whole / ((whole - 4) * (whole - 2) * length))
		p.AddcdivInPlace(mean, square.Sqrt().AddScalarInPlace(c.Eps), -rate*rectified*math.Sqrt(1-power))
	}),
}
