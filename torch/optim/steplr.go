// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

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
	if c.Gamma == 0 {
		throw("optim.StepLR", "Gamma is 0, which ends all learning after %d epochs: start from optim.DefaultStepLR(%[1]d)", c.StepSize)
	}
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
