// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import "github.com/etude-ml/etude/torch"

// RpropConfig holds the settings of Rprop. Start from [DefaultRprop].
type RpropConfig struct {
	LR        float64    // the first step of each element
	Etas      [2]float64 // factors of the step where the sign of the gradient changed, and where it did not
	StepSizes [2]float64 // the smallest and the largest step
	Maximize  bool       // climb instead of descending
}

// DefaultRprop returns the settings of PyTorch's Rprop: LR 0.01, Etas 0.5 and 1.2,
// StepSizes 1e-6 and 50.
func DefaultRprop() RpropConfig {
	return RpropConfig{LR: 0.01, Etas: [2]float64{0.5, 1.2}, StepSizes: [2]float64{1e-6, 50}}
}

// Rprop moves each element of a parameter by a step of its own, against the sign of its
// gradient. The step grows while the sign stays, and shrinks when it changes, in which
// case the element rests once. It needs the gradient of the whole set of samples. From
// "A direct adaptive method for faster backpropagation learning", Riedmiller and Braun,
// 1993.
type Rprop struct{ groups[RpropConfig] }

// NewRprop returns an Rprop.
func NewRprop(params []*torch.Tensor, c RpropConfig) *Rprop {
	return &Rprop{newGroups(&rprop, params, c)}
}

var rprop = rule[RpropConfig]{
	name: "optim.Rprop",
	settings: func(c *RpropConfig) []setting {
		return []setting{
			{"lr", &c.LR}, {"etas", &c.Etas}, {"step_sizes", &c.StepSizes}, {"foreach", nil}, {"maximize", &c.Maximize},
			{"differentiable", false}, {"capturable", false},
		}
	},
	check: func(c *RpropConfig) {
		started("optim.Rprop", c.Etas == [2]float64{} && c.StepSizes == [2]float64{})
		must("optim.Rprop", c.Etas[0] > 0 && c.Etas[0] < 1 && c.Etas[1] > 1, "Etas are %v; the first must lie between 0 and 1, the second above 1", c.Etas)
	},
	state: []slot[RpropConfig]{
		counter[RpropConfig](), {key: "prev"},
		{key: "step_size", fill: func(c *RpropConfig, t *torch.Tensor) { t.FillInPlace(c.LR) }},
	},
	update: each(func(c *RpropConfig) bool { return c.Maximize }, func(c *RpropConfig, p, g *torch.Tensor, s []*torch.Tensor) {
		s[0].AddScalarInPlace(1)
		before, steps := s[1], s[2]
		same := g.Mul(before)
		turned := same.LtScalar(0)
		factor := torch.OnesLike(p).MaskedFill(same.GtScalar(0), c.Etas[1]).MaskedFill(turned, c.Etas[0])
		steps.CopyInPlace(steps.Mul(factor).Clamp(c.StepSizes[0], c.StepSizes[1]))
		before.CopyInPlace(g.MaskedFill(turned, 0))
		p.AddcmulInPlace(before.Sign(), steps, -1)
	}),
}
