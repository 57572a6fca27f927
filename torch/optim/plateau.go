// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"math"

	"github.com/etude-ml/etude/torch"
)

// ReduceLROnPlateauConfig holds the settings of a ReduceLROnPlateau. Start from
// [DefaultReduceLROnPlateau] and change what should differ; a zero is a zero.
type ReduceLROnPlateauConfig struct {
	Max       bool      // a value improves as it rises, not as it falls
	Factor    float64   // of each reduction; above 0 and below 1
	Patience  int       // epochs without improvement to wait
	Threshold float64   // what an improvement must exceed
	Absolute  bool      // Threshold is a difference, not a share of the best value
	Cooldown  int       // epochs after a reduction that do not count
	MinLR     float64   // the lowest learning rate
	MinLRs    []float64 // that of each group; nil for MinLR
	Eps       float64   // a reduction by no more than this is skipped
}

// DefaultReduceLROnPlateau returns the settings of PyTorch's ReduceLROnPlateau:
// Factor 0.1, Patience 10, a relative Threshold of 1e-4, Eps 1e-8.
func DefaultReduceLROnPlateau() ReduceLROnPlateauConfig {
	return ReduceLROnPlateauConfig{Factor: 0.1, Patience: 10, Threshold: 1e-4, Eps: 1e-8}
}

// ReduceLROnPlateau multiplies the learning rates by Factor when a value, such as
// the validation loss, has not improved for more than Patience epochs.
type ReduceLROnPlateau struct {
	ReduceLROnPlateauConfig
	optimizer           Optimizer
	minLRs              []float64 // of each group
	epoch, bad, cooling int
	best                float64
}

// NewReduceLROnPlateau returns a ReduceLROnPlateau for o. It panics on a Factor that
// is not above 0 and below 1, and on negative settings.
func NewReduceLROnPlateau(o Optimizer, c ReduceLROnPlateauConfig) *ReduceLROnPlateau {
	const name = "optim.ReduceLROnPlateau"
	must(name, c.Factor > 0 && c.Factor < 1, "Factor is %v; it must be above 0 and below 1: start from optim.DefaultReduceLROnPlateau()", c.Factor)
	notNegative(name, "Patience", float64(c.Patience))
	notNegative(name, "Threshold", c.Threshold)
	notNegative(name, "Cooldown", float64(c.Cooldown))
	notNegative(name, "MinLR", c.MinLR)
	notNegative(name, "Eps", c.Eps)
	lowest := c.MinLRs
	if lowest == nil {
		lowest = []float64{c.MinLR}
	}
	s := &ReduceLROnPlateau{ReduceLROnPlateauConfig: c, optimizer: o, minLRs: forGroups(name, "MinLRs", o, lowest)}
	s.best = s.worst()
	return s
}

func (s *ReduceLROnPlateau) worst() float64 {
	if s.Max {
		return math.Inf(-1)
	}
	return math.Inf(1)
}

func (s *ReduceLROnPlateau) better(a float64) bool {
	switch {
	case s.Max && s.Absolute:
		return a > s.best+s.Threshold
	case s.Max:
		return a > s.best*(1+s.Threshold)
	case s.Absolute:
		return a < s.best-s.Threshold
	}
	return a < s.best*(1-s.Threshold)
}

// Step ends an epoch with its value. NaN never improves.
func (s *ReduceLROnPlateau) Step(value float64) {
	s.epoch++
	if s.better(value) {
		s.best, s.bad = value, 0
	} else {
		s.bad++
	}
	if s.cooling > 0 {
		s.cooling--
		s.bad = 0
	}
	if s.bad > s.Patience {
		changeRates(s.optimizer, len(s.minLRs), func(group int, lr float64) float64 {
			if next := max(lr*s.Factor, s.minLRs[group]); lr-next > s.Eps {
				return next
			}
			return lr
		})
		s.cooling, s.bad = s.Cooldown, 0
	}
}

// all returns the settings and the state, with PyTorch's keys.
func (s *ReduceLROnPlateau) all() []setting {
	var lowest any = optional{&s.MinLR} // which PyTorch before 2.6 did not write
	if s.MinLRs != nil {
		lowest = nil
	}
	return []setting{
		{"factor", &s.Factor}, {"default_min_lr", lowest}, {"min_lrs", &s.minLRs},
		{"patience", &s.Patience}, {"cooldown", &s.Cooldown}, {"eps", &s.Eps},
		{"last_epoch", &s.epoch}, {"_last_lr", lastRates(s.optimizer)},
		{"mode_worse", s.worst()}, {"mode", choice{&s.Max, "min", "max"}},
		{"threshold", &s.Threshold}, {"threshold_mode", choice{&s.Absolute, "rel", "abs"}},
		{"best", &s.best}, {"cooldown_counter", &s.cooling}, {"num_bad_epochs", &s.bad},
	}
}

// StateDict returns what torch.optim.lr_scheduler.ReduceLROnPlateau's does.
func (s *ReduceLROnPlateau) StateDict() *torch.Dict { return written(s.all()) }

// LoadStateDict takes over what StateDict, or PyTorch's, returned.
func (s *ReduceLROnPlateau) LoadStateDict(d *torch.Dict) error {
	fresh := *s
	err := readAll("ReduceLROnPlateau", d, fresh.all(), func() {})
	if err == nil {
		*s = fresh
	}
	return err
}

// String names the settings.
func (s *ReduceLROnPlateau) String() string {
	mode, threshold := "min", "relative"
	if s.Max {
		mode = "max"
	}
	if s.Absolute {
		threshold = "absolute"
	}
	return fmt.Sprintf("ReduceLROnPlateau(%s, Factor %g, Patience %d, Threshold %g %s, Cooldown %d, MinLR %g, Eps %g)",
		mode, s.Factor, s.Patience, s.Threshold, threshold, s.Cooldown, s.MinLR, s.Eps)
}
