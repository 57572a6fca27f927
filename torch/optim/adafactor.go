// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"cmp"
	"math"

	"github.com/etude-ml/etude/torch"
)

// AdafactorConfig holds the settings of Adafactor. Start from [DefaultAdafactor].
type AdafactorConfig struct {
	LR          float64 // the largest relative step
	Beta2Decay  float64 // power of the decay of the averages; below 0
	Eps1        float64 // the smallest gradient; 0 is the epsilon of the parameter's type, PyTorch's None
	Eps2        float64 // the smallest size of a parameter
	D           float64 // the largest root mean square of an update
	WeightDecay float64
	Maximize    bool // climb instead of descending
}

// DefaultAdafactor returns the settings of PyTorch's Adafactor: LR 0.01, Beta2Decay -0.8,
// Eps1 of the type, Eps2 1e-3, D 1.
func DefaultAdafactor() AdafactorConfig {
	return AdafactorConfig{LR: 0.01, Beta2Decay: -0.8, Eps2: 1e-3, D: 1}
}

// Adafactor keeps the averages of the squared gradient of a matrix by row and by column
// alone, so that its state is small. Its steps are relative to the size of the parameter.
// From "Adafactor: adaptive learning rates with sublinear memory cost", Shazeer and Stern,
// 2018. On a GPU the host waits twice for each parameter, as PyTorch does when it takes
// them one by one.
type Adafactor struct{ groups[AdafactorConfig] }

// NewAdafactor returns an Adafactor.
func NewAdafactor(params []*torch.Tensor, c AdafactorConfig) *Adafactor {
	return &Adafactor{newGroups(&adafactor, params, c)}
}

// summed returns the shape of p with one dimension, counted from the last, of size 1;
// nil for a vector.
func summed(p *torch.Tensor, dim int) []int {
	shape := p.Shape()
	if len(shape) < 2 {
		return nil
	}
	shape[len(shape)-dim] = 1
	return shape
}

var adafactor = rule[AdafactorConfig]{
	name: "optim.Adafactor",
	settings: func(c *AdafactorConfig) []setting {
		return []setting{
			{"lr", &c.LR}, {"beta2_decay", &c.Beta2Decay}, {"eps", noneOr{&c.Eps1, &c.Eps2}}, {"d", &c.D},
			{"weight_decay", &c.WeightDecay}, {"foreach", nil}, {"maximize", &c.Maximize},
		}
	},
	check: func(c *AdafactorConfig) {
		started("optim.Adafactor", c.D == 0)
		must("optim.Adafactor", c.Beta2Decay <= 0, "Beta2Decay is %v; it must not be above 0", c.Beta2Decay)
		notNegative("optim.Adafactor", "Eps1", c.Eps1)
		notNegative("optim.Adafactor", "Eps2", c.Eps2)
		notNegative("optim.Adafactor", "WeightDecay", c.WeightDecay)
		must("optim.Adafactor", c.D >= 1, "D is %v; it must be at least 1", c.D)
	},
	state: []slot[AdafactorConfig]{
		counter[AdafactorConfig](),
		{key: "row_var", shape: func(p *torch.Tensor) []int { return summed(p, 1) }},
		{key: "col_var", shape: func(p *torch.Tensor) []int { return summed(p, 2) }},
		{key: "variance", shape: func(p *torch.Tensor) []int {
			if p.Dim() < 2 {
				return append([]int{}, p.Shape()...)
			}
			return nil
		}},
	},
	update: each(func(c *AdafactorConfig) bool { return c.Maximize }, func(c *AdafactorConfig, p, g *torch.Tensor, s []*torch.Tensor) {
		n, rows, columns, variance := count(s[0]), s[1], s[2], s[3]
		ofType := map[torch.DType]float64{torch.Float64: 0x1p-52, torch.Float16: 0x1p-10, torch.BFloat16: 0x1p-7}
		eps := cmp.Or(c.Eps1, ofType[p.DType()], 0x1p-23)
		share, root := math.Pow(n, c.Beta2Decay), func(x *torch.Tensor) float64 { return x.Norm(2).Item() / math.Sqrt(float64(x.Numel())) }
		rate := max(c.Eps2, root(p)) * min(c.LR, 1/math.Sqrt(n))
		p.MulScalarInPlace(1 - c.LR*c.WeightDecay)
		var square *torch.Tensor
		if variance == nil {
			squared := g.Square()
			rows.LerpInPlace(squared.MeanDim([]int{-1}, true), share)
			columns.LerpInPlace(squared.MeanDim([]int{-2}, true), share)
			square = rows.Matmul(columns).DivInPlace(rows.MeanDim([]int{-2}, true).ClampMin(eps))
		} else {
			square = variance.LerpInPlace(g.Square(), share)
		}
		change := square.ClampMin(eps * eps).Rsqrt().MulInPlace(g)
		p.AddScaledInPlace(change, -rate/max(1, root(change)/c.D))
	}),
}
