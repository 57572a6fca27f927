// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"cmp"
	"fmt"
	"math"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/trainer"
)

// Options hold what the trainings of a plan have in common. The zero value of each but
// Data and Out is a good one.
type Options struct {
	Data string // data folder; empty with Resume for the one that the run was begun with
	Out  string // run folder

	Device torch.Device
	// SameDevice continues a run on the device that it was on, if this machine has it,
	// and uses Device for other networks only.
	SameDevice bool
	Threads    int  // of an operator; 0 for 1, or for those of the run that is continued
	Eager      bool // see [trainer.Run], also for MustRecord
	MustRecord bool
	Jobs       int // trainings at a time; 0 for as many as there are cores for their threads

	Resume     bool   // continue from last.pt, where there is one
	ResumeFrom string // continue from this checkpoint of one network instead
	Force      bool   // replace runs that have ended
	Init       string // start from the weights in this file; empty for PyTorch's initial values

	// Group trains with several processes, one network after the other; see [trainer.Run]. All
	// of them make the same calls, with the same settings. Rank 0 decides, reports what
	// happens but for failures, and alone needs Out. Each machine needs Data: one process of it
	// reads the files before the others, which find them in Cache. A [Sweep] refuses it. nil,
	// or a group of one, for one process.
	Group *dist.Group

	Cache   *cache.Cache     // keeps what files gave; or nil
	Control *trainer.Control // saves on request; or nil
	// OnEvent, unless it is nil, is called with what happens. Networks are trained side
	// by side, so it is called by several goroutines then.
	OnEvent func(Event)

	// others has, by network, the folder of another run of a sweep that is continued. That one
	// says how a run was begun whose own folder the sweep had not made when it was cut off.
	others map[string]folder
}

// event reports something about a network.
func (o Options) event(network string, stage Stage, text string) {
	o.report(Event{Network: network, Stage: stage, Text: text})
}

func (o Options) report(e Event) {
	if o.OnEvent != nil && (o.leads() || e.Stage == Failed) {
		o.OnEvent(e)
	}
}

// leads reports whether this process decides, reports and writes.
func (o Options) leads() bool { return o.Group == nil || o.Group.Rank == 0 }

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
	Epochs      *int     `json:",omitempty" placeholder:"N" help:"Epochs at most (${epochs})."`
	BatchSize   *int     `json:",omitempty" placeholder:"N" help:"Samples in a step (${batch})."`
	LR          *float64 `json:",omitempty" name:"lr" placeholder:"F" help:"Adam's learning rate (${lr})."`
	WeightDecay *float64 `json:",omitempty" placeholder:"F" help:"Adam's weight decay (${decay})."`
	ValSplit    *float64 `json:",omitempty" placeholder:"F" help:"Share of the samples that is held back for validation, by whole groups (0.2)."`
	Patience    *int     `json:",omitempty" placeholder:"N" help:"Epochs without improvement after which training stops (${patience})."`
	MinDelta    *float64 `json:",omitempty" placeholder:"F" help:"The share of the best validation loss by which an epoch must improve on it to count as an improvement (${delta}); 0 counts any."`
	Seed        *uint64  `json:",omitempty" placeholder:"N" help:"Seed of the first weights, the split and the order (42)."`
	KeepBest    *int     `json:",omitempty" placeholder:"K" help:"Checkpoints of the K best epochs to keep beside best.pt, as best-*.pt (0)."`
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
	notNegative := func(x float64) bool { return x >= 0 }
	return cmp.Or(
		check("Epochs", o.Epochs, "at least 1", func(n int) bool { return n >= 1 }),
		check("BatchSize", o.BatchSize, "at least 1", func(n int) bool { return n >= 1 }),
		check("Patience", o.Patience, "at least 0", func(n int) bool { return n >= 0 }),
		check("KeepBest", o.KeepBest, "at least 0", func(n int) bool { return n >= 0 }),
		check("LR", o.LR, "above 0", func(x float64) bool { return x > 0 }),
		check("WeightDecay", o.WeightDecay, "at least 0", notNegative),
		check("ValSplit", o.ValSplit, "between 0 and 1", func(x float64) bool { return x > 0 && x < 1 }),
		check("MinDelta", o.MinDelta, "at least 0", notNegative),
	)
}

// check refuses a setting that is given and does not fit, or is infinite.
func check[T int | float64](name string, value *T, wanted string, fits func(T) bool) error {
	if value == nil || fits(*value) && !math.IsInf(float64(*value), 0) {
		return nil
	}
	return fmt.Errorf("Overrides.%s is %v; it must be %s", name, *value, wanted)
}
