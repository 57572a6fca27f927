// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"math"

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
	rated:     true,
	update: func(c *SGDConfig, u *update) {
		s := u.settings
		s["weight_decay"], s["momentum"] = c.WeightDecay, c.Momentum
		s["dampening"], s["nesterov"], s["maximize"], s["is_first_step"] = c.Dampening, c.Nesterov, c.Maximize, u.first
		u.fused("aten::_fused_sgd_", c.LR, u.params, u.grads, u.state[0])
	},
}

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
