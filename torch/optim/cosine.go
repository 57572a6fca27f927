// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import "math"

// CosineAnnealingLRConfig holds the settings of a CosineAnnealingLR.
type CosineAnnealingLRConfig struct {
	TMax   int     // epochs from the first learning rate down to EtaMin; at least 1
	EtaMin float64 // the lowest learning rate
}

// CosineAnnealingLR lets the learning rates fall along half a cosine:
//
//	lr = EtaMin + (first - EtaMin)·(1 + cos(π·epoch/TMax))/2
//
// After TMax epochs they rise again, without a restart. From "SGDR: stochastic
// gradient descent with warm restarts", Loshchilov and Hutter, 2016; in PyTorch's
// form, which computes each rate from the one before it.
type CosineAnnealingLR struct {
	schedule[CosineAnnealingLRConfig]
}

// NewCosineAnnealingLR returns a CosineAnnealingLR for o. It panics where TMax is
// below 1.
func NewCosineAnnealingLR(o Optimizer, c CosineAnnealingLRConfig) *CosineAnnealingLR {
	return &CosineAnnealingLR{newSchedule(&cosineAnnealingLR, o, c)}
}

var cosineAnnealingLR = curve[CosineAnnealingLRConfig]{
	name: "CosineAnnealingLR",
	settings: func(c *CosineAnnealingLRConfig) []setting {
		return []setting{{"T_max", &c.TMax}, {"eta_min", &c.EtaMin}}
	},
	check: func(c *CosineAnnealingLRConfig) { atLeast1("optim.CosineAnnealingLR", "TMax", c.TMax) },
	rate: func(c *CosineAnnealingLRConfig, m moment, lr float64) float64 {
		height := func(epoch int) float64 { return 1 + math.Cos(math.Pi*float64(epoch)/float64(c.TMax)) }
		if (m.epoch-1-c.TMax)%(2*c.TMax) == 0 { // the quotient below would be 0/0
			return lr + (m.base-c.EtaMin)*(1-math.Cos(math.Pi/float64(c.TMax)))/2
		}
		return height(m.epoch)/height(m.epoch-1)*(lr-c.EtaMin) + c.EtaMin
	},
}
