// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"

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

// grouped is an optimizer with a learning rate for each group. Of any other a
// scheduler sees one group.
type grouped interface {
	lrs() []*float64
	extras() []**torch.Dict
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
		r := &torch.DictReader{Dict: *extra}
		if lr := r.Number("initial_lr"); r.Err == nil {
			list[i] = lr
		} else {
			(*extra).Set("initial_lr", list[i])
		}
	}
	return list
}

// schedule is the common part of the schedulers that only count epochs.
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
func (s *schedule) read(r *torch.DictReader) {
	s.base = r.Numbers("base_lrs", len(s.base))
	s.epoch = r.Count("last_epoch")
}

// loadScheduler calls f with a reader of d and returns the first error, with a name.
func loadScheduler(name string, d *torch.Dict, f func(r *torch.DictReader)) error {
	if d == nil {
		return fmt.Errorf("optim.%s: the state dict is nil", name)
	}
	r := &torch.DictReader{Dict: d, Subject: "setting"}
	if f(r); r.Err != nil {
		return fmt.Errorf("optim.%s: %w", name, r.Err)
	}
	return nil
}

func floatList(xs []float64) []any {
	list := make([]any, len(xs))
	for i, x := range xs {
		list[i] = x
	}
	return list
}
