// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// Scheduler changes the learning rates of an optimizer from epoch to epoch.
type Scheduler interface {
	// Step ends an epoch, after the optimizer's last step in it. value is what
	// the epoch came to; only ReduceLROnPlateau looks at it.
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

// grouped is an optimizer with a learning rate for each group. Of any other a
// scheduler sees one group.
type grouped interface {
	lrs() []*float64
	extras() []**torch.Dict
}

func (a *Adam) lrs() (list []*float64) {
	for _, g := range a.groups {
		list = append(list, &g.LR)
	}
	return list
}

func (s *SGD) lrs() (list []*float64) {
	for _, g := range s.groups {
		list = append(list, &g.LR)
	}
	return list
}

func (a *Adam) extras() (list []**torch.Dict) {
	for _, g := range a.groups {
		list = append(list, &g.extra)
	}
	return list
}

func (s *SGD) extras() (list []**torch.Dict) {
	for _, g := range s.groups {
		list = append(list, &g.extra)
	}
	return list
}

// rates returns the learning rate of each group.
func rates(o Optimizer) []float64 {
	g, ok := o.(grouped)
	if !ok {
		return []float64{o.LR()}
	}
	var list []float64
	for _, lr := range g.lrs() {
		list = append(list, *lr)
	}
	return list
}

// setRates sets the learning rate of each group.
func setRates(o Optimizer, list []float64) {
	g, ok := o.(grouped)
	if !ok {
		o.SetLR(list[0])
		return
	}
	for i, lr := range g.lrs() {
		*lr = list[i]
	}
}

// initialRates returns the rates that a schedule starts from. Like PyTorch's
// schedulers it leaves them in the groups, where the next scheduler finds them.
func initialRates(o Optimizer) []float64 {
	list := rates(o)
	g, ok := o.(grouped)
	if !ok {
		return list
	}
	for i, extra := range g.extras() {
		if *extra == nil {
			*extra = torch.NewDict()
		}
		if v, ok := (*extra).Get("initial_lr"); ok {
			if lr, ok := asNumber(v); ok {
				list[i] = lr
				continue
			}
		}
		(*extra).Set("initial_lr", list[i])
	}
	return list
}

// schedule is what the schedulers have in common that count epochs only.
type schedule struct {
	optimizer Optimizer
	base      []float64 // of each group
	epoch     int       // steps taken
}

func newSchedule(o Optimizer) schedule { return schedule{optimizer: o, base: initialRates(o)} }

// advance ends an epoch: f gives the next rate from the present one and its base.
func (s *schedule) advance(f func(lr, base float64) float64) {
	s.epoch++
	list := rates(s.optimizer)
	s.fits(len(list))
	for i, lr := range list {
		list[i] = f(lr, s.base[i])
	}
	setRates(s.optimizer, list)
}

func (s *schedule) fits(groups int) {
	if groups != len(s.base) {
		throw("optim.Scheduler", "the optimizer has %d groups, it had %d when the scheduler was made; add groups first", groups, len(s.base))
	}
}

// write adds the keys of PyTorch's LRScheduler.
func (s *schedule) write(d *torch.Dict) *torch.Dict {
	d.Set("base_lrs", floatList(s.base))
	d.Set("last_epoch", s.epoch)
	d.Set("_step_count", s.epoch+1)
	d.Set("_is_initial", false)
	d.Set("_get_lr_called_within_step", false)
	d.Set("_last_lr", floatList(rates(s.optimizer)))
	return d
}

// read takes over what write added.
func (s *schedule) read(r *schedulerReader) {
	s.base = r.numbers("base_lrs", len(s.base))
	s.epoch = r.count("last_epoch")
}

// schedulerReader reads a scheduler's state dict; the first error stays.
type schedulerReader struct {
	dict *torch.Dict
	err  error
}

// load calls f with a reader of d and returns the first error, with a name.
func load(name string, d *torch.Dict, f func(r *schedulerReader)) error {
	if d == nil {
		return fmt.Errorf("optim.%s: the state dict is nil", name)
	}
	r := &schedulerReader{dict: d}
	if f(r); r.err != nil {
		return fmt.Errorf("optim.%s: %w", name, r.err)
	}
	return nil
}

func (r *schedulerReader) get(key string) any {
	v, ok := r.dict.Get(key)
	if !ok {
		r.fail("the state dict has no %q; it has %v", key, r.dict.Keys())
	}
	return v
}

func (r *schedulerReader) number(key string) float64 {
	v := r.get(key)
	x, ok := asNumber(v)
	if !ok {
		r.fail("%s is %v, of type %T, not a number", key, v, v)
	}
	return x
}

func (r *schedulerReader) count(key string) int {
	x := r.number(key)
	if n := int(x); x >= 0 && float64(n) == x {
		return n
	}
	r.fail("%s is %v, not a count", key, x)
	return 0
}

func (r *schedulerReader) text(key string, known ...string) string {
	v := r.get(key)
	s, ok := v.(string)
	if !ok || !slices.Contains(known, s) {
		r.fail("%s is %v; it must be one of %v", key, v, known)
	}
	return s
}

// numbers reads a list of n.
func (r *schedulerReader) numbers(key string, n int) []float64 {
	v := r.get(key)
	items, ok := v.([]any)
	if !ok || len(items) != n {
		r.fail("%s is %v; it must be a list of %d numbers, one for each group of the optimizer", key, v, n)
		return nil
	}
	list := make([]float64, n)
	for i, item := range items {
		if list[i], ok = asNumber(item); !ok {
			r.fail("%s[%d] is %v, of type %T, not a number", key, i, item, item)
		}
	}
	return list
}

func (r *schedulerReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func floatList(xs []float64) []any {
	list := make([]any, len(xs))
	for i, x := range xs {
		list[i] = x
	}
	return list
}
