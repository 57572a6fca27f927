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
	Max       bool    // a value improves as it rises, not as it falls
	Factor    float64 // of each reduction; above 0 and below 1
	Patience  int     // epochs without improvement to wait
	Threshold float64 // what an improvement must exceed
	Absolute  bool    // Threshold is a difference, not a share of the best value
	Cooldown  int     // epochs after a reduction that do not count
	MinLR     float64 // the lowest learning rate
	Eps       float64 // a reduction by no more than this is skipped
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
	groups              int
	minLRs              []float64
	epoch, bad, cooling int
	best                float64
}

// NewReduceLROnPlateau returns a ReduceLROnPlateau for o. It panics on a Factor that
// is not above 0 and below 1, and on negative settings.
func NewReduceLROnPlateau(o Optimizer, c ReduceLROnPlateauConfig) *ReduceLROnPlateau {
	const name = "optim.ReduceLROnPlateau"
	if !(c.Factor > 0 && c.Factor < 1) {
		throw(name, "Factor is %v; it must be above 0 and below 1: start from optim.DefaultReduceLROnPlateau()", c.Factor)
	}
	notNegative(name, "Patience", float64(c.Patience))
	notNegative(name, "Threshold", c.Threshold)
	notNegative(name, "Cooldown", float64(c.Cooldown))
	notNegative(name, "MinLR", c.MinLR)
	notNegative(name, "Eps", c.Eps)
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
	err := loadScheduler("ReduceLROnPlateau", d, func(r *torch.DictReader) {
		f.Factor, f.Patience, f.Cooldown, f.Eps = r.Number("factor"), r.Count("patience"), r.Count("cooldown"), r.Number("eps")
		f.Threshold = r.Number("threshold")
		f.Max, f.Absolute = oneOf(r, "mode", "min", "max") == "max", oneOf(r, "threshold_mode", "rel", "abs") == "abs"
		f.minLRs = r.Numbers("min_lrs", s.groups)
		// It is None where each group has its own, and PyTorch before 2.6 did not write it.
		if v, _ := d.Get("default_min_lr"); v != nil {
			f.MinLR = r.Number("default_min_lr")
		}
		f.epoch, f.bad, f.cooling, f.best = r.Count("last_epoch"), r.Count("num_bad_epochs"), r.Count("cooldown_counter"), r.Number("best")
	})
	if err == nil {
		*s = f
	}
	return err
}

// oneOf reads a text that must be one of two.
func oneOf(r *torch.DictReader, key, a, b string) string {
	v := torch.Read[any](r, key)
	if v != any(a) && v != any(b) {
		r.Fail("%s is %v; it must be one of [%s %s]", key, v, a, b)
		return ""
	}
	return v.(string)
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
