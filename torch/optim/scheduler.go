// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import "github.com/etude-ml/etude/torch"

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
	lr    *float64
	extra *torch.Dict
}

// grouped is an optimizer with a learning rate for each group. Of any other a
// scheduler sees one group.
type grouped interface{ rates() []rate }

// rates returns the learning rate of each group.
func rates(o Optimizer) []float64 {
	g, ok := o.(grouped)
	if !ok {
		return []float64{o.LR()}
	}
	var list []float64
	for _, r := range g.rates() {
		list = append(list, *r.lr)
	}
	return list
}

// changeRates replaces the learning rate of each of n groups.
func changeRates(o Optimizer, n int, next func(group int, lr float64) float64) {
	g, ok := o.(grouped)
	if !ok {
		o.SetLR(next(0, o.LR()))
		return
	}
	list := g.rates()
	if len(list) != n {
		throw("optim.Scheduler", "the optimizer has %d groups, it had %d when the scheduler was made; add groups first", len(list), n)
	}
	for i, r := range list {
		*r.lr = next(i, *r.lr)
	}
}

// initialRates returns the rates that a schedule starts from.
func initialRates(o Optimizer) []float64 {
	list := rates(o)
	g, ok := o.(grouped)
	if !ok {
		return list
	}
	for i, rate := range g.rates() {
		r := &torch.DictReader{Dict: rate.extra}
		if lr := r.Number("initial_lr"); r.Err == nil {
			list[i] = lr
		} else {
			rate.extra.Set("initial_lr", list[i])
		}
	}
	return list
}
