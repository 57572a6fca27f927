// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"strings"

	"github.com/etude-ml/etude/torch"
)

// part is a scheduler that can be a part of another one: any that only counts steps.
type part interface {
	Scheduler
	restart()
	of() Optimizer
}

// parts are the schedulers of one that combines them.
type parts []part

func newParts(name string, schedulers []Scheduler) parts {
	must(name, len(schedulers) > 0, "there are no schedulers")
	var list parts
	for i, s := range schedulers {
		p, ok := s.(part)
		must(name, ok, "scheduler %d is a %T, which does more than count steps; only those that do can be combined", i, s)
		must(name, i == 0 || p.of() == list[0].of(), "scheduler %d is for another optimizer than the first", i)
		list = append(list, p)
	}
	return list
}

func (ps parts) stateDict() *torch.Dict {
	states := make([]any, len(ps))
	for i, p := range ps {
		states[i] = p.StateDict()
	}
	return torch.NewDict("_last_lr", lastRates(ps[0].of()), "_schedulers", states)
}

// load takes the states over. Each part is left alone if its own state is wrong, so that
// after an error those before it are put back.
func (ps parts) load(name string, d *torch.Dict) error {
	if d == nil {
		return fmt.Errorf("optim.%s: the state dict is nil", name)
	}
	states, err := torch.Value[[]any](d, "_schedulers")
	if err != nil {
		return fmt.Errorf("optim.%s: %w", name, err)
	}
	if len(states) != len(ps) {
		return fmt.Errorf("optim.%s: the state dict has %d schedulers, this has %d", name, len(states), len(ps))
	}
	before := make([]*torch.Dict, len(ps))
	for i, p := range ps {
		before[i] = p.StateDict()
		state, ok := states[i].(*torch.Dict)
		if !ok {
			err = fmt.Errorf("its state is %T, not a dict", states[i])
		} else {
			err = p.LoadStateDict(state)
		}
		if err != nil {
			for j := range i {
				_ = ps[j].LoadStateDict(before[j]) // it wrote this itself
			}
			return fmt.Errorf("optim.%s: scheduler %d: %w", name, i, err)
		}
	}
	return nil
}

func (ps parts) names() string {
	var names []string
	for _, p := range ps {
		names = append(names, p.String())
	}
	return strings.Join(names, ", ")
}

// ChainedScheduler takes the steps of several schedulers one after the other, so that their
// factors multiply.
type ChainedScheduler struct{ parts parts }

// NewChainedScheduler returns a ChainedScheduler. It panics on schedulers of different
// optimizers and on ReduceLROnPlateau.
func NewChainedScheduler(schedulers ...Scheduler) *ChainedScheduler {
	return &ChainedScheduler{newParts("optim.ChainedScheduler", schedulers)}
}

// Step takes a step of each scheduler.
func (s *ChainedScheduler) Step(value float64) {
	for _, p := range s.parts {
		p.Step(value)
	}
}

// StateDict returns what PyTorch's does.
func (s *ChainedScheduler) StateDict() *torch.Dict { return s.parts.stateDict() }

// LoadStateDict takes over what StateDict, or PyTorch's, returned.
func (s *ChainedScheduler) LoadStateDict(d *torch.Dict) error {
	return s.parts.load("ChainedScheduler", d)
}

// String names the schedulers.
func (s *ChainedScheduler) String() string {
	return fmt.Sprintf("ChainedScheduler(%s)", s.parts.names())
}

// SequentialLR takes the steps of one scheduler after the other, for example a warm-up and
// then a decay. Each starts from the rates that the optimizer was made with.
type SequentialLR struct {
	parts      parts
	milestones []int
	epoch      int
}

// NewSequentialLR returns a SequentialLR. milestones are the steps at which the second
// scheduler and those after it begin. It panics where their number is not one below that
// of the schedulers, where they do not rise, on schedulers of different optimizers, and on
// ReduceLROnPlateau.
func NewSequentialLR(schedulers []Scheduler, milestones ...int) *SequentialLR {
	const name = "optim.SequentialLR"
	s := &SequentialLR{parts: newParts(name, schedulers), milestones: milestones}
	must(name, len(milestones) == len(schedulers)-1, "%d schedulers need %d milestones, got %d", len(schedulers), len(schedulers)-1, len(milestones))
	for i, m := range milestones {
		must(name, m >= 1 && (i == 0 || m > milestones[i-1]), "the milestones are %v; they must be above 0 and rise", milestones)
	}
	s.parts[0].restart()
	return s
}

// Step takes a step of the scheduler whose time it is.
func (s *SequentialLR) Step(value float64) {
	s.epoch++
	i := 0
	for i < len(s.milestones) && s.milestones[i] <= s.epoch {
		i++
	}
	if i > 0 && s.milestones[i-1] == s.epoch {
		s.parts[i].restart()
		return
	}
	s.parts[i].Step(value)
}

// StateDict returns what PyTorch's does.
func (s *SequentialLR) StateDict() *torch.Dict {
	d, milestones := s.parts.stateDict(), make([]any, len(s.milestones))
	for i, m := range s.milestones {
		milestones[i] = m
	}
	d.Set("_milestones", milestones)
	d.Set("last_epoch", s.epoch)
	return d
}

// LoadStateDict takes over what StateDict, or PyTorch's, returned.
func (s *SequentialLR) LoadStateDict(d *torch.Dict) error {
	if err := s.parts.load("SequentialLR", d); err != nil {
		return err
	}
	r := &torch.DictReader{Dict: d, Subject: "setting"}
	if s.epoch = r.Count("last_epoch"); r.Err != nil {
		return fmt.Errorf("optim.SequentialLR: %w", r.Err)
	}
	return nil
}

// String names the schedulers and when they begin.
func (s *SequentialLR) String() string {
	return fmt.Sprintf("SequentialLR(%s, milestones %v)", s.parts.names(), s.milestones)
}
