// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// MuonConfig holds the settings of Muon. Start from [DefaultMuon].
type MuonConfig struct {
	LR             float64 // learning rate
	WeightDecay    float64 // shrinks the parameters themselves, as in AdamW
	Momentum       float64
	Nesterov       bool
	NSCoefficients [3]float64 // of the iteration of Newton and Schulz
	Eps            float64    // the smallest norm to divide by
	NSSteps        int        // of that iteration; below 100
	// AdjustLR is "original", for √max(1, rows/columns) times LR, which is also the
	// meaning of ""; "match_rms_adamw" for 0.2·√max(rows, columns); or
	// "spectral_unclamped" for √(rows/columns).
	AdjustLR string
}

// DefaultMuon returns the settings of PyTorch's Muon: LR 1e-3, WeightDecay 0.1, Momentum
// 0.95 of Nesterov's kind, 5 steps with the coefficients 3.4445, -4.775 and 2.0315.
func DefaultMuon() MuonConfig {
	return MuonConfig{
		LR: 1e-3, WeightDecay: 0.1, Momentum: 0.95, Nesterov: true,
		NSCoefficients: [3]float64{3.4445, -4.775, 2.0315}, Eps: 1e-7, NSSteps: 5,
	}
}

// Muon moves matrices by their momentum, which it makes nearly orthogonal by an iteration
// in bfloat16. It takes matrices alone: give biases and embeddings to another optimizer.
// From "Muon: an optimizer for hidden layers in neural networks", Jordan et al., 2024.
type Muon struct{ groups[MuonConfig] }

// NewMuon returns a Muon. It panics on parameters that are not matrices.
func NewMuon(params []*torch.Tensor, c MuonConfig) *Muon { return &Muon{newGroups(&muon, params, c)} }

// AddGroup adds matrices with settings of their own.
func (o *Muon) AddGroup(params []*torch.Tensor, c MuonConfig) {
	for i, p := range params {
		if p != nil && p.Dim() != 2 {
			throw("optim.Muon", "parameter %d has the shape %v; Muon takes matrices alone, give the others to another optimizer", i, p.Shape())
		}
	}
	o.groups.AddGroup(params, c)
}

var adjustments = []string{"original", "match_rms_adamw", "spectral_unclamped"}

var muon = rule[MuonConfig]{
	name: "optim.Muon",
	settings: func(c *MuonConfig) []setting {
		return []setting{
			{"lr", &c.LR}, {"weight_decay", &c.WeightDecay}, {"momentum", &c.Momentum}, {"nesterov", &c.Nesterov},
			{"ns_coefficients", &c.NSCoefficients}, {"eps", &c.Eps}, {"ns_steps", &c.NSSteps}, {"adjust_lr_fn", word{&c.AdjustLR}},
		}
	},
	check: func(c *MuonConfig) {
		started("optim.Muon", c.NSSteps == 0 && c.NSCoefficients == [3]float64{})
		notNegative("optim.Muon", "Momentum", c.Momentum)
		notNegative("optim.Muon", "WeightDecay", c.WeightDecay)
		must("optim.Muon", c.NSSteps < 100, "NSSteps is %d; it must be below 100", c.NSSteps)
		must("optim.Muon", c.AdjustLR == "" || slices.Contains(adjustments, c.AdjustLR), "AdjustLR is %q; it must be one of %q", c.AdjustLR, adjustments)
	},
	state:    []slot[MuonConfig]{{key: "momentum_buffer"}},
	momentum: func(c *MuonConfig) (*float64, bool) { return &c.Momentum, false },
	update: each(func(*MuonConfig) bool { return false }, func(c *MuonConfig, p, g *torch.Tensor, s []*torch.Tensor) {
		change := s[0].LerpInPlace(g, 1-c.Momentum)
		if c.Nesterov {
			change = g.Lerp(change, c.Momentum)
		}
		rows, columns := float64(p.Size(0)), float64(p.Size(1))
		factor := math.Sqrt(max(1, rows/columns))
		switch c.AdjustLR {
		case "match_rms_adamw":
			factor = 0.2 * math.Sqrt(max(rows, columns))
		case "spectral_unclamped":
			factor = math.Sqrt(rows / columns)
		}
		change = orthogonalized(c, change)
		p.MulScalarInPlace(1 - c.LR*c.WeightDecay)
		p.AddScaledInPlace(change, -c.LR*factor)
	}),
}

// orthogonalized returns what the iteration of Newton and Schulz makes of a matrix: its
// singular values come near 1.
func orthogonalized(c *MuonConfig, m *torch.Tensor) *torch.Tensor {
	x, tall := m.ToDType(torch.BFloat16), m.Size(0) > m.Size(1)
	if tall {
		x = x.T()
	}
	x = x.Div(x.Norm(2).ClampMin(c.Eps))
	for range c.NSSteps {
		gram := x.Matmul(x.T())
		// The order of roundings in bfloat16 is that of the fused product and sum.
		gram = addmm(gram, gram, gram, c.NSCoefficients[1], c.NSCoefficients[2])
		x = addmm(x, gram, x, c.NSCoefficients[0], 1)
	}
	if tall {
		x = x.T()
	}
	return x
}

// addmm returns beta·t + alpha·a·b.
func addmm(t, a, b *torch.Tensor, beta, alpha float64) *torch.Tensor {
	return torch.Call("aten::addmm", t, a, b, torch.Named{"beta": beta, "alpha": alpha}).Tensor()
}
