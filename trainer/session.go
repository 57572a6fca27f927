// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/optim/swa"
)

// session is a Run in progress: the run with its defaults filled in, and its state.
type session struct {
	Run
	history *History
	stop    *EarlyStopping
	best    Weights
	// averages of the weights; nil for none
	averages *swa.AveragedModel[any]

	params   []*torch.Tensor
	size     int         // samples in an epoch
	begun    *torch.Dict // the settings at the beginning
	loaded   *torch.Dict // the checkpoint that a Group continues from, until all have it
	folder   *folder     // nil: nothing is saved
	saving   chan outcome
	wrote    time.Time // when the last save began, or Fit
	unsaved  error     // of the last save
	requests int64     // of Control that were seen to

	epoch, step int           // the next step
	group       *torch.Tensor // what the losses of an open group were divided by, together; nil for samples
	missing     int           // samples that Train left out of an open group
	divided     *bool         // losses by something else than samples; nil before the first
	replays     *replays      // nil where Go calls each step
	ranks       *processes    // nil for a single one
	losses      *Losses
	norms       *Losses // of the gradients
	valLosses   *Losses
	seconds     float64   // of this epoch
	started     time.Time // when Fit began
	samples     int       // trained on since then, by this process
}

// replays does the steps of a session by a [torch.Recording], each of a group of whole batches.
// Go calls the first steps, and the first of each epoch, because hooks may have changed
// something. A nil *replays does none.
type replays struct {
	s       *session
	r       *torch.Recording // nil after one that was refused
	renewed bool
	odd     bool     // a whole batch did not fit in set
	failed  error    // of a step that Go called
	calls   int      // by Go
	next    [2]int   // the epoch and the number of the step that comes next
	results []Result // of the last step that Go called, where somebody needs them
	losses  []batch  // what a step stores
	norms   []batch

	// A step gathers its batches from a set in memory, which takes fewer calls than copying
	// them. From another source each is copied to a set of its size; nil before the first.
	set              *data.Set
	gather           bool
	order, positions *torch.Tensor // int64: the samples of the epoch, and where the next batch is in them
}

func newSession(r Run) (*session, error) {
	if r.FastDevRun {
		r = r.devRun()
	}
	r.Epochs, r.BatchSize = cmp.Or(r.Epochs, DefaultEpochs), cmp.Or(r.BatchSize, DefaultBatchSize)
	r.SaveInterval = cmp.Or(r.SaveInterval, DefaultSaveInterval)
	r.ReadEvery, r.Accumulate = cmp.Or(r.ReadEvery, readEvery), cmp.Or(r.Accumulate, 1)
	if r.Scaler != nil && !r.Scaler.Config.Enabled {
		r.Scaler = nil
	}
	for _, source := range []*data.Source{&r.Train, &r.Val} {
		if isNil(*source) {
			*source = nil
		}
	}
	if r.AroundStep == nil {
		r.AroundStep = func(step func()) { step() }
	}
	s := &session{
		Run: r, history: NewHistory(),
		losses: NewLosses(max(r.ReadEvery, r.Accumulate)), norms: NewLosses(r.ReadEvery), valLosses: NewLosses(readEvery),
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
	s.params, s.size = nn.Parameters(r.Model), len(r.order(0))
	s.losses.measure(r.trainMetrics())
	if r.Val != nil {
		s.valLosses.measure(r.Metrics)
	}
	if r.Group != nil && r.Group.Size > 1 {
		_, set := r.Train.(*data.Set)
		s.ranks = &processes{Group: r.Group, complete: set, asked: func() bool { return s.Control.requests() != s.requests }}
		s.Train = &part{r.Train, r.Group.Rank, r.Group.Size}
		if r.Val != nil {
			s.Val = &part{r.Val, r.Group.Rank, r.Group.Size}
		}
		s.losses.reduce, s.valLosses.reduce = s.ranks.sum, s.ranks.sum
		s.valLosses.meet = func(err error) error { return s.ranks.meet(err, false) }
	}
	s.history.Monitor, s.history.Mode, _ = r.monitor(nil)
	s.stop.Mode = s.history.Mode
	if s.history.Monitor == r.loss() {
		s.history.Monitor = ""
	}
	return s, nil
}

// begin makes a step the next one, with nothing counted in its epoch yet.
func (s *session) begin(epoch, step int) {
	s.epoch, s.step, s.seconds = epoch, step, 0
	s.losses.Begin(epoch, step)
	s.norms.Begin(epoch, step/s.Accumulate)
}

// steps returns the number of steps in an epoch.
func (s *session) steps() int { return (s.size + s.BatchSize - 1) / s.BatchSize }

// rest describes the batches that this epoch has not used yet.
func (s *session) rest() data.Epoch {
	order, first := s.order(s.epoch), min(s.step*s.BatchSize, s.size)
	if len(order) != s.size {
		panic(&torch.Error{Op: "Run.Sampler", Message: fmt.Sprintf("%d samples, but the first epoch has %d", len(order), s.size)})
	}
	return data.Epoch{Size: s.BatchSize, Order: order[first:], First: first, Seed: s.Seed, Number: s.epoch}
}

// measures returns the results of the epoch that has just ended.
func (s *session) measures() Epoch {
	e := noEpoch(s.epoch)
	e.TrainLoss, e.Seconds, e.LR = s.losses.Mean(), s.seconds, s.Optimizer.LR()
	e.Skipped = s.norms.more[0]
	if s.ClipNorm > 0 || s.TrackNorms {
		e.GradNorm = s.norms.Mean()
	}
	if s.TrackNorms {
		torch.Scope(func() { e.WeightNorm = optim.GetTotalNorm(s.params, 2).Item() })
	}
	e.TrainAcc = s.losses.accuracy()
	e.addMore("", s.losses.named())
	if s.Val != nil {
		e.ValLoss, e.ValAcc = s.valLosses.Mean(), s.valLosses.accuracy()
		e.addMore("val_", s.valLosses.named())
	}
	return e
}

func (s *session) progress(samples int) {
	s.samples += samples
	if s.OnProgress == nil {
		return
	}
	rate := float64(s.samples*s.ranks.size()) / max(time.Since(s.started).Seconds(), 1e-9)
	n := s.size
	done := s.epoch*n + min(s.step*s.BatchSize, n)
	seconds := min(float64(s.Epochs*n-done)/rate, math.MaxInt64/2e9)
	s.OnProgress(Progress{
		Epoch: s.epoch, Epochs: s.Epochs, Step: s.step, Steps: s.steps(),
		Loss: s.losses.Mean(), Last: s.history.Last(),
		SamplesPerSecond: rate, ETA: time.Duration(seconds * float64(time.Second)),
	})
}

// pass hands notices to the user.
func (s *session) pass(notices []string) {
	for _, text := range notices {
		s.notice("%s", text)
	}
}

func (s *session) notice(format string, args ...any) {
	if s.OnNotice != nil {
		s.OnNotice(fmt.Sprintf(format, args...))
	}
}

// asked is the notice of a save that is asked for at this point; "" for none.
func (s *session) asked() string {
	n := s.Control.requests()
	if s.ranks == nil && n == s.requests || s.ranks != nil && !s.ranks.saves {
		return ""
	}
	if s.ranks != nil {
		s.ranks.saves = false
	}
	s.requests = n
	return fmt.Sprintf("saved on request in epoch %d of %d after step %d of %d", s.epoch+1, s.Epochs, s.step, s.steps())
}
