// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"math"
	"slices"
)

// StepLRConfig holds the settings of a StepLR. Start from [DefaultStepLR].
type StepLRConfig struct {
	StepSize int     // epochs between changes; at least 1
	Gamma    float64 // the factor of each change; not 0
}

// DefaultStepLR returns the settings of PyTorch's StepLR with the given number of
// epochs between changes: Gamma 0.1.
func DefaultStepLR(stepSize int) StepLRConfig { return StepLRConfig{StepSize: stepSize, Gamma: 0.1} }

// StepLR multiplies the learning rates by Gamma every StepSize epochs.
type StepLR struct{ schedule[StepLRConfig] }

// NewStepLR returns a StepLR for o. It panics where StepSize is below 1, and where
// Gamma is 0: that would end all learning.
func NewStepLR(o Optimizer, c StepLRConfig) *StepLR {
	s := &StepLR{newSchedule(&stepLR, o, c)}
	must("optim.StepLR", c.Gamma != 0, "Gamma is 0, which ends all learning after %d epochs: start from optim.DefaultStepLR(%[1]d)", c.StepSize)
	return s
}

var stepLR = curve[StepLRConfig]{
	name: "StepLR",
	settings: func(c *StepLRConfig) []setting {
		return []setting{{"step_size", &c.StepSize}, {"gamma", &c.Gamma}}
	},
	check: func(c *StepLRConfig) { atLeast1("optim.StepLR", "StepSize", c.StepSize) },
	rate: func(c *StepLRConfig, m moment, lr float64) float64 {
		if m.epoch%c.StepSize != 0 {
			return lr
		}
		return lr * c.Gamma
	},
}

// MultiStepLRConfig holds the settings of a MultiStepLR. Start from [DefaultMultiStepLR].
type MultiStepLRConfig struct {
	Milestones []int   // epochs after which the rates change; one that comes twice changes them twice
	Gamma      float64 // the factor of each change; not 0
}

// DefaultMultiStepLR returns the settings of PyTorch's MultiStepLR: Gamma 0.1.
func DefaultMultiStepLR(milestones ...int) MultiStepLRConfig {
	return MultiStepLRConfig{Milestones: milestones, Gamma: 0.1}
}

// MultiStepLR multiplies the learning rates by Gamma at each milestone.
type MultiStepLR struct{ schedule[MultiStepLRConfig] }

// NewMultiStepLR returns a MultiStepLR for o. It panics where Gamma is 0: that would end
// all learning.
func NewMultiStepLR(o Optimizer, c MultiStepLRConfig) *MultiStepLR {
	must("optim.MultiStepLR", c.Gamma != 0, "Gamma is 0, which ends all learning: start from optim.DefaultMultiStepLR(milestones…)")
	c.Milestones = slices.Clone(c.Milestones)
	return &MultiStepLR{newSchedule(&multiStepLR, o, c)}
}

var multiStepLR = curve[MultiStepLRConfig]{
	name: "MultiStepLR",
	settings: func(c *MultiStepLRConfig) []setting {
		return []setting{{"milestones", counts{&c.Milestones}}, {"gamma", &c.Gamma}}
	},
	check: func(*MultiStepLRConfig) {},
	rate: func(c *MultiStepLRConfig, m moment, lr float64) float64 {
		for _, milestone := range c.Milestones {
			if milestone == m.epoch {
				lr *= c.Gamma
			}
		}
		return lr
	},
}

// ExponentialLRConfig holds the settings of an ExponentialLR.
type ExponentialLRConfig struct {
	Gamma float64 // the factor of each epoch
}

// ExponentialLR multiplies the learning rates by Gamma every epoch.
type ExponentialLR struct{ schedule[ExponentialLRConfig] }

// NewExponentialLR returns an ExponentialLR for o. It panics where Gamma is not above 0.
func NewExponentialLR(o Optimizer, c ExponentialLRConfig) *ExponentialLR {
	return &ExponentialLR{newSchedule(&exponentialLR, o, c)}
}

var exponentialLR = curve[ExponentialLRConfig]{
	name:     "ExponentialLR",
	settings: func(c *ExponentialLRConfig) []setting { return []setting{{"gamma", &c.Gamma}} },
	check: func(c *ExponentialLRConfig) {
		must("optim.ExponentialLR", c.Gamma > 0, "Gamma is %v; it must be above 0", c.Gamma)
	},
	rate: func(c *ExponentialLRConfig, _ moment, lr float64) float64 { return lr * c.Gamma },
}

// ConstantLRConfig holds the settings of a ConstantLR. Start from [DefaultConstantLR].
type ConstantLRConfig struct {
	Factor     float64 // of the first rates; above 0 and at most 1
	TotalIters int     // epochs until the rates are whole again
}

// DefaultConstantLR returns the settings of PyTorch's ConstantLR: a third for 5 epochs.
func DefaultConstantLR() ConstantLRConfig { return ConstantLRConfig{Factor: 1.0 / 3, TotalIters: 5} }

// ConstantLR multiplies the learning rates by Factor for TotalIters epochs.
type ConstantLR struct{ schedule[ConstantLRConfig] }

// NewConstantLR returns a ConstantLR for o.
func NewConstantLR(o Optimizer, c ConstantLRConfig) *ConstantLR {
	return &ConstantLR{newSchedule(&constantLR, o, c)}
}

var constantLR = curve[ConstantLRConfig]{
	name: "ConstantLR",
	settings: func(c *ConstantLRConfig) []setting {
		return []setting{{"factor", &c.Factor}, {"total_iters", &c.TotalIters}}
	},
	check: func(c *ConstantLRConfig) {
		must("optim.ConstantLR", c.Factor > 0 && c.Factor <= 1, "Factor is %v; it must be above 0 and at most 1: start from optim.DefaultConstantLR()", c.Factor)
	},
	starts: true,
	rate: func(c *ConstantLRConfig, m moment, lr float64) float64 {
		switch m.epoch {
		case 0:
			return lr * c.Factor
		case c.TotalIters:
			return lr * (1 / c.Factor)
		}
		return lr
	},
}

// LinearLRConfig holds the settings of a LinearLR. Start from [DefaultLinearLR].
type LinearLRConfig struct {
	StartFactor float64 // above 0 and at most 1
	EndFactor   float64 // from 0 to 1
	TotalIters  int     // epochs from the one to the other
}

// DefaultLinearLR returns the settings of PyTorch's LinearLR: from a third to the whole
// rate in 5 epochs.
func DefaultLinearLR() LinearLRConfig {
	return LinearLRConfig{StartFactor: 1.0 / 3, EndFactor: 1, TotalIters: 5}
}

// LinearLR lets the factor of the learning rates go along a line from StartFactor to
// EndFactor, as for a warm-up.
type LinearLR struct{ schedule[LinearLRConfig] }

// NewLinearLR returns a LinearLR for o.
func NewLinearLR(o Optimizer, c LinearLRConfig) *LinearLR {
	return &LinearLR{newSchedule(&linearLR, o, c)}
}

var linearLR = curve[LinearLRConfig]{
	name: "LinearLR",
	settings: func(c *LinearLRConfig) []setting {
		return []setting{{"start_factor", &c.StartFactor}, {"end_factor", &c.EndFactor}, {"total_iters", &c.TotalIters}}
	},
	check: func(c *LinearLRConfig) {
		must("optim.LinearLR", c.StartFactor > 0 && c.StartFactor <= 1, "StartFactor is %v; it must be above 0 and at most 1: start from optim.DefaultLinearLR()", c.StartFactor)
		must("optim.LinearLR", c.EndFactor >= 0 && c.EndFactor <= 1, "EndFactor is %v; it must be from 0 to 1", c.EndFactor)
	},
	starts: true,
	rate: func(c *LinearLRConfig, m moment, lr float64) float64 {
		switch slope := c.EndFactor - c.StartFactor; {
		case m.epoch == 0:
			return lr * c.StartFactor
		case m.epoch > c.TotalIters:
			return lr
		default:
			return lr * (1 + slope/(float64(c.TotalIters)*c.StartFactor+float64(m.epoch-1)*slope))
		}
	},
}

// PolynomialLRConfig holds the settings of a PolynomialLR. Start from
// [DefaultPolynomialLR].
type PolynomialLRConfig struct {
	TotalIters int     // epochs until the rates are 0
	Power      float64 // 1 is a line
}

// DefaultPolynomialLR returns the settings of PyTorch's PolynomialLR: 5 epochs, Power 1.
func DefaultPolynomialLR() PolynomialLRConfig { return PolynomialLRConfig{TotalIters: 5, Power: 1} }

// PolynomialLR lets the learning rates fall to 0: lr = first·(1 - epoch/TotalIters)^Power.
type PolynomialLR struct{ schedule[PolynomialLRConfig] }

// NewPolynomialLR returns a PolynomialLR for o. It panics where TotalIters is below 1.
func NewPolynomialLR(o Optimizer, c PolynomialLRConfig) *PolynomialLR {
	return &PolynomialLR{newSchedule(&polynomialLR, o, c)}
}

var polynomialLR = curve[PolynomialLRConfig]{
	name: "PolynomialLR",
	settings: func(c *PolynomialLRConfig) []setting {
		return []setting{{"total_iters", &c.TotalIters}, {"power", &c.Power}}
	},
	check: func(c *PolynomialLRConfig) { atLeast1("optim.PolynomialLR", "TotalIters", c.TotalIters) },
	rate: func(c *PolynomialLRConfig, m moment, lr float64) float64 {
		if m.epoch > c.TotalIters {
			return lr
		}
		left := func(epoch int) float64 { return 1 - float64(epoch)/float64(c.TotalIters) }
		return lr * math.Pow(left(m.epoch)/left(m.epoch-1), c.Power)
	},
}
