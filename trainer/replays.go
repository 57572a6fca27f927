// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
)

const (
	// worthRecording is how many steps a run has at least where they are recorded: to prove a
	// recording takes as long as ten steps or so.
	worthRecording = 100
	// trials are the steps that Go calls before the first replay: those that are recorded, and
	// others that show whether Go decides otherwise now and then.
	trials = 8
)

// record prepares replays where the run is worth it.
func (s *session) record() (err error) {
	steps := (s.Epochs - s.epoch) * (s.size / s.BatchSize / s.Accumulate)
	p := &replays{s: s, next: [2]int{-1, -1}}
	p.set, p.gather = s.Train.(*data.Set)
	switch {
	case s.Eager, !s.MustRecord && (steps < worthRecording || s.Train.Device().Type != torch.DeviceCPU):
		return nil
	case s.ranks != nil, s.DetectAnomaly, s.Accumulate > 1 && (s.OnBatch != nil || !p.gather):
		if s.MustRecord {
			return errors.New("trainer: Run.MustRecord excludes DetectAnomaly, a Group of several processes and, with Accumulate, OnBatch and a Train that is not a *data.Set")
		}
		return nil
	}
	if p.r, err = torch.NewRecording(p.step); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	if p.gather {
		p.order, p.positions = p.set.Index(s.order(s.epoch)), p.set.Index(make([]int, s.BatchSize))
	}
	s.replays = p
	return nil
}

// refuse says which steps are not replayed, or not any more, and why.
func (s *session) refuse(which string, reason error) error {
	if s.MustRecord {
		return fmt.Errorf("trainer: Run.MustRecord: %w", reason)
	}
	s.notice("Go calls %s, which takes longer than replaying them: %v", which, reason)
	return nil
}

// gathers reports whether the next step is one that gathers its own batches.
func (p *replays) gathers() bool {
	return p != nil && p.r != nil && p.gather && p.s.opensGroup() && p.s.step+p.s.Accumulate <= p.s.size/p.s.BatchSize
}

// takes reports whether perform does the step of a batch; one without X is to be gathered.
func (p *replays) takes(b data.Batch) (bool, error) {
	switch {
	case p == nil || p.r == nil:
		return false, nil
	case p.gather:
		return b.X == nil, nil
	case b.X == nil || b.Len != p.s.BatchSize:
		return false, nil
	case p.set == nil:
		p.set = (&data.Set{X: b.X, Y: b.Y, More: b.More}).To(b.X.Device())
	}
	fits := p.set.Fill(b)
	if fits || p.odd {
		return fits, nil
	}
	p.odd = true
	return false, p.s.refuse("some steps", errors.New("the tensors of their batches have other shapes, types or strides than those of the first"))
}

// perform does a step.
func (p *replays) perform() ([]Result, error) {
	s := p.s
	same := p.next[0] == s.epoch
	if p.gather && p.next != [2]int{s.epoch, s.step} {
		p.seek()
	}
	p.next = [2]int{s.epoch, s.step + s.Accumulate}
	if same && p.calls >= trials {
		err := p.r.Replay(1)
		if err == nil {
			s.losses.batches = append(s.losses.batches, p.losses...)
			s.norms.batches = append(s.norms.batches, p.norms...)
			left := p.r.Results()
			return p.hand(func(*torch.Tensor) (t *torch.Tensor) {
				t, left = left[0], left[1:]
				return t
			}), nil
		}
		if err = p.renew(err); err != nil {
			return nil, err
		}
	}
	if p.r == nil {
		torch.Scope(func() { p.step() })
	} else if err := p.r.Call(); err != nil && p.failed == nil {
		if err = p.renew(err); err != nil {
			return nil, err
		}
	}
	if p.failed != nil {
		return nil, p.failed
	}
	p.calls++
	return p.hand(func(t *torch.Tensor) *torch.Tensor { return t }), nil
}

// seek lets the epoch's next batch be gathered.
func (p *replays) seek() {
	rest := p.s.rest()
	index := p.set.Index(rest.Order)
	defer index.Close()
	p.order.Narrow(0, rest.First, len(rest.Order)).CopyInPlace(index)
	p.positions.CopyInPlace(torch.Arange(rest.First, rest.First+p.s.BatchSize, 1))
}

// step is what is recorded. It returns the tensors of its results, where somebody needs them.
func (p *replays) step() (kept []*torch.Tensor) {
	s := p.s
	first, losses, norms := s.step, len(s.losses.batches), len(s.norms.batches)
	p.results = nil
	for range s.Accumulate {
		b := data.Batch{X: p.set.X, Y: p.set.Y, More: p.set.More, Len: s.BatchSize}
		if p.gather {
			b = p.set.Gather(p.order.IndexSelect(0, p.positions))
			p.positions.AddScalarInPlace(s.BatchSize)
		}
		r, err := s.train(b)
		p.failed = cmp.Or(p.failed, err)
		if s.OnBatch == nil && len(s.losses.metrics) == 0 {
			r = Result{}
		}
		p.results = append(p.results, r.each(func(t *torch.Tensor) *torch.Tensor {
			kept = append(kept, t.Keep())
			return t
		}))
		s.step++
	}
	p.losses, p.norms = slices.Clone(s.losses.batches[losses:]), slices.Clone(s.norms.batches[norms:])
	s.step = first
	return kept
}

// hand returns the results with the tensors that next gives for those of Go's call.
func (p *replays) hand(next func(*torch.Tensor) *torch.Tensor) (list []Result) {
	for _, r := range p.results {
		list = append(list, r.each(func(t *torch.Tensor) *torch.Tensor {
			if t = next(t); p.s.OnBatch != nil {
				t = t.Detach().Clone() // the next step would change what a hook keeps
			}
			return t
		}))
	}
	return list
}

// renew begins another recording, if reason is that the step has become another one and the
// last recording was worth its while.
func (p *replays) renew(reason error) (err error) {
	if !errors.Is(reason, torch.ErrRefused) {
		return fmt.Errorf("trainer: epoch %d, step %d: %w", p.s.epoch+1, p.s.step+1, reason)
	}
	worth := p.r.Steps() >= trials
	p.r.Close()
	p.r, p.calls = nil, 0
	if !worth {
		return p.s.refuse("each step", reason)
	}
	if !p.renewed {
		p.s.notice("in epoch %d the step is another one than those before, and is recorded anew: %v", p.s.epoch+1, reason)
	}
	p.renewed = true
	p.r, err = torch.NewRecording(p.step)
	return err
}

// Close frees everything.
func (p *replays) Close() {
	if p == nil {
		return
	}
	if p.r != nil {
		p.r.Close()
	}
	if p.gather {
		p.order.Close()
		p.positions.Close()
	} else if p.set != nil {
		p.set.Close()
	}
}
