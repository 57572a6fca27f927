// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim/swa"
	"github.com/etude-ml/etude/torch/pt"
)

// Fit trains. At the end, for whatever reason, Model has the weights of its best
// epoch: the first with the best value of Run.Monitor.
//
// When ctx ends, the step in progress is finished, last.pt saved, and
// ErrInterrupted returned with the history so far and the context's cause; Model
// keeps its weights as they are then. A loss or a parameter that is not finite is a *NonFiniteError,
// and nothing after it is saved.
//
// Initial weights and dropout follow torch.ManualSeed. Fit draws from copies of the
// random generators (see torch.ForkRNG): it starts where they are when it is
// called, and leaves them there. So any number of runs may be fitted at once, each
// on its own goroutine, and each ends with the bits that it has alone; on a GPU
// each has a stream of its own.
func (r Run) Fit(ctx context.Context) (*History, error) {
	s, err := newSession(r)
	if err != nil {
		if r.Group != nil {
			r.Group.Fail(err)
		}
		return nil, err
	}
	if failed := s.alone(func() { err = s.fit(ctx) }); failed != nil {
		err = errors.Join(err, failed)
	}
	return s.history, err
}

// alone calls f with random generators, threads, denormal numbers and a stream of the run's own.
func (s *session) alone(f func()) error {
	runtime.LockOSThread() // libtorch keeps a pool of threads for each thread
	defer runtime.UnlockOSThread()
	own := func() {
		torch.FlushDenormal(!s.KeepDenormals, func() { s.forkRNG(f) })
	}
	if s.Threads > 0 {
		inner := own
		own = func() { torch.Threads(s.Threads, inner) }
	}
	if err := onStream(s.params[0].Device(), own); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	return nil
}

// fit runs the loop and sees to its end.
func (s *session) fit(ctx context.Context) error {
	defer s.close()
	ctx = s.ranks.share(ctx)
	var err error
	prepared, began := false, false
	if e := torch.Try(func() {
		s.started = time.Now()
		s.wrote = s.started
		s.begin(0, 0)
		err = s.prepare()
		if prepared = err == nil; prepared {
			if s.OnFitStart != nil {
				err = s.OnFitStart(s.history)
			}
			err = s.ranks.agree(err, false)
		}
		if began = err == nil; began {
			err = s.sanityCheck(ctx)
		}
		if err == nil {
			err = s.record()
		}
		if err == nil {
			err = s.loop(ctx)
		}
	}); e != nil {
		err = fmt.Errorf("trainer: epoch %d, step %d: %w", s.epoch+1, s.step+1, e)
	}
	if prepared && errors.Is(err, ErrStop) { // before, Save may hold the results of another run
		s.history.StopReason, err = StopHook, nil
	}
	if e := torch.Try(func() { err = s.finish(err) }); e != nil {
		err = errors.Join(err, e)
	}
	nonFinite := new(NonFiniteError)
	err = s.ranks.end(err, err == nil || errors.Is(err, ErrInterrupted) || errors.As(err, &nonFinite) && !s.DetectAnomaly)
	if began && s.OnFitEnd != nil {
		if e := s.OnFitEnd(s.history); !errors.Is(e, ErrStop) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// sanityCheck tries validation before anything is trained.
func (s *session) sanityCheck(ctx context.Context) (err error) {
	if s.NumSanityValSteps > 0 && s.epoch == 0 && s.step == 0 {
		s.forkRNG(func() { _, err = s.validateWeights(ctx, s.NumSanityValSteps) })
	}
	return err
}

// loop is the whole of training. Everything that it calls is below, or a part
// that other loops may use.
func (s *session) loop(ctx context.Context) error {
	for s.epoch < s.Epochs && s.stop.Reason() == "" {
		if ctx.Err() != nil {
			return s.interrupt(ctx)
		}
		started := time.Now()

		nn.SetTraining(s.Model, true)
		stopped, err := s.trainEpoch(ctx)
		if err != nil {
			return err
		}
		if stopped != nil && !errors.Is(stopped, ErrStop) {
			return stopped
		}
		if err := s.read(); err != nil {
			return err
		}
		if s.step == s.steps() {
			if err := s.losses.checkWeight("Run.Train"); err != nil {
				return err
			}
		}

		validated, err := s.validateWeights(ctx, s.limit())
		s.seconds += time.Since(started).Seconds()
		if nonFinite := new(NonFiniteError); err != nil && !errors.As(err, &nonFinite) {
			err = errors.Join(err, s.saveFailed()) // so that the run can continue with validation
		}
		if err != nil {
			return err
		}
		if !validated {
			return s.interrupt(ctx)
		}
		if err := s.endEpoch(); err != nil {
			return err
		}
		if stopped != nil {
			return stopped
		}
	}
	return nil
}

// trainEpoch does the steps of this epoch that are left, until ctx ends or OnBatch stops them.
func (s *session) trainEpoch(ctx context.Context) (stopped, err error) {
	for s.step < s.steps() && ctx.Err() == nil {
		if s.replays.gathers() {
			torch.Scope(func() { stopped, err = s.turn(data.Batch{Len: s.BatchSize}) })
			if stopped != nil || err != nil {
				return stopped, err
			}
			continue
		}
		first := s.step
		for batch, err := range s.Train.Epoch(s.rest()) {
			if stopped, err = s.meet(err); stopped == nil && err == nil && ctx.Err() == nil {
				stopped, err = s.turn(batch)
			}
			if stopped != nil || err != nil {
				return stopped, err
			}
			if ctx.Err() != nil || s.replays.gathers() {
				break
			}
		}
		if ctx.Err() == nil && (s.step == first || s.step < s.steps() && !s.replays.gathers()) {
			return s.meet(errEnded)
		}
	}
	return nil, nil
}

// turn does the step of a batch, or those of a group whose batches it gathers itself, and all
// that follows.
func (s *session) turn(batch data.Batch) (stopped, err error) {
	fresh := s.epoch == 0 && s.step == 0
	results, err := s.advance(batch)
	if err != nil {
		return nil, err
	}
	if fresh { // the parts of the loss are known
		if _, _, err := s.monitor(append([]string{}, s.losses.names...)); err != nil {
			return nil, fmt.Errorf("trainer: %w", err)
		}
	}
	open := !s.opensGroup() && s.step < s.steps()
	if !open && s.losses.room() < s.Accumulate {
		if err := s.read(); err != nil {
			return nil, err
		}
	}
	s.progress(len(results) * batch.Len)
	if s.OnBatch != nil {
		stopped = s.OnBatch(s.epoch, s.step-1, results[0])
	}
	if stopped = s.ranks.agree(stopped, s.step < s.steps()); stopped != nil {
		return stopped, nil
	}
	return nil, s.saveOnRequest()
}

// advance does steps and what belongs to them.
func (s *session) advance(batch data.Batch) (results []Result, err error) {
	s.AroundStep(func() {
		if results, err = s.perform(batch); err != nil {
			return
		}
		for _, r := range results {
			if batch.Len > 0 {
				s.losses.compare(r)
			}
			if s.closesGroup() {
				if s.averages != nil {
					s.averages.UpdateParameters(s.Model)
				}
				if s.PerStep {
					s.Scheduler.Step(math.NaN())
				}
			}
			if s.DetectAnomaly && !finite(s.Model) {
				err = s.nonFiniteParameter(s.step)
				return
			}
			s.step++
		}
	})
	return results, err
}

// perform does the step of a batch, unless what is recorded does it and others.
func (s *session) perform(batch data.Batch) ([]Result, error) {
	if takes, err := s.replays.takes(batch); err != nil {
		return nil, err
	} else if takes {
		return s.replays.perform()
	}
	result, err := s.train(batch)
	return []Result{result}, err
}

// endEpoch records the epoch, saves, and makes the next one current.
func (s *session) endEpoch() error {
	if !finite(s.Model) {
		return s.nonFiniteParameter(s.step - 1)
	}
	if err := cmp.Or(s.joinMetrics(s.losses), s.joinMetrics(s.valLosses)); err != nil {
		return err
	}
	epoch := s.measures()
	watched := s.history.watched(epoch)
	if _, ok := epoch.value(s.history.Monitor); !ok && s.history.Monitor != "" {
		return fmt.Errorf("trainer: Run.Monitor is %q, which the results lack: %v", s.history.Monitor, epoch)
	}
	best := s.history.Update(epoch)
	if best {
		s.best.Take(s.weights())
	}
	if s.Stop != nil || isFinite(watched) { // a metric may be NaN
		s.stop.Observe(watched)
	}
	if s.Scheduler != nil && !s.PerStep {
		s.Scheduler.Step(watched)
	}
	s.begin(s.epoch+1, 0)
	var stop error
	if s.OnEpoch != nil {
		stop = s.OnEpoch(epoch) // before saving: it may set a learning rate
	}
	if stop = s.ranks.agree(stop, false); s.ranks != nil && stop != nil && !errors.Is(stop, ErrStop) {
		return stop // the others do not save
	}
	asked := s.asked()
	if err := s.save(best, asked, asked != ""); err != nil {
		return err
	}
	return stop
}

// saveOnRequest saves in the middle of an epoch where Control asks for it.
func (s *session) saveOnRequest() error {
	s.poll()
	asked := s.asked()
	if asked == "" {
		return nil
	}
	return s.saveHere(asked)
}

// saveHere saves in the middle of an epoch, unless something is not finite.
func (s *session) saveHere(asked string) error {
	if err := s.read(); err != nil {
		return err
	}
	if !finite(s.Model) {
		return s.nonFiniteParameter(s.step - 1)
	}
	if s.ranks != nil && !s.opensGroup() && s.step < s.steps() {
		if err := errors.Join(s.ranks.average(s.params), s.ranks.total(s.group, &s.missing)); err != nil {
			return fmt.Errorf("trainer: %w", err)
		}
	}
	return s.save(false, asked, true)
}

// meet comes before each batch, for which err is what Train says. After an error it saves the steps
// before, so that the run can continue with the batch. In a group it sees to what has been asked
// for since the last batch.
func (s *session) meet(err error) (stopped, failed error) {
	open := !s.opensGroup()
	if s.ranks != nil {
		err = s.ranks.meet(err, open)
	}
	switch {
	case err != nil && s.ranks != nil && !s.ranks.failed:
		return nil, fmt.Errorf("trainer: %w", err)
	case err != nil:
		return nil, errors.Join(fmt.Errorf("trainer: epoch %d, step %d: Run.Train: %w", s.epoch+1, s.step+1, err), s.saveFailed())
	case s.ranks == nil || open:
		return nil, nil
	}
	if stopped = s.ranks.stopped(); stopped != nil {
		return stopped, nil
	}
	return nil, s.saveOnRequest()
}

// saveFailed saves after an error of a source, unless other processes do not know of it.
func (s *session) saveFailed() error {
	if s.ranks != nil && !s.ranks.failed {
		return nil
	}
	return s.saveHere("")
}

// interrupt saves in the middle of an epoch.
func (s *session) interrupt(ctx context.Context) error {
	if err := s.saveHere(""); err != nil {
		return err
	}
	return fmt.Errorf("trainer: %w in epoch %d of %d after step %d of %d: %w",
		ErrInterrupted, s.epoch+1, s.Epochs, s.step, s.steps(), context.Cause(ctx))
}

// prepare takes the folder and continues where an earlier run was interrupted.
func (s *session) prepare() (err error) {
	if s.EMA > 0 {
		s.averages = swa.NewAveragedModel(s.Model, swa.Config{Average: swa.EMA(s.EMA)})
	}
	if s.ranks.leads() {
		if err = s.take(); err != nil && s.ranks == nil {
			return err
		}
	}
	if s.Save != "" || s.ResumeFrom != "" || s.ranks != nil {
		s.begun = s.settings()
	}
	here, err := s.resumeTogether(err)
	if err != nil {
		return err
	}
	if s.folder != nil {
		if !here {
			err = s.folder.tidy(s.folder.clear())
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

// finish records why training ended, restores the best weights and writes the last
// files, and those that could not be written before. err is the loop's.
func (s *session) finish(err error) error {
	h := s.history
	s.settle()
	var lost, moved error
	if s.folder != nil {
		lost = s.folder.follow()
		if lost == nil && len(s.folder.waiting) > 0 {
			s.keep(s.folder.write(s.folder.take()))
		}
		if moved = s.folder.moved; errors.Is(err, ErrMoved) {
			moved = nil // err is the same error
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
	switch {
	case !s.KeepLast && s.best.StateDict() != nil:
		err = errors.Join(err, s.best.Restore(s.Model))
	case s.averages != nil && h.Len() > 0:
		err = errors.Join(err, copyWeights(s.Model, s.averages.Module))
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
	if s.SyncBatchNorm {
		_ = dist.ConvertSyncBatchNorm(nil, s.Model) // never an error
	}
	if s.folder != nil {
		s.folder.close()
	}
	s.replays.Close()
	s.losses.Close()
	s.norms.Close()
	s.dropGroup()
	s.valLosses.Close()
	s.best.Close()
	if s.averages != nil {
		closeTensors(nn.StateDict(s.averages))
	}
}

// file lets write make a file in the run's folder, if it has one.
func (s *session) file(name string, write func(path string) error) error {
	if s.folder == nil {
		return nil
	}
	return s.folder.tidy(write(s.folder.at(name)))
}
