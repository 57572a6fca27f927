// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"math"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
)

// stateVersion is of the tree under the key "etude".
const stateVersion = 1

// save writes last.pt, and best.pt for an epoch that is the best.
//
// last.pt is complete in itself: where its weights are not the best ones, it
// holds those as well. So it does not matter which of the two files a crash
// leaves newer.
func (s *session) save(best bool) error {
	if s.Save == "" {
		return nil
	}
	last := s.history.Epoch(s.history.Len() - 1)
	c := Checkpoint{Epoch: last.Index, Loss: last.Watched(), Metrics: map[string]float64{}}
	for name, x := range map[string]float64{
		"train_loss": last.TrainLoss, "val_loss": last.ValLoss, "train_acc": last.TrainAcc, "val_acc": last.ValAcc,
	} {
		if !math.IsNaN(x) {
			c.Metrics[name] = x
		}
	}
	var err error
	torch.Scope(func() {
		c.Extra = s.state()
		if err = SaveCheckpoint(s.path("last.pt"), s.Model, s.Optimizer, c); err == nil && best {
			err = SaveCheckpoint(s.path("best.pt"), s.Model, s.Optimizer, c)
		}
	})
	if err != nil {
		return err
	}
	return s.saveHistory()
}

// state is everything but the network and the optimizer that a run continues
// from: plain values, and tensors of bytes for the random generators.
func (s *session) state() *torch.Dict {
	rng := torch.NewDict("cpu", torch.RNGState(torch.CPU))
	if d := s.Train.Device(); d != torch.CPU {
		rng.Set(d.String(), torch.RNGState(d))
	}
	h := s.history
	d := torch.NewDict(
		"version", stateVersion,
		"settings", s.settings(),
		"cursor", torch.NewDict(
			"epoch", s.epoch, "step", s.step, // the next step
			"loss_sum", s.losses.sum, "samples", s.losses.samples,
			"right", s.right.count(), "labels", s.right.of,
			"seconds", s.seconds,
		),
		"rng", rng,
		"early_stopping", s.stop.StateDict(),
		"history", torch.NewDict(
			"train_losses", list(h.TrainLosses), "val_losses", list(h.ValLosses),
			"train_accs", list(h.TrainAccs), "val_accs", list(h.ValAccs),
			"epoch_times", list(h.EpochTimes), "learning_rates", list(h.LearningRates),
			"best_epoch", h.BestEpoch,
		),
	)
	// Right after the best epoch its weights are model_state_dict.
	if best := s.best.StateDict(); best != nil && !s.atBest() {
		d.Set("best_state_dict", best)
	}
	return d
}

// atBest reports whether the model's weights are those of the best epoch.
func (s *session) atBest() bool { return s.step == 0 && s.history.BestEpoch == s.epoch-1 }

// settings are those that must not change for a run to continue exactly.
func (s *session) settings() *torch.Dict {
	return torch.NewDict(
		"seed", int(s.Seed), // the same bits
		"batch_size", s.BatchSize,
		"training_samples", size(s.Train), "training_data", fingerprint(s.Train),
		"validation_samples", size(s.Val), "validation_data", fingerprint(s.Val),
	)
}

func size(s *data.Set) int {
	if s == nil {
		return 0
	}
	return s.Len()
}

func fingerprint(s *data.Set) string {
	if s == nil {
		return ""
	}
	return s.Fingerprint
}

// load continues from a file that save wrote. Settings are compared before
// anything is changed.
func (s *session) load(path string) error {
	d, err := pt.LoadDict(path)
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	defer closeTensors(d)
	state, err := s.readState(d)
	if err == nil {
		_, err = readCheckpoint(d, s.Model, s.Optimizer)
	}
	if err == nil {
		err = s.setState(state)
	}
	if err != nil {
		return fmt.Errorf("trainer: %s cannot be continued: %w", path, err)
	}
	return nil
}

// readState finds the state of a run that this one may continue.
func (s *session) readState(d *torch.Dict) (*torch.Dict, error) {
	if _, ok := d.Get("etude"); !ok {
		return nil, fmt.Errorf("it has no key %q: it is a checkpoint of another program; LoadCheckpoint reads its weights", "etude")
	}
	r := reader{dict: d}
	r.dict = read[*torch.Dict](&r, "etude")
	if v := r.int("version"); r.err == nil && v != stateVersion {
		return nil, fmt.Errorf("its version is %d, this program writes and reads %d", v, stateVersion)
	}
	settings := read[*torch.Dict](&r, "settings")
	if r.err != nil {
		return nil, r.err
	}
	return r.dict, s.compareSettings(settings)
}

func (s *session) setState(d *torch.Dict) error {
	r := reader{dict: d}
	cursor, rng := read[*torch.Dict](&r, "cursor"), read[*torch.Dict](&r, "rng")
	stop, history := read[*torch.Dict](&r, "early_stopping"), read[*torch.Dict](&r, "history")
	if r.err != nil {
		return r.err
	}
	if err := s.stop.LoadStateDict(stop); err != nil {
		return err
	}
	if err := s.setHistory(history); err != nil {
		return err
	}
	if err := s.setCursor(cursor); err != nil {
		return err
	}
	if err := s.setBest(d); err != nil {
		return err
	}
	return setRNG(rng)
}

func (s *session) compareSettings(saved *torch.Dict) error {
	var changes []string
	for key, now := range s.settings().All() {
		was, ok := saved.Get(key)
		if !ok || was == now || was == "" || now == "" { // data made by hand has no fingerprint
			continue
		}
		name := strings.ReplaceAll(key.(string), "_", " ")
		if strings.HasSuffix(name, "data") {
			changes = append(changes, name+" is not the same")
		} else {
			changes = append(changes, fmt.Sprintf("%s was %v, is %v", name, was, now))
		}
	}
	if changes != nil {
		return fmt.Errorf("%s; continue with what it began with, or start anew in another folder", strings.Join(changes, "; "))
	}
	return nil
}

func (s *session) setHistory(d *torch.Dict) error {
	r := reader{dict: d}
	h := &History{
		TrainLosses: r.floats("train_losses"), ValLosses: r.floats("val_losses"),
		TrainAccs: r.floats("train_accs"), ValAccs: r.floats("val_accs"),
		EpochTimes: r.floats("epoch_times"), LearningRates: r.floats("learning_rates"),
		BestEpoch: r.int("best_epoch"),
	}
	h.BestValLoss = at(h.ValLosses, h.BestEpoch)
	if r.err == nil {
		r.err = h.check()
	}
	if r.err != nil {
		return fmt.Errorf("history: %w", r.err)
	}
	s.history = h
	return nil
}

func (s *session) setCursor(d *torch.Dict) error {
	r := reader{dict: d}
	epoch, step := r.int("epoch"), r.int("step")
	sum, samples, seconds := r.float("loss_sum"), r.int("samples"), r.float("seconds")
	right, labels := r.int("right"), r.int("labels")
	if r.err == nil && (epoch != s.history.Len() || step < 0 || step > s.steps()) {
		r.fail("epoch %d, step %d is not in this run", epoch, step)
	}
	if r.err != nil {
		return fmt.Errorf("cursor: %w", r.err)
	}
	s.begin(epoch, step)
	s.losses.sum, s.losses.samples, s.seconds = sum, samples, seconds
	s.right.begin(right, labels)
	return nil
}

func (s *session) setBest(d *torch.Dict) error {
	if s.history.BestEpoch < 0 {
		return nil
	}
	if s.atBest() {
		s.best.Take(s.Model)
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

// setRNG restores the generators of the devices that are here.
func setRNG(d *torch.Dict) error {
	for name, v := range d.All() {
		state, ok := v.(*torch.Tensor)
		text, isText := name.(string)
		if !ok || !isText {
			return fmt.Errorf("rng: %v holds %T, not a tensor", name, v)
		}
		device, err := torch.ParseDevice(text)
		if err != nil || torch.CheckDevice(device) != nil {
			continue // continued on another device, which has draws of its own
		}
		if err := torch.Try(func() { torch.SetRNGState(device, state) }); err != nil {
			return fmt.Errorf("rng: %w", err)
		}
	}
	return nil
}
