// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import "github.com/etude-ml/etude/torch"

// AdadeltaConfig holds the settings of Adadelta. Start from [DefaultAdadelta].
type AdadeltaConfig struct {
	LR          float64 // a factor of the step that the rule finds itself
	Rho         float64 // decay of the averages
	Eps         float64 // added under the roots
	WeightDecay float64
	Maximize    bool // climb instead of descending
}

// DefaultAdadelta returns the settings of PyTorch's Adadelta: LR 1, Rho 0.9, Eps 1e-6.
func DefaultAdadelta() AdadeltaConfig { return AdadeltaConfig{LR: 1, Rho: 0.9, Eps: 1e-6} }

// Adadelta changes a parameter p with gradient g by
//
//	g = g + WeightDecay·p
//	v = Rho·v + (1-Rho)·g²
//	d = √(u + Eps) / √(v + Eps) · g
//	u = Rho·u + (1-Rho)·d²
//	p = p - LR·d
//
// From "ADADELTA: an adaptive learning rate method", Zeiler, 2012.
type Adadelta struct{ groups[AdadeltaConfig] }

// NewAdadelta returns an Adadelta.
func NewAdadelta(params []*torch.Tensor, c AdadeltaConfig) *Adadelta {
	return &Adadelta{newGroups(&adadelta, params, c)}
}

var adadelta = rule[AdadeltaConfig]{
	name: "optim.Adadelta",
	settings: func(c *AdadeltaConfig) []setting {
		return []setting{
			{"lr", &c.LR}, {"rho", &c.Rho}, {"eps", &c.Eps}, {"weight_decay", &c.WeightDecay}, {"maximize", &c.Maximize},
			{"capturable", false}, {"foreach", nil}, {"differentiable", false},
		}
	},
	check: func(c *AdadeltaConfig) {
		started("optim.Adadelta", c.Rho == 0 && c.Eps == 0)
		must("optim.Adadelta", c.Rho >= 0 && c.Rho <= 1, "Rho is %v; it must be from 0 to 1", c.Rho)
		notNegative("optim.Adadelta", "Eps", c.Eps)
		notNegative("optim.Adadelta", "WeightDecay", c.WeightDecay)
	},
	state: []slot[AdadeltaConfig]{counter[AdadeltaConfig](), {key: "square_avg"}, {key: "acc_delta"}},
	update: each(func(c *AdadeltaConfig) bool { return c.Maximize }, func(c *AdadeltaConfig, p, g *torch.Tensor, s []*torch.Tensor) {
		s[0].AddScalarInPlace(1)
		square, deltas := s[1], s[2]
		g = decayed(g, p, c.WeightDecay)
		square.MulScalarInPlace(c.Rho).AddcmulInPlace(g, g, 1-c.Rho)
		delta := deltas.AddScalar(c.Eps).Sqrt().DivInPlace(square.AddScalar(c.Eps).Sqrt()).MulInPlace(g)
		deltas.MulScalarInPlace(c.Rho).AddcmulInPlace(delta, delta, 1-c.Rho)
		p.AddScaledInPlace(delta, -c.LR)
	}),
}
