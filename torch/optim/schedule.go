// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/etude-ml/etude/torch"
)

// curve describes one kind of scheduler that only counts epochs. C is the type of its
// settings.
type curve[C any] struct {
	name     string               // without the package
	settings func(c *C) []setting // in PyTorch's order
	check    func(c *C)           // panics on settings that cannot be
	// rate returns the next rate of a group from the present one and from the one that
	// the schedule started from. epoch counts the epochs that have ended, 1 at first.
	rate func(c *C, epoch int, lr, base float64) float64
}

// schedule is what the schedulers that only count epochs have in common.
type schedule[C any] struct {
	Config C

	curve     *curve[C]
	optimizer Optimizer
	base      []float64 // of each group
	epoch     int       // steps taken
}

func newSchedule[C any](f *curve[C], o Optimizer, c C) schedule[C] {
	f.check(&c)
	return schedule[C]{Config: c, curve: f, optimizer: o, base: initialRates(o)}
}

// Step ends an epoch. The value does not matter.
func (s *schedule[C]) Step(float64) {
	s.epoch++
	changeRates(s.optimizer, len(s.base), func(group int, lr float64) float64 {
		return s.curve.rate(&s.Config, s.epoch, lr, s.base[group])
	})
}

// all returns the settings, and the state with the keys of PyTorch's LRScheduler.
func (s *schedule[C]) all() []setting {
	last := rates(s.optimizer)
	return append(s.curve.settings(&s.Config), []setting{
		{"base_lrs", &s.base}, {"last_epoch", &s.epoch}, {"_step_count", s.epoch + 1}, {"_is_initial", false},
		{"_get_lr_called_within_step", false}, {"_last_lr", listOf(last)},
	}...)
}

// StateDict returns what the state_dict of PyTorch's scheduler of this name does.
func (s *schedule[C]) StateDict() *torch.Dict { return written(s.all()) }

// LoadStateDict takes over what StateDict, or PyTorch's, returned.
func (s *schedule[C]) LoadStateDict(d *torch.Dict) error {
	fresh := *s
	err := readAll(s.curve.name, d, fresh.all(), func() { s.curve.check(&fresh.Config) })
	if err == nil {
		*s = fresh
	}
	return err
}

// String names the scheduler and its settings.
func (s *schedule[C]) String() string {
	v := reflect.ValueOf(s.Config)
	settings := make([]string, v.NumField())
	for i := range settings {
		settings[i] = fmt.Sprintf("%s %v", v.Type().Field(i).Name, v.Field(i))
	}
	return fmt.Sprintf("%s(%s)", s.curve.name, strings.Join(settings, ", "))
}
