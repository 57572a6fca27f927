// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"math"

	"github.com/etude-ml/etude/torch"
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
	CosineAnnealingLRConfig
	schedule
}

// NewCosineAnnealingLR returns a CosineAnnealingLR for o. It panics where TMax is
// below 1.
func NewCosineAnnealingLR(o Optimizer, c CosineAnnealingLRConfig) *CosineAnnealingLR {
	if c.TMax < 1 {
		throw("optim.CosineAnnealingLR", "TMax is %d; it must be at least 1", c.TMax)
	}
	return &CosineAnnealingLR{c, newSchedule(o)}
}

// Step ends an epoch. The value does not matter.
func (s *CosineAnnealingLR) Step(float64) {
	unit := math.Pi / float64(s.TMax)
	s.advance(func(lr, base float64) float64 {
		if (s.epoch-1-s.TMax)%(2*s.TMax) == 0 { // the quotient below would be 0/0
			return lr + (base-s.EtaMin)*(1-math.Cos(unit))/2
		}
		now, before := 1+math.Cos(math.Pi*float64(s.epoch)/float64(s.TMax)), 1+math.Cos(math.Pi*float64(s.epoch-1)/float64(s.TMax))
		return now/before*(lr-s.EtaMin) + s.EtaMin
	})
}

// StateDict returns what torch.optim.lr_scheduler.CosineAnnealingLR's does.
func (s *CosineAnnealingLR) StateDict() *torch.Dict {
	return s.write(torch.NewDict("T_max", s.TMax, "eta_min", s.EtaMin))
}

// LoadStateDict takes over what StateDict, or PyTorch's, returned.
func (s *CosineAnnealingLR) LoadStateDict(d *torch.Dict) error {
	fresh := *s
	err := loadScheduler("CosineAnnealingLR", d, func(r *torch.DictReader) {
		fresh.TMax, fresh.EtaMin = r.Count("T_max"), r.Number("eta_min")
		fresh.read(r)
		if fresh.TMax < 1 {
			r.Fail("T_max is %d", fresh.TMax)
		}
	})
	if err == nil {
		*s = fresh
	}
	return err
}

// String names the settings.
func (s *CosineAnnealingLR) String() string {
	return fmt.Sprintf("CosineAnnealingLR(TMax %d, EtaMin %g)", s.TMax, s.EtaMin)
}
