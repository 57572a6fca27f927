// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
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
type StepLR struct {
	StepLRConfig
	schedule
}

// NewStepLR returns a StepLR for o. It panics where StepSize is below 1, and where
// Gamma is 0: that would end all learning.
func NewStepLR(o Optimizer, c StepLRConfig) *StepLR {
	if c.StepSize < 1 {
		throw("optim.StepLR", "StepSize is %d; it must be at least 1", c.StepSize)
	}
	if c.Gamma == 0 {
		throw("optim.StepLR", "Gamma is 0, which ends all learning after %d epochs: start from optim.DefaultStepLR(%[1]d)", c.StepSize)
	}
	return &StepLR{c, newSchedule(o)}
}

// Step ends an epoch. The value does not matter.
func (s *StepLR) Step(float64) {
	s.advance(func(lr, _ float64) float64 {
		if s.epoch%s.StepSize != 0 {
			return lr
		}
		return lr * s.Gamma
	})
}

// StateDict returns what torch.optim.lr_scheduler.StepLR's does.
func (s *StepLR) StateDict() *torch.Dict {
	return s.write(torch.NewDict("step_size", s.StepSize, "gamma", s.Gamma))
}

// LoadStateDict takes over what StateDict, or PyTorch's, returned.
func (s *StepLR) LoadStateDict(d *torch.Dict) error {
	fresh := *s
	err := loadScheduler("StepLR", d, func(r *torch.DictReader) {
		fresh.StepSize, fresh.Gamma = r.Count("step_size"), r.Number("gamma")
		fresh.read(r)
		if fresh.StepSize < 1 {
			r.Fail("step_size is %d", fresh.StepSize)
		}
	})
	if err == nil {
		*s = fresh
	}
	return err
}

// String names the settings.
func (s *StepLR) String() string {
	return fmt.Sprintf("StepLR(StepSize %d, Gamma %g)", s.StepSize, s.Gamma)
}
