// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

// ASGDConfig holds the settings of ASGD. Start from [DefaultASGD].
type ASGDConfig struct {
	LR          float64 // learning rate of the first step
	Lambd       float64 // decay of the parameters and of the rate
	Alpha       float64 // power of the decay of the rate
	T0          float64 // the step at which the average begins
	WeightDecay float64
	Maximize    bool // climb instead of descending
}

// DefaultASGD returns the settings of PyTorch's ASGD: LR 0.01, Lambd 1e-4, Alpha 0.75,
// T0 1e6.
func DefaultASGD() ASGDConfig { return ASGDConfig{LR: 0.01, Lambd: 1e-4, Alpha: 0.75, T0: 1e6} }

// ASGD is stochastic gradient descent that keeps an average of the parameters in its
// state, under "ax": at step t it changes a parameter p with gradient g by
//
//	η = LR / (1 + Lambd·LR·(t-1))^Alpha
//	p = (1 - Lambd·η)·p - η·(g + WeightDecay·p)
//	a = a + (p - a) / max(1, t-1-T0)
//
// From "Acceleration of stochastic approximation by averaging", Polyak and Juditsky, 1992.
type ASGD struct{ groups[ASGDConfig] }

// NewASGD returns an ASGD.
func NewASGD(params []*torch.Tensor, c ASGDConfig) *ASGD { return &ASGD{newGroups(&asgd, params, c)} }

var asgd = rule[ASGDConfig]{
	name: "optim.ASGD",
	settings: func(c *ASGDConfig) []setting {
		return []setting{
			{"lr", &c.LR}, {"lambd", &c.Lambd}, {"alpha", &c.Alpha}, {"t0", &c.T0}, {"weight_decay", &c.WeightDecay},
			{"foreach", nil}, {"maximize", &c.Maximize}, {"differentiable", false}, {"capturable", false},
		}
	},
	check: func(c *ASGDConfig) { notNegative("optim.ASGD", "WeightDecay", c.WeightDecay) },
	state: []slot[ASGDConfig]{
		counter[ASGDConfig](),
		{key: "eta", scalar: true, host: true, fill: func(c *ASGDConfig, t *torch.Tensor) { t.FillInPlace(c.LR) }},
		{key: "mu", scalar: true, host: true, fill: func(_ *ASGDConfig, t *torch.Tensor) { t.FillInPlace(1) }},
		{key: "ax"},
	},
	update: each(func(c *ASGDConfig) bool { return c.Maximize }, func(c *ASGDConfig, p, g *torch.Tensor, s []*torch.Tensor) {
		n, rate, share, average := count(s[0]), s[1], s[2], s[3]
		g = decayed(g, p, c.WeightDecay)
		p.MulScalarInPlace(1-c.Lambd*rate.Item()).AddScaledInPlace(g, -rate.Item())
		average.LerpInPlace(p, share.Item())
		rate.FillInPlace(c.LR / math.Pow(1+c.Lambd*c.LR*n, c.Alpha))
		share.FillInPlace(1 / max(1, n-c.T0))
	}),
}
