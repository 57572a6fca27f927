// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"cmp"
	"math"
)

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

// CosineAnnealingWarmRestartsConfig holds the settings of a CosineAnnealingWarmRestarts.
type CosineAnnealingWarmRestartsConfig struct {
	T0     int     // epochs until the first restart; at least 1
	TMult  int     // the factor by which each round is longer than the one before it; at least 1, and 0 stands for 1
	EtaMin float64 // the lowest learning rate
}

// CosineAnnealingWarmRestarts lets the learning rates fall along half a cosine, and start
// anew after each round:
//
//	lr = EtaMin + (first - EtaMin)·(1 + cos(π·epochs of the round/length of the round))/2
//
// From "SGDR: stochastic gradient descent with warm restarts", Loshchilov and Hutter, 2016.
type CosineAnnealingWarmRestarts struct {
	schedule[CosineAnnealingWarmRestartsConfig]
}

// NewCosineAnnealingWarmRestarts returns a CosineAnnealingWarmRestarts for o.
func NewCosineAnnealingWarmRestarts(o Optimizer, c CosineAnnealingWarmRestartsConfig) *CosineAnnealingWarmRestarts {
	c.TMult = cmp.Or(c.TMult, 1)
	return &CosineAnnealingWarmRestarts{newSchedule(&warmRestarts, o, c)}
}

// round returns how many epochs of the present round have ended, and its length.
func (c *CosineAnnealingWarmRestartsConfig) round(epoch int) (ended, length int) {
	ended, length = epoch, c.T0
	for ended >= length {
		ended, length = ended-length, length*c.TMult
	}
	return ended, length
}

var warmRestarts = curve[CosineAnnealingWarmRestartsConfig]{
	name: "CosineAnnealingWarmRestarts",
	settings: func(c *CosineAnnealingWarmRestartsConfig) []setting {
		return []setting{{"T_0", &c.T0}, {"T_mult", &c.TMult}, {"eta_min", &c.EtaMin}}
	},
	check: func(c *CosineAnnealingWarmRestartsConfig) {
		atLeast1("optim.CosineAnnealingWarmRestarts", "T0", c.T0)
		atLeast1("optim.CosineAnnealingWarmRestarts", "TMult", c.TMult)
	},
	rate: func(c *CosineAnnealingWarmRestartsConfig, m moment, _ float64) float64 {
		ended, length := c.round(m.epoch)
		return c.EtaMin + (m.base-c.EtaMin)*(1+math.Cos(math.Pi*float64(ended)/float64(length)))/2
	},
	derived: func(c *CosineAnnealingWarmRestartsConfig, epoch int) []setting {
		ended, length := c.round(epoch)
		return []setting{{"T_cur", ended}, {"T_i", length}, {"_step_count", 0}} // which PyTorch's does not count
	},
}
