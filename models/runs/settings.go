// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"fmt"
	"math"

	"github.com/etude-ml/etude/models"
)

// Settings determine, with the data, what comes out of training.
type Settings struct {
	Epochs      int     `json:"epochs"`
	BatchSize   int     `json:"batch_size"`
	LR          float64 `json:"lr"`
	WeightDecay float64 `json:"weight_decay"`
	ValSplit    float64 `json:"val_split"` // share of the samples
	Patience    int     `json:"patience"`
	MinDelta    float64 `json:"min_delta"`
	// MinDeltaRelative makes MinDelta a share of the best validation loss. In runs made
	// before this setting existed MinDelta is a difference.
	MinDeltaRelative bool `json:"min_delta_relative"`

	Seed     uint64 `json:"seed"`
	KeepBest int    `json:"keep_best"` // checkpoints beside best.pt
}

// Defaults returns the settings of a network where nothing overrides them.
func Defaults(spec models.Spec) Settings {
	d := spec.Defaults
	return Settings{
		Epochs: d.Epochs, BatchSize: d.BatchSize, LR: d.LR, WeightDecay: d.WeightDecay,
		Patience: d.Patience, MinDelta: d.MinDelta, MinDeltaRelative: true, ValSplit: 0.2, Seed: 42,
	}
}

// Overrides holds settings to replace; nil leaves one as it is. The tags are those of the
// command's flags, with defaults from the registry.
type Overrides struct {
	Epochs      *int     `placeholder:"N" help:"Epochs at most (${epochs})."`
	BatchSize   *int     `placeholder:"N" help:"Samples in a step (${batch})."`
	LR          *float64 `name:"lr" placeholder:"F" help:"Adam's learning rate (${lr})."`
	WeightDecay *float64 `placeholder:"F" help:"Adam's weight decay (${decay})."`
	ValSplit    *float64 `placeholder:"F" help:"Share of the samples that is held back for validation, by whole groups (0.2)."`
	Patience    *int     `placeholder:"N" help:"Epochs without improvement after which training stops (${patience})."`
	MinDelta    *float64 `placeholder:"F" help:"The share of the best validation loss by which an epoch must improve on it to count as an improvement (${delta}); 0 counts any."`
	Seed        *uint64  `placeholder:"N" help:"Seed of the first weights, the split and the order (42)."`
	KeepBest    *int     `placeholder:"K" help:"Checkpoints of the K best epochs to keep beside best.pt, as best-*.pt (0)."`
}

// Apply returns the settings with what is overridden.
func (o Overrides) Apply(s Settings) Settings {
	set(&s.Epochs, o.Epochs)
	set(&s.BatchSize, o.BatchSize)
	set(&s.LR, o.LR)
	set(&s.WeightDecay, o.WeightDecay)
	set(&s.ValSplit, o.ValSplit)
	set(&s.Patience, o.Patience)
	if o.MinDelta != nil {
		s.MinDelta, s.MinDeltaRelative = *o.MinDelta, true
	}
	set(&s.Seed, o.Seed)
	set(&s.KeepBest, o.KeepBest)
	return s
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Check reports the first setting that is out of range.
func (o Overrides) Check() error {
	for _, n := range []struct {
		name  string
		value *int
		least int
	}{{"Epochs", o.Epochs, 1}, {"BatchSize", o.BatchSize, 1}, {"Patience", o.Patience, 0}, {"KeepBest", o.KeepBest, 0}} {
		if n.value != nil && *n.value < n.least {
			return fmt.Errorf("Overrides.%s is %d; it must be at least %d", n.name, *n.value, n.least)
		}
	}
	for _, f := range []struct {
		name   string
		value  *float64
		fits   func(float64) bool
		wanted string
	}{
		{"LR", o.LR, func(x float64) bool { return x > 0 }, "above 0"},
		{"WeightDecay", o.WeightDecay, func(x float64) bool { return x >= 0 }, "at least 0"},
		{"ValSplit", o.ValSplit, func(x float64) bool { return x > 0 && x < 1 }, "between 0 and 1"},
		{"MinDelta", o.MinDelta, func(x float64) bool { return x >= 0 }, "at least 0"},
	} {
		if f.value != nil && (!f.fits(*f.value) || math.IsInf(*f.value, 0)) {
			return fmt.Errorf("Overrides.%s is %v; it must be %s", f.name, *f.value, f.wanted)
		}
	}
	return nil
}
