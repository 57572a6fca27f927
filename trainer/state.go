// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
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

// atBest reports whether the weights that are saved are those of the best epoch.
func (s *session) atBest() bool { return s.step == 0 && s.history.BestEpoch == s.epoch-1 }

func (s *session) setState(d *torch.Dict) error {
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
	if err := s.setCursor(cursor); err != nil {
		return err
	}
	if err := errors.Join(s.setAveraging(d), s.setBest(d)); err != nil {
		return err
	}
	if err := errors.Join(s.setScheduler(d), s.setScaler(d)); err != nil {
		return err
	}
	if s.opensGroup() || s.step == s.steps() {
		return setRNG(rng)
	}
	open := torch.Read[*torch.Dict](r, "accumulation")
	if r.Err != nil {
		return r.Err
	}
	if err := s.setGradients(open); err != nil {
		return err
	}
	if _, ok := d.Get("accumulation_weight"); ok {
		weight := torch.Read[*torch.Tensor](r, "accumulation_weight")
		if r.Err != nil {
			return r.Err
		}
		torch.Unscoped(func() { s.group = weight.To(s.Train.Device()).Clone() })
	}
	return setRNG(rng)
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

func (s *session) setCursor(d *torch.Dict) error {
	r := &torch.DictReader{Dict: d}
	epoch, step := torch.Read[int](r, "epoch"), torch.Read[int](r, "step")
	sum, weight, seconds := readFloat(r, "loss_sum"), readFloat(r, "samples"), readFloat(r, "seconds")
	right, labels := torch.Read[int](r, "right"), torch.Read[int](r, "labels")
	skipped, missing, states := readOr(r, "skipped", 0), readOr(r, "missing", 0), readOr(r, "metrics", torch.NewDict())
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
	return s.losses.loadMetrics(states, s.Train.Device())
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
