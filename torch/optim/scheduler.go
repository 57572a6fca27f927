// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/etude-ml/etude/torch"
)

// Scheduler changes the learning rates of an optimizer from epoch to epoch.
type Scheduler interface {
	// Step ends an epoch, after the optimizer's last step in it. value is the
	// epoch's loss or measure; only ReduceLROnPlateau looks at it.
	Step(value float64)
	// StateDict returns settings and state with the keys of PyTorch's scheduler.
	StateDict() *torch.Dict
	// LoadStateDict takes over settings and state of a StateDict, of this package
	// or of PyTorch. As in PyTorch it leaves the optimizer alone, whose own state
	// holds the rates. After an error the scheduler is as it was.
	LoadStateDict(*torch.Dict) error
	// String names the scheduler and its settings: "StepLR(StepSize 30, Gamma 0.1)".
	String() string
}

// rate is the learning rate of a group. Like PyTorch's schedulers, ours leave the rate
// that they start from beside it, as "initial_lr", where the next scheduler finds it.
type rate struct {
	get   func() float64
	set   func(float64)
	extra *torch.Dict
	// momentum is that of the group, nil where the optimizer has none; beta1 tells that
	// it is the first of Adam's Betas.
	momentum *float64
	beta1    bool
}

// ratesOf returns the learning rate of each group. Of an optimizer from elsewhere a
// scheduler sees one group.
func ratesOf(o Optimizer) []rate {
	if o, ok := o.(interface{ rates() []rate }); ok {
		return o.rates()
	}
	return []rate{{get: o.LR, set: o.SetLR, extra: torch.NewDict()}}
}

// changeRates replaces the learning rate of each of n groups.
func changeRates(o Optimizer, n int, next func(group int, lr float64) float64) {
	list := ratesOf(o)
	must("optim.Scheduler", len(list) == n, "the optimizer has %d groups, it had %d when the scheduler was made; add groups first", len(list), n)
	for i, r := range list {
		r.set(next(i, r.get()))
	}
}

// lastRates returns the learning rates as a list of PyTorch's.
func lastRates(o Optimizer) []any {
	var list []any
	for _, r := range ratesOf(o) {
		list = append(list, r.get())
	}
	return list
}

// initialRates returns the rates that a schedule starts from.
func initialRates(o Optimizer) (list []float64) {
	for _, rate := range ratesOf(o) {
		r := &torch.DictReader{Dict: rate.extra}
		lr := r.Number("initial_lr")
		if r.Err != nil {
			lr = rate.get()
			rate.extra.Set("initial_lr", lr)
		}
		list = append(list, lr)
	}
	return list
}

// curve describes one kind of scheduler that only counts epochs. C is the type of its
// settings.
type curve[C any] struct {
	name     string               // without the package
	settings func(c *C) []setting // in PyTorch's order
	check    func(c *C)           // panics on settings that cannot be
	// starts tells that the schedule changes the rates when it is made, too.
	starts bool
	// rate returns the next rate of a group from the present one.
	rate func(c *C, m moment, lr float64) float64
	// momentum, if it is not nil, returns the momentum that goes with the rate, and false
	// to leave it.
	momentum func(c *C, m moment) (float64, bool)
	// derived returns what PyTorch writes beside, and does not need to be read; nil for
	// nothing.
	derived func(c *C, epoch int) []setting
}

// moment is where a schedule stands.
type moment struct {
	epoch int // epochs that have ended
	group int
	base  float64 // the rate that the group started from
}

// schedule is what the schedulers that only count epochs have in common.
type schedule[C any] struct {
	Config C

	curve     *curve[C]
	optimizer Optimizer
	base      []float64 // of each group
	last      []float64 // the rates that it set last
	epoch     int       // steps taken
}

func newSchedule[C any](f *curve[C], o Optimizer, c C) schedule[C] {
	f.check(&c)
	s := schedule[C]{Config: c, curve: f, optimizer: o, base: initialRates(o)}
	s.begin()
	return s
}

// begin changes the rates if the schedule does so before its first step.
func (s *schedule[C]) begin() {
	if s.curve.starts {
		s.change()
		return
	}
	s.last = make([]float64, len(s.base))
	for i, r := range ratesOf(s.optimizer) {
		s.last[i] = r.get()
	}
}

// change gives the groups the rates of the epoch.
func (s *schedule[C]) change() {
	at := func(group int) moment { return moment{s.epoch, group, s.base[group]} }
	s.last = make([]float64, len(s.base))
	changeRates(s.optimizer, len(s.base), func(group int, lr float64) float64 {
		s.last[group] = s.curve.rate(&s.Config, at(group), lr)
		return s.last[group]
	})
	if s.curve.momentum == nil {
		return
	}
	for i, r := range ratesOf(s.optimizer) {
		if x, ok := s.curve.momentum(&s.Config, at(i)); ok {
			*r.momentum = x
		}
	}
}

// Step ends an epoch. The value does not matter.
func (s *schedule[C]) Step(float64) {
	s.epoch++
	s.change()
}

// restart goes back to the beginning.
func (s *schedule[C]) restart() {
	s.epoch = 0
	for i, r := range ratesOf(s.optimizer) {
		r.set(s.base[i])
	}
	s.begin()
}

// of returns the optimizer that the schedule is for.
func (s *schedule[C]) of() Optimizer { return s.optimizer }

// all returns the settings, and the state with the keys of PyTorch's LRScheduler.
func (s *schedule[C]) all() []setting {
	list := append(s.curve.settings(&s.Config), []setting{
		{"base_lrs", &s.base}, {"last_epoch", &s.epoch}, {"_step_count", s.epoch + 1}, {"_is_initial", false},
		{"_get_lr_called_within_step", false}, {"_last_lr", &s.last},
	}...)
	if s.curve.derived != nil {
		list = append(list, s.curve.derived(&s.Config, s.epoch)...)
	}
	return list
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
	var settings []string
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.IsExported() && (f.Type.Kind() != reflect.Slice || f.Type.Elem().Kind() != reflect.Func) {
			settings = append(settings, fmt.Sprintf("%s %v", f.Name, v.Field(i)))
		}
	}
	return fmt.Sprintf("%s(%s)", s.curve.name, strings.Join(settings, ", "))
}
