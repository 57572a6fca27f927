// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
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
		update: func(c *AdamConfig, u *update) {
			steps, mean, square, largest := u.state[0], u.state[1], u.state[2], u.state[3]
			if u.found == nil {
				torch.Call("aten::_foreach_add_.Scalar", steps, 1)
			} else {
				torch.Call("aten::_foreach_add_.Tensor", steps, u.found.Neg().AddScalar(1))
			}
			s := u.settings
			s["lr"], s["beta1"], s["beta2"] = c.LR, c.Betas[0], c.Betas[1]
			s["weight_decay"], s["eps"], s["amsgrad"], s["maximize"] = c.WeightDecay, c.Eps, c.AMSGrad, c.Maximize
			s["found_inf"] = u.found
			torch.Call(op, u.params, u.grads, mean, square, largest, steps, s)
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
