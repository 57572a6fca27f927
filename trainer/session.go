// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
)

// session is a Run in progress: the run with its defaults filled in, and its state.
type session struct {
	Run
	history *History
	stop    *EarlyStopping
	best    Weights

	params   []*torch.Tensor
	begun    *torch.Dict // the settings at the beginning
	folder   *folder     // nil: nothing is saved
	saving   chan outcome
	unsaved  error // of the last save
	requests int64 // of Control that were seen to

	epoch, step int           // the next step
	group       *torch.Tensor // what the losses of an open group were divided by, together; nil for samples
	losses      *Losses
	norms       *Losses // of the gradients
	valLosses   *Losses
	seconds     float64 // of this epoch
	clock       clock
}

func newSession(r Run) (*session, error) {
	r.Epochs, r.BatchSize = cmp.Or(r.Epochs, DefaultEpochs), cmp.Or(r.BatchSize, DefaultBatchSize)
	r.ReadEvery, r.Accumulate = cmp.Or(r.ReadEvery, readEvery), cmp.Or(r.Accumulate, 1)
	if r.AroundStep == nil {
		r.AroundStep = func(step func()) { step() }
	}
	s := &session{
		Run: r, history: NewHistory(),
		losses: NewLosses(r.ReadEvery), norms: NewLosses(r.ReadEvery), valLosses: NewLosses(readEvery),
		requests: r.Control.requests(),
	}
	s.valLosses.what, s.norms.what = "the validation loss", "the norm of the gradients"
	s.stop = &EarlyStopping{Patience: math.MaxInt}
	if r.Stop != nil {
		*s.stop = *r.Stop
		s.stop.Reset()
	}
	var err error
	if e := torch.Try(func() { err = r.check() }); e != nil {
		err = e
	}
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	s.params = nn.Parameters(r.Model)
	return s, nil
}

// check finds what cannot be trained before anything is touched.
func (r *Run) check() error {
	switch {
	case r.Model == nil:
		return errors.New("Run.Model is nil")
	case r.Loss == nil:
		return errors.New("Run.Loss is nil")
	case r.Optimizer == nil:
		return errors.New("Run.Optimizer is nil")
	case r.Train == nil:
		return errors.New("Run.Train is nil")
	case r.Epochs < 1 || r.BatchSize < 1 || r.ReadEvery < 1 || r.Threads < 0 || r.Accumulate < 1 || r.KeepBest < 0:
		return fmt.Errorf("Run: Epochs %d, BatchSize %d, ReadEvery %d, Threads %d, Accumulate %d, KeepBest %d: none may be negative",
			r.Epochs, r.BatchSize, r.ReadEvery, r.Threads, r.Accumulate, r.KeepBest)
	case !(r.ClipNorm >= 0):
		return fmt.Errorf("Run.ClipNorm is %v; it must not be negative", r.ClipNorm)
	case r.Stop != nil && (r.Stop.Patience < 0 || !(r.Stop.MinDelta >= 0)):
		return fmt.Errorf("Run.Stop: Patience %d, MinDelta %v: neither may be negative", r.Stop.Patience, r.Stop.MinDelta)
	case r.Stop != nil && r.Stop.Mode != Min:
		return errors.New("Run.Stop.Mode: a run watches a loss, which falls; leave it at Min")
	case r.Resume && r.Save == "":
		return errors.New("Run.Resume needs Run.Save, the folder to continue from")
	case r.KeepBest > 0 && r.Save == "":
		return errors.New("Run.KeepBest needs Run.Save, the folder to keep them in")
	}
	params := nn.Parameters(r.Model)
	if len(params) == 0 {
		return fmt.Errorf("Run.Model, a %T, has no parameters; see package nn for how they are found", r.Model)
	}
	if err := r.checkOptimizer(); err != nil {
		return err
	}
	device := params[0].Device()
	for _, set := range []struct {
		name string
		*data.Set
	}{{"Train", r.Train}, {"Val", r.Val}} {
		if set.Set == nil {
			continue
		}
		n, m := set.X.Size(0), set.Y.Size(0)
		if n != m || n == 0 {
			return fmt.Errorf("the set Run.%s has %d inputs and %d targets", set.name, n, m)
		}
		for _, t := range []*torch.Tensor{set.X, set.Y} {
			if d := t.Device(); d != device {
				return fmt.Errorf("the set Run.%s is on %s, the model's parameters on %s; Samples.Tensors takes the device", set.name, d, device)
			}
		}
	}
	return nil
}

// checkOptimizer refuses an optimizer whose steps would not train Model, or would
// change what no checkpoint of Model holds.
func (r *Run) checkOptimizer() error {
	held := map[*torch.Tensor]bool{}
	for _, p := range r.Optimizer.Parameters() {
		held[p] = true
	}
	var missing []string
	for _, p := range nn.NamedParameters(r.Model) {
		if p.Tensor.RequiresGrad() && !held[p.Tensor] {
			missing = append(missing, p.Name)
		}
		delete(held, p.Tensor)
	}
	switch {
	case missing != nil:
		return fmt.Errorf("Run.Optimizer does not hold %s of Run.Model: make it with nn.Parameters(model); a parameter that is to keep its value needs SetRequiresGrad(false)",
			strings.Join(missing, ", "))
	case len(held) > 0:
		return fmt.Errorf("Run.Optimizer holds %d parameters that are not Run.Model's, which no checkpoint would hold: make it with nn.Parameters(model)", len(held))
	}
	return nil
}

// fit runs the loop and sees to its end.
func (s *session) fit(ctx context.Context) error {
	defer s.close()
	var err error
	if e := torch.Try(func() {
		s.clock.start = time.Now()
		s.begin(0, 0)
		if err = s.prepare(); err == nil {
			err = s.loop(ctx)
		}
	}); e != nil {
		err = fmt.Errorf("trainer: epoch %d, step %d: %w", s.epoch+1, s.step+1, e)
	}
	if errors.Is(err, ErrStop) {
		s.history.StopReason, err = StopHook, nil
	}
	if e := torch.Try(func() { err = s.finish(err) }); e != nil {
		err = errors.Join(err, e)
	}
	return err
}

// prepare locks the folder and continues where an earlier run was interrupted.
func (s *session) prepare() (err error) {
	if s.Save != "" {
		if s.folder, err = openFolder(s.Save); err != nil {
			return err
		}
	}
	if s.folder != nil && !s.Replace && !s.continues() && Finished(s.Save) {
		return fmt.Errorf("trainer: %s holds the results of a run that has ended: choose another folder, continue that run with Run.Resume, or set Run.Replace to remove them", s.Save)
	}
	if s.OnStart != nil {
		if err := s.OnStart(); err != nil {
			return err
		}
	}
	if s.Save != "" || s.ResumeFrom != "" {
		s.begun = s.settings()
	}
	here, err := s.resume()
	if err != nil {
		return err
	}
	if s.folder != nil {
		if !here {
			err = s.folder.clear()
		}
		s.pass(s.folder.notices)
		s.folder.notices = nil
		if here {
			keep := s.KeepBest
			if keep == 0 {
				keep = math.MaxInt // those of an earlier setting stay
			}
			if err = s.repairBest(false); err == nil {
				err = s.folder.tidy(s.folder.prune(keep)) // a kill may have come before that
			}
		}
	}
	return err
}

// begin makes a step the next one, with nothing counted in its epoch yet.
func (s *session) begin(epoch, step int) {
	s.epoch, s.step, s.seconds = epoch, step, 0
	s.losses.Begin(epoch, step)
	s.norms.Begin(epoch, step/s.Accumulate)
}

// steps returns the number of steps in an epoch.
func (s *session) steps() int { return (s.Train.Len() + s.BatchSize - 1) / s.BatchSize }

// order returns the sample indices that this epoch has not used yet.
func (s *session) order() []int {
	order := data.Order(s.Train.Len(), s.Seed, s.epoch)
	return order[min(s.step*s.BatchSize, len(order)):]
}

// validate measures the validation set; false when ctx ended before it was done.
func (s *session) validate(ctx context.Context) (bool, error) {
	if ctx.Err() != nil || s.Val == nil {
		return ctx.Err() == nil, nil
	}
	s.valLosses.Begin(s.epoch, s.step-1)
	err := s.valLosses.pass(ctx, s.Model, s.Val, s.BatchSize, func(output *torch.Tensor, b data.Batch) {
		s.valLosses.observe(output, s.Loss(output, b.Y), b, false)
	})
	if e := new(NonFiniteError); errors.As(err, &e) {
		e.Step = s.step - 1 // of training, not the batch of validation
	}
	if err == nil && ctx.Err() == nil {
		err = s.valLosses.checkWeight("Run.Val")
	}
	return ctx.Err() == nil, err
}

// measures returns the results of the epoch that has just ended.
func (s *session) measures() Epoch {
	e := noEpoch(s.epoch)
	e.TrainLoss, e.Seconds, e.LR = s.losses.Mean(), s.seconds, s.Optimizer.LR()
	if s.ClipNorm > 0 {
		e.GradNorm = s.norms.Mean()
	}
	if hasClasses(s.Train.Y) {
		e.TrainAcc = s.losses.accuracy()
	}
	if s.Val != nil {
		e.ValLoss = s.valLosses.Mean()
		if hasClasses(s.Val.Y) {
			e.ValAcc = s.valLosses.accuracy()
		}
	}
	return e
}

func (s *session) nonFiniteParameter() error {
	return &NonFiniteError{Epoch: s.epoch, Step: s.step - 1, What: "a parameter", Value: math.NaN()}
}

func (s *session) progress(samples int) {
	s.clock.samples += samples
	if s.OnProgress == nil {
		return
	}
	rate := s.clock.rate(time.Now())
	n := s.Train.Len()
	done := s.epoch*n + min(s.step*s.BatchSize, n)
	s.OnProgress(Progress{
		Epoch: s.epoch, Epochs: s.Epochs, Step: s.step, Steps: s.steps(),
		Loss: s.losses.Mean(), Last: s.history.Last(),
		SamplesPerSecond: rate, ETA: s.clock.eta(rate, s.Epochs*n-done),
	})
}

// finish records why training ended, restores the best weights and writes the last
// files, and those that could not be written before. err is the loop's.
func (s *session) finish(err error) error {
	h := s.history
	s.settle()
	var lost, moved error
	if s.folder != nil {
		lost = s.folder.follow()
		if lost == nil && s.unsaved != nil {
			o := s.folder.write()
			s.unsaved = o.err
			s.pass(o.notices)
		}
		if moved = s.folder.moved; errors.Is(err, ErrMoved) {
			moved = nil // err says so already
		}
	}
	switch nonFinite := new(NonFiniteError); {
	case errors.Is(err, ErrInterrupted), errors.Is(err, ErrMoved):
		h.StopReason = StopInterrupted
		err = errors.Join(err, moved, s.unsaved)
		if lost == nil {
			err = errors.Join(err, s.file(HistoryFile, s.history.Save))
		}
		return err
	case errors.As(err, &nonFinite):
		h.StopReason = StopNonFinite
	case err != nil:
		h.StopReason = StopError
	case h.StopReason != "": // the hook's
	case s.stop.Reason() != "":
		h.StopReason = s.stop.Reason()
	default:
		h.StopReason = StopCompleted
	}
	if !s.KeepLast && s.best.StateDict() != nil {
		err = errors.Join(err, s.best.Restore(s.Model))
	}
	err = errors.Join(err, moved)
	if h.StopReason != StopError && lost == nil {
		if s.unsaved == nil {
			s.unsaved = s.repairBest(true)
		}
		err = errors.Join(err, s.unsaved)
		if weights := s.best.StateDict(); weights != nil { // the best ones, also where the model keeps its last
			err = errors.Join(err, s.file(ModelFile, func(path string) error { return pt.Save(path, weights) }))
		}
		err = errors.Join(err, s.file(HistoryFile, s.history.Save))
		if s.history.Len() > 0 {
			err = errors.Join(err, s.file(PlotFile, s.history.Plot))
		}
	}
	return err
}

func (s *session) close() {
	s.settle()
	if s.folder != nil {
		s.folder.close()
	}
	s.losses.Close()
	s.norms.Close()
	s.dropGroup()
	s.valLosses.Close()
	s.best.Close()
}

// continues reports whether the run may go on from a checkpoint in its own folder.
func (s *session) continues() bool {
	return s.Resume || s.ResumeFrom != "" && samePath(filepath.Dir(s.ResumeFrom), s.Save)
}

// file lets write make a file in the run's folder, if it has one.
func (s *session) file(name string, write func(path string) error) error {
	if s.folder == nil {
		return nil
	}
	return s.folder.tidy(write(s.folder.at(name)))
}
