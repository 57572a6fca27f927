// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import "math"

// SWALRConfig holds the settings of an SWALR. Start from [DefaultSWALR].
type SWALRConfig struct {
	SWALR          []float64 // the rate at the end: one for all groups of parameters, or one for each
	AnnealEpochs   int       // epochs on the way there; 0 for at once
	AnnealStrategy string    // "cos" or "linear"
}

// DefaultSWALR returns the settings of PyTorch's SWALR: 10 epochs along a cosine.
func DefaultSWALR(lr ...float64) SWALRConfig {
	return SWALRConfig{SWALR: lr, AnnealEpochs: 10, AnnealStrategy: "cos"}
}

// SWALR moves the learning rates to a fixed one, at which the weights of an average are
// collected (package swa). From "Averaging weights leads to wider optima and better
// generalization", Izmailov et al., 2018. As in PyTorch it starts from the rates that it
// finds, so that it can follow another scheduler.
type SWALR struct{ schedule[SWALRConfig] }

// NewSWALR returns an SWALR for o.
func NewSWALR(o Optimizer, c SWALRConfig) *SWALR {
	c.SWALR = forGroups("optim.SWALR", "SWALR", o, c.SWALR)
	swaLR.check(&c)
	for i, r := range ratesOf(o) {
		r.extra.Set("swa_lr", c.SWALR[i])
	}
	return &SWALR{newSchedule(&swaLR, o, c)}
}

// share returns how much of the way lies behind an epoch.
func (c *SWALRConfig) share(epoch int) float64 {
	t := min(1, max(0, float64(epoch)/float64(max(1, c.AnnealEpochs))))
	if c.AnnealStrategy == "cos" {
		return (1 - math.Cos(math.Pi*t)) / 2
	}
	return t
}

var swaLR = curve[SWALRConfig]{
	name: "SWALR",
	settings: func(c *SWALRConfig) []setting {
		return []setting{{"anneal_epochs", &c.AnnealEpochs}, {"_anneal_strategy", word{&c.AnnealStrategy}}}
	},
	check: func(c *SWALRConfig) {
		must("optim.SWALR", c.AnnealEpochs >= 0, "AnnealEpochs is %d; it must not be negative", c.AnnealEpochs)
		must("optim.SWALR", c.AnnealStrategy == "cos" || c.AnnealStrategy == "linear", "AnnealStrategy is %q; it must be cos or linear: start from optim.DefaultSWALR(lr)", c.AnnealStrategy)
	},
	starts: true,
	rate: func(c *SWALRConfig, m moment, lr float64) float64 {
		epoch, end := m.epoch, c.SWALR[m.group]
		if c.AnnealEpochs == 0 {
			epoch = max(1, epoch)
		}
		start, before := end, c.share(epoch-1)
		if before != 1 {
			start = (lr - before*end) / (1 - before)
		}
		now := c.share(epoch)
		return end*now + start*(1-now)
	},
}
