// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"math"

	"github.com/etude-ml/etude/torch"
)

// Mode is the direction in which a value improves.
type Mode int

// A loss gets better as it falls, an accuracy as it rises.
const (
	Min Mode = iota
	Max
)

// String returns "min" or "max", PyTorch's names.
func (m Mode) String() string {
	if m == Max {
		return "max"
	}
	return "min"
}

// better reports whether a beats b.
func (m Mode) better(a, b float64) bool {
	if m == Max {
		return a > b
	}
	return a < b
}

// EarlyStopping decides when to stop by a value that is checked now and then,
// once an epoch in a [Run]. Start from [DefaultEarlyStopping], or fill in all
// fields: a zero is a zero.
//
//	stop := trainer.DefaultEarlyStopping()
//	improved, enough := stop.Observe(loss)
type EarlyStopping struct {
	// Patience is how many checks in a row may fail to improve: the last of them
	// stops. With 0 the first that fails stops, as with 1. math.MaxInt never stops.
	Patience int
	// MinDelta is the difference that an improvement must exceed, in either Mode: a value
	// better than the best by exactly MinDelta is no improvement. With 0 any better value is one.
	MinDelta float64
	// Relative makes MinDelta a share of the best value's size, so that it
	// serves losses of every scale.
	Relative bool
	Mode     Mode
	// MinChecks is the number of checks before Patience can stop.
	MinChecks int
	// Threshold stops at once when a value is better, Divergence when one is
	// worse. nil for neither.
	Threshold, Divergence *float64

	checks, wait int
	best         float64 // meaningless before the first improvement
	improvedOnce bool
	stopped      StopReason // of the last check, for reasons other than patience
}

// DefaultEarlyStopping returns an EarlyStopping with a Patience of 10 checks and a
// relative MinDelta of 1e-3.
func DefaultEarlyStopping() EarlyStopping {
	return EarlyStopping{Patience: 10, MinDelta: 1e-3, Relative: true}
}

// Observe takes the next value and reports whether it improved on the best one,
// and whether to stop. The first finite value always improves. A value that is
// not finite stops. These are the rules, and the order, of Lightning's callback;
// with Patience and MinDelta alone they are those of Keras too.
func (e *EarlyStopping) Observe(value float64) (improved, stop bool) {
	e.checks++
	e.stopped = ""
	if math.IsNaN(value) || math.IsInf(value, 0) {
		e.stopped = StopNonFinite
		return false, true
	}
	improved = !e.improvedOnce || e.better(value, e.best, e.minDelta())
	if improved {
		e.best, e.improvedOnce, e.wait = value, true, 0
	} else {
		e.wait++
	}
	switch {
	case e.Threshold != nil && e.better(value, *e.Threshold, 0):
		e.stopped = StopThreshold
	case e.Divergence != nil && e.better(*e.Divergence, value, 0):
		e.stopped = StopDivergence
	}
	return improved, e.Reason() != ""
}

// Reason returns why to stop, "" if there is no reason. It compares with Patience each
// time, so that a later improvement, or a greater Patience, lets a run continue.
func (e *EarlyStopping) Reason() StopReason {
	if e.stopped != "" {
		return e.stopped
	}
	// At least one must fail, so Patience 0 and 1 are the same, as in Lightning and Keras.
	if e.wait >= max(e.Patience, 1) && e.checks >= e.MinChecks {
		return StopPatience
	}
	return ""
}

// Best returns the best value; NaN before there is one.
func (e *EarlyStopping) Best() float64 {
	if !e.improvedOnce {
		return math.NaN()
	}
	return e.best
}

// Wait returns how many checks have passed since the best value.
func (e *EarlyStopping) Wait() int { return e.wait }

// Reset forgets all observations.
func (e *EarlyStopping) Reset() {
	e.checks, e.wait, e.best, e.improvedOnce, e.stopped = 0, 0, 0, false, ""
}

// better reports whether a beats b by more than delta.
func (e *EarlyStopping) better(a, b, delta float64) bool {
	if e.Mode == Max {
		return e.Mode.better(a, b+delta)
	}
	return e.Mode.better(a, b-delta)
}

// minDelta is the difference that an improvement on the best value must exceed.
func (e *EarlyStopping) minDelta() float64 {
	if e.Relative {
		return e.MinDelta * math.Abs(e.best)
	}
	return e.MinDelta
}

// StateDict returns the observations, not the settings.
func (e *EarlyStopping) StateDict() *torch.Dict {
	return torch.NewDict("best", number(e.Best()), "wait", e.wait, "checks", e.checks, "stopped", string(e.stopped))
}

// LoadStateDict takes over what StateDict returned. After an error e is as it was.
func (e *EarlyStopping) LoadStateDict(d *torch.Dict) error {
	r := &torch.DictReader{Dict: d}
	best, wait, checks := readFloat(r, "best"), torch.Read[int](r, "wait"), torch.Read[int](r, "checks")
	stopped := torch.Read[string](r, "stopped")
	if r.Err != nil {
		return fmt.Errorf("trainer: early stopping: %w", r.Err)
	}
	e.best, e.improvedOnce, e.wait, e.checks, e.stopped = best, !math.IsNaN(best), wait, checks, StopReason(stopped)
	return nil
}
