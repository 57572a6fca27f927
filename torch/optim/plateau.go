// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"math"

	"github.com/etude-ml/etude/torch"
)

// ReduceLROnPlateauConfig holds the settings of a ReduceLROnPlateau. A zero means
// PyTorch's default; where 0 itself is meant, a negative number stands for it.
type ReduceLROnPlateauConfig struct {
	Max       bool    // a value improves as it rises; as it falls
	Factor    float64 // of each reduction, below 1; 0.1
	Patience  int     // epochs without improvement that are borne; 10
	Threshold float64 // what an improvement must exceed; 1e-4
	Absolute  bool    // Threshold is a difference; a share of the best value
	Cooldown  int     // epochs after a reduction that do not count; 0
	MinLR     float64 // the lowest learning rate; 0
	Eps       float64 // a reduction by less than this is left out; 1e-8
}

// ReduceLROnPlateau multiplies the learning rates by Factor when a value, such as
// the validation loss, has not improved for more than Patience epochs.
type ReduceLROnPlateau struct {
	ReduceLROnPlateauConfig // as filled in: here a zero is a zero
	optimizer               Optimizer
	groups                  int
	minLRs                  []float64
	epoch, bad, cooling     int
	best                    float64
}

// NewReduceLROnPlateau returns a ReduceLROnPlateau for o. It panics on a Factor of
// 1 or more.
func NewReduceLROnPlateau(o Optimizer, c ReduceLROnPlateauConfig) *ReduceLROnPlateau {
	if c.Patience == 0 {
		c.Patience = 10
	}
	setDefault(&c.Factor, 0.1)
	setDefault(&c.Threshold, 1e-4)
	setDefault(&c.Eps, 1e-8)
	c.Patience, c.Cooldown = max(c.Patience, 0), max(c.Cooldown, 0)
	c.Factor, c.Threshold, c.Eps = max(c.Factor, 0), max(c.Threshold, 0), max(c.Eps, 0)
	if !(c.Factor < 1) {
		throw("optim.ReduceLROnPlateau", "Factor is %v; it must be below 1", c.Factor)
	}
	notNegative("optim.ReduceLROnPlateau", "MinLR", c.MinLR)
	groups := len(rates(o))
	s := &ReduceLROnPlateau{ReduceLROnPlateauConfig: c, optimizer: o, groups: groups}
	for range groups {
		s.minLRs = append(s.minLRs, c.MinLR)
	}
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

// Step ends an epoch that came to value. NaN never improves.
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
		s.reduce()
		s.cooling, s.bad = s.Cooldown, 0
	}
}

func (s *ReduceLROnPlateau) reduce() {
	list := rates(s.optimizer)
	if len(list) != s.groups {
		throw("optim.ReduceLROnPlateau", "the optimizer has %d groups, it had %d when the scheduler was made; add groups first", len(list), s.groups)
	}
	for i, lr := range list {
		if next := max(lr*s.Factor, s.minLRs[i]); lr-next > s.Eps {
			list[i] = next
		}
	}
	setRates(s.optimizer, list)
}

// StateDict returns what torch.optim.lr_scheduler.ReduceLROnPlateau's does.
func (s *ReduceLROnPlateau) StateDict() *torch.Dict {
	mode, thresholdMode := "min", "rel"
	if s.Max {
		mode = "max"
	}
	if s.Absolute {
		thresholdMode = "abs"
	}
	return torch.NewDict(
		"factor", s.Factor, "default_min_lr", s.MinLR, "min_lrs", floatList(s.minLRs),
		"patience", s.Patience, "cooldown", s.Cooldown, "eps", s.Eps,
		"last_epoch", s.epoch, "_last_lr", floatList(rates(s.optimizer)),
		"mode_worse", s.worst(), "mode", mode, "threshold", s.Threshold, "threshold_mode", thresholdMode,
		"best", s.best, "cooldown_counter", s.cooling, "num_bad_epochs", s.bad)
}

// LoadStateDict takes over what StateDict, or PyTorch's, returned.
func (s *ReduceLROnPlateau) LoadStateDict(d *torch.Dict) error {
	f := *s
	err := load("ReduceLROnPlateau", d, func(r *schedulerReader) {
		f.Factor, f.Patience, f.Cooldown, f.Eps = r.number("factor"), r.count("patience"), r.count("cooldown"), r.number("eps")
		f.Threshold = r.number("threshold")
		f.Max, f.Absolute = r.text("mode", "min", "max") == "max", r.text("threshold_mode", "rel", "abs") == "abs"
		f.minLRs = r.numbers("min_lrs", s.groups)
		if r.get("default_min_lr") != nil { // None where each group has its own
			f.MinLR = r.number("default_min_lr")
		}
		f.epoch, f.bad, f.cooling, f.best = r.count("last_epoch"), r.count("num_bad_epochs"), r.count("cooldown_counter"), r.number("best")
	})
	if err == nil {
		*s = f
	}
	return err
}

// String names the settings.
func (s *ReduceLROnPlateau) String() string {
	mode := "min"
	if s.Max {
		mode = "max"
	}
	threshold := "relative"
	if s.Absolute {
		threshold = "absolute"
	}
	return fmt.Sprintf("ReduceLROnPlateau(%s, Factor %g, Patience %d, Threshold %g %s, Cooldown %d, MinLR %g, Eps %g)",
		mode, s.Factor, s.Patience, s.Threshold, threshold, s.Cooldown, s.MinLR, s.Eps)
}
