// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

// AdamConfig holds the settings of Adam and AdamW. Start from [DefaultAdam] or
// [DefaultAdamW] and change what should differ; a zero is a zero.
type AdamConfig struct {
	LR          float64    // learning rate
	Betas       [2]float64 // decay of the averages of the gradient and of its square, from 0 to below 1
	Eps         float64    // added to the denominator
	WeightDecay float64    // AdamW without decay is Adam
	AMSGrad     bool       // divide by the largest average so far
	Maximize    bool       // climb instead of descending
}

// DefaultAdam returns the settings of PyTorch's Adam: LR 1e-3, Betas 0.9 and 0.999,
// Eps 1e-8, no weight decay.
func DefaultAdam() AdamConfig { return AdamConfig{LR: 1e-3, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8} }

// DefaultAdamW returns the settings of PyTorch's AdamW: those of Adam and a weight
// decay of 0.01.
func DefaultAdamW() AdamConfig {
	c := DefaultAdam()
	c.WeightDecay = 0.01
	return c
}

// Adam changes a parameter p with gradient g by
//
//	g = g + WeightDecay·p              (Adam; of AdamW: p = p - LR·WeightDecay·p)
//	m = β₁·m + (1-β₁)·g
//	v = β₂·v + (1-β₂)·g²
//	p = p - LR · m/(1-β₁ᵗ) / (√(v/(1-β₂ᵗ)) + Eps)
//
// From "Adam: a method for stochastic optimization", Kingma and Ba, 2014, and
// "Decoupled weight decay regularization", Loshchilov and Hutter, 2017.
type Adam struct{ groups[AdamConfig] }

// NewAdam returns an Adam whose weight decay is added to the gradient. It panics on
// settings that cannot be, and on those that were not started from [DefaultAdam]:
// Betas and Eps are both 0 then, which is of no use.
func NewAdam(params []*torch.Tensor, c AdamConfig) *Adam { return &Adam{newGroups(&adam, params, c)} }

// NewAdamW returns an Adam whose weight decay shrinks the parameters themselves. It
// panics as NewAdam does; its settings start from [DefaultAdamW].
func NewAdamW(params []*torch.Tensor, c AdamConfig) *Adam { return &Adam{newGroups(&adamW, params, c)} }

var (
	adam  = adamRule("optim.Adam", "aten::_fused_adam_", false)
	adamW = adamRule("optim.AdamW", "aten::_fused_adamw_", true)
)

// adamRule returns the rule for a fused kernel, with the decay decoupled or not.
func adamRule(name, op string, decoupled bool) rule[AdamConfig] {
	return rule[AdamConfig]{
		name: name,
		settings: func(c *AdamConfig) []setting {
			return []setting{
				{"lr", &c.LR}, {"betas", &c.Betas}, {"eps", &c.Eps}, {"weight_decay", &c.WeightDecay},
				{"amsgrad", &c.AMSGrad}, {"maximize", &c.Maximize},
				{"foreach", nil}, {"capturable", false}, {"differentiable", false}, {"fused", nil},
				{"decoupled_weight_decay", fixed{decoupled, "the state is that of the other of Adam and AdamW"}},
			}
		},
		check: func(c *AdamConfig) { checkMoments(name, c.Betas, c.Eps, c.WeightDecay) },
		state: []slot[AdamConfig]{
			{key: "step", scalar: true}, {key: "exp_avg"}, {key: "exp_avg_sq"},
			{key: "max_exp_avg_sq", when: func(c *AdamConfig) bool { return c.AMSGrad }, mayLack: true},
		},
		momentum:  func(c *AdamConfig) (*float64, bool) { return &c.Betas[0], true },
		leavesOut: func(*AdamConfig) bool { return true },
		rated:     true,
		update: func(c *AdamConfig, u *update) {
			steps, mean, square, largest := u.state[0], u.state[1], u.state[2], u.state[3]
			if u.found == nil {
				torch.Call("aten::_foreach_add_.Scalar", steps, 1)
			} else {
				torch.Call("aten::_foreach_add_.Tensor", steps, u.found.Neg().AddScalar(1))
			}
			s := u.settings
			s["beta1"], s["beta2"] = c.Betas[0], c.Betas[1]
			s["weight_decay"], s["eps"], s["amsgrad"], s["maximize"] = c.WeightDecay, c.Eps, c.AMSGrad, c.Maximize
			u.fused(op, c.LR, u.params, u.grads, mean, square, largest, steps)
		},
	}
}

// checkMoments panics on settings of an optimizer with two averages that cannot be.
func checkMoments(name string, betas [2]float64, eps, decay float64) {
	started(name, betas == [2]float64{} && eps == 0)
	fraction(name, "Betas[0]", betas[0])
	fraction(name, "Betas[1]", betas[1])
	notNegative(name, "Eps", eps)
	notNegative(name, "WeightDecay", decay)
}

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
