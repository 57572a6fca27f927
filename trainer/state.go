// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// stateVersion is the format version of the tree under the key "etude".
const stateVersion = 1

// state is everything but the network and the optimizer that a run continues
// from: plain values, and tensors of bytes for the random generators.
func (s *session) state() *torch.Dict {
	cursor := torch.NewDict(
		"epoch", s.epoch, "step", s.step, // the next step
		"loss_sum", s.losses.sum, "samples", s.losses.weight,
		"norm_sum", s.norms.sum, "norms", s.norms.weight,
		"right", int(s.losses.more[0]), "labels", int(s.losses.more[1]),
		"seconds", s.seconds,
	)
	if len(s.losses.names) > 0 {
		parts := torch.NewDict()
		for i, name := range s.losses.names {
			p := s.losses.parts[i]
			parts.Set(name, []any{p.sum, p.weight})
		}
		cursor.Set("parts", parts)
	}
	if s.missing > 0 {
		cursor.Set("missing", s.missing)
	}
	if s.step > 0 && len(s.losses.metrics) > 0 {
		cursor.Set("metrics", s.losses.metricStates())
	}
	d := torch.NewDict(
		"version", stateVersion,
		"settings", s.begun,
		"environment", s.environment(),
		"cursor", cursor,
		"rng", s.rng(),
		"early_stopping", s.stop.StateDict(),
		"history", s.history.dict(),
	)
	if s.Scheduler != nil {
		d.Set("scheduler", s.Scheduler.StateDict())
	}
	if s.Scaler != nil {
		d.Set("scaler", s.Scaler.StateDict())
		cursor.Set("skipped", int(s.norms.more[0]))
	}
	if averaging := s.averaging(); averaging != nil {
		d.Set("averaging", averaging)
	}
	if open := s.openGradients(); open != nil {
		d.Set("accumulation", open)
		if s.group != nil {
			d.Set("accumulation_weight", s.group)
		}
	}
	// Right after the best epoch its weights are model_state_dict.
	if best := s.best.StateDict(); best != nil && !s.atBest() {
		d.Set("best_state_dict", best)
	}
	return d
}

// others returns what the other processes add to a checkpoint, by rank from 1 on: their
// generators, and what they have counted for metrics. It belongs to no scope.
func (s *session) others() (list []any, err error) {
	if s.ranks == nil {
		return nil, nil
	}
	torch.Scope(func() {
		own := torch.NewDict("rng", s.rng())
		if s.step > 0 && len(s.losses.metrics) > 0 {
			own.Set("metrics", s.losses.metricStates())
		}
		list, err = s.ranks.gather(own)
	})
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	closeTensors(list[0])
	return list[1:], nil
}

// joinMetrics lets each process count what all of them have counted.
func (s *session) joinMetrics(l *Losses) (err error) {
	if s.ranks == nil || len(l.metrics) == 0 {
		return nil
	}
	l.count()
	var all []any
	torch.Scope(func() { all, err = s.ranks.gather(l.metricStates()) })
	defer closeTensors(all)
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	l.forget()
	var states []*torch.Dict
	for _, d := range all {
		states = append(states, d.(*torch.Dict))
	}
	return l.loadMetrics(states, s.Train.Device())
}

// atBest reports whether the weights that are saved are those of the best epoch.
func (s *session) atBest() bool { return s.step == 0 && s.history.BestEpoch == s.epoch-1 }

func (s *session) setState(d *torch.Dict) (err error) {
	r := &torch.DictReader{Dict: d}
	cursor, rng := torch.Read[*torch.Dict](r, "cursor"), torch.Read[*torch.Dict](r, "rng")
	stop, history := torch.Read[*torch.Dict](r, "early_stopping"), torch.Read[*torch.Dict](r, "history")
	if r.Err != nil {
		return r.Err
	}
	if err := s.stop.LoadStateDict(stop); err != nil {
		return err
	}
	h, err := historyFrom(history)
	if err != nil {
		return err
	}
	h.Monitor, h.Mode = s.history.Monitor, s.history.Mode
	s.history = h
	drawn, counted, err := s.apart(d, cursor)
	if err != nil {
		return err
	}
	if err := s.setCursor(cursor, counted); err != nil {
		return err
	}
	if err := errors.Join(s.setAveraging(d), s.setBest(d)); err != nil {
		return err
	}
	if err := errors.Join(s.setScheduler(d), s.setScaler(d)); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = setRNG(cmp.Or(drawn, rng))
		}
		if drawn == nil {
			s.ranks.reseed()
		}
	}()
	if s.opensGroup() || s.step == s.steps() {
		return nil
	}
	open := torch.Read[*torch.Dict](r, "accumulation")
	if r.Err != nil {
		return r.Err
	}
	if err := s.setGradients(open); err != nil {
		return err
	}
	if !s.ranks.leads() { // the gradients are averaged, and these are added up
		s.missing = 0
		return nil
	}
	if _, ok := d.Get("accumulation_weight"); ok {
		weight := torch.Read[*torch.Tensor](r, "accumulation_weight")
		if r.Err != nil {
			return r.Err
		}
		if s.ranks != nil {
			weight = weight.ToDType(torch.Float64) // as [session.divisor]
		}
		torch.Unscoped(func() { s.group = weight.To(s.Train.Device()).Clone() })
	}
	return nil
}

// apart returns what this process goes on with of what each process had for itself when a
// checkpoint was saved: the state of its generators, nil for a process that is new, and what
// it counted for metrics. Another number of processes divides that among them.
func (s *session) apart(d, cursor *torch.Dict) (rng *torch.Dict, counted []*torch.Dict, err error) {
	r := &torch.DictReader{Dict: d}
	all := append([]any{torch.NewDict(
		"rng", torch.Read[*torch.Dict](r, "rng"),
		"metrics", readOr(&torch.DictReader{Dict: cursor}, "metrics", torch.NewDict()),
	)}, readOr(r, "others", []any{})...)
	n := s.ranks.size()
	if len(all) != n {
		s.notice("the number of processes was %d, is %d: the last bits may differ from those of a run without a break", len(all), n)
	}
	for i := s.ranks.rank(); i < len(all) && r.Err == nil; i += n {
		own, ok := all[i].(*torch.Dict)
		if !ok {
			return nil, nil, fmt.Errorf("others: rank %d has a %T, not a dict", i, all[i])
		}
		of := &torch.DictReader{Dict: own}
		if i == s.ranks.rank() {
			rng = torch.Read[*torch.Dict](of, "rng")
		}
		counted, r.Err = append(counted, readOr(of, "metrics", torch.NewDict())), of.Err
	}
	return rng, counted, r.Err
}

// setScheduler goes on with a schedule; where Override has brought another one,
// that one begins.
func (s *session) setScheduler(d *torch.Dict) error {
	r := &torch.DictReader{Dict: d}
	settings := torch.Read[*torch.Dict](r, "settings")
	if r.Err != nil || s.Scheduler == nil {
		return r.Err
	}
	if was, _ := settings.Get("scheduler"); was != any(s.schedule()) {
		return nil
	}
	state := torch.Read[*torch.Dict](r, "scheduler")
	if r.Err != nil {
		return r.Err
	}
	return s.Scheduler.LoadStateDict(state)
}

func (s *session) setCursor(d *torch.Dict, counted []*torch.Dict) error {
	r := &torch.DictReader{Dict: d}
	epoch, step := torch.Read[int](r, "epoch"), torch.Read[int](r, "step")
	sum, weight, seconds := readFloat(r, "loss_sum"), readFloat(r, "samples"), readFloat(r, "seconds")
	right, labels := torch.Read[int](r, "right"), torch.Read[int](r, "labels")
	skipped, missing := readOr(r, "skipped", 0), readOr(r, "missing", 0)
	normSum, norms := 0.0, 0.0
	if r.Has("norms") {
		normSum, norms = readFloat(r, "norm_sum"), readFloat(r, "norms")
	}
	var names []string
	var parts []mean
	pairs := &torch.DictReader{Dict: readOr(r, "parts", torch.NewDict())}
	for i := 0; r.Err == nil && i < pairs.Dict.Len(); i++ {
		name := fmt.Sprint(pairs.Dict.Keys()[i])
		if xs := pairs.Numbers(name, 2); pairs.Err == nil {
			names, parts = append(names, name), append(parts, mean{xs[0], xs[1]})
		}
		r.Err = pairs.Err
	}
	if r.Err == nil && (epoch != len(s.history.Epochs) || step < 0 || step > s.steps()) {
		r.Fail("epoch %d, step %d is not in this run", epoch, step)
	}
	if r.Err != nil {
		return fmt.Errorf("cursor: %w", r.Err)
	}
	s.begin(epoch, step)
	s.missing, s.losses.names, s.losses.parts = missing, names, parts
	s.losses.sum, s.losses.weight, s.seconds = sum, weight, seconds
	s.norms.sum, s.norms.weight = normSum, norms
	s.norms.more[0] = float64(skipped)
	s.losses.more = [2]float64{float64(right), float64(labels)}
	return s.losses.loadMetrics(counted, s.Train.Device())
}

// readOr reads a value that a file may lack.
func readOr[T any](r *torch.DictReader, key string, absent T) T {
	if !r.Has(key) {
		return absent
	}
	return torch.Read[T](r, key)
}

func (s *session) setBest(d *torch.Dict) error {
	if s.history.BestEpoch < 0 {
		return nil
	}
	if s.atBest() {
		s.best.Take(s.weights())
		return nil
	}
	best, err := torch.Value[*torch.Dict](d, "best_state_dict")
	if err != nil {
		return err
	}
	// Into the model and out again: that checks names and shapes, and moves the
	// copy to the model's device.
	var now Weights
	defer now.Close()
	now.Take(s.Model)
	if err := nn.LoadStateDict(s.Model, best); err != nil {
		return err
	}
	s.best.Take(s.Model)
	return now.Restore(s.Model)
}
