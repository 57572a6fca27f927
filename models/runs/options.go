// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/torch"
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
	Threads    int // of an operator; 0 for 1, or for those of the run that is continued

	Resume     bool   // continue from last.pt, where there is one
	ResumeFrom string // continue from this checkpoint of one network instead
	Force      bool   // replace runs that have ended
	Init       string // start from the weights in this file; empty for PyTorch's initial values

	Cache   *cache.Cache     // keeps what files gave; or nil
	Control *trainer.Control // saves on request; or nil
	// OnEvent, unless it is nil, is called with what happens. Networks are trained side
	// by side, so it is called by several goroutines then.
	OnEvent func(Event)
}

// event reports something about a network.
func (o Options) event(network string, stage Stage, text string) {
	o.report(Event{Network: network, Stage: stage, Text: text})
}

func (o Options) report(e Event) {
	if o.OnEvent != nil {
		o.OnEvent(e)
	}
}
