// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
)

// Defaults of Run.
const (
	DefaultEpochs    = 50
	DefaultBatchSize = 64
	readEvery        = 32
)

var (
	// ErrInterrupted is returned by Fit when its context ends; the cause of the
	// context is wrapped as well.
	ErrInterrupted = errors.New("training was interrupted")
	// ErrStop, returned by OnEpoch, ends a run as if all its epochs were done.
	ErrStop = errors.New("stop training")
)

// Run is a network with everything that its training needs. Model, Loss,
// Optimizer and Train are needed. Elsewhere nil switches something off, and a number
// that must be at least 1 has a default for 0.
type Run struct {
	Model     nn.Module // see package nn for how its parameters are found
	Loss      nn.Loss   // the mean over a batch; see nn.WithDivisor for means over anything but its samples
	Optimizer optim.Optimizer
	Train     *data.Set // on the device of Model's parameters
	Val       *data.Set // nil: the training loss decides which epoch is best, and when to stop

	Epochs    int            // at least 1; 0 for DefaultEpochs
	BatchSize int            // at least 1; 0 for DefaultBatchSize; an epoch's last batch holds what is left
	Seed      uint64         // of the order of the samples in each epoch; every value, 0 included, is a seed
	Stop      *EarlyStopping // watches the loss; its settings are copied; nil for all epochs
	KeepLast  bool           // end with the last weights, not with those of the best epoch

	// Accumulate is how many batches make one step of the optimizer, 0 for 1: their
	// gradients are added up as if they were one large batch, each sample weighing
	// the same, or what the loss weighs it, in an epoch's last, smaller group too.
	// Everything that counts steps counts batches.
	Accumulate int
	ClipNorm   float64         // limits the norm of all gradients together; 0 for no limit
	Scheduler  optim.Scheduler // steps after each epoch, with the loss that was watched; or nil

	// Save is a folder, created if necessary: last.pt after each epoch, best.pt after
	// each best one; at the end model.pt (the best weights), history.json and
	// history.png. checkpoints.json lists the checkpoints with their hashes; see
	// [ListCheckpoints]. Empty: nothing is written.
	//
	// They are written beside training. At any instant, whatever happens, last.pt
	// is the new one whole or the old one whole. A save that fails is a notice, and
	// training goes on; the next save makes up for it, and if none can, Fit returns a
	// [*SaveError]. If the folder is renamed meanwhile, the run saves into it under
	// its new name and ends with [ErrMoved].
	Save string
	// KeepBest is how many best-*.pt files are kept beside them, named after their
	// epochs (from 0): those with the lowest Rank, which is the loss that was
	// watched where Rank is nil. Only files of this run are ever removed.
	KeepBest int
	Rank     func(Epoch) float64
	// Resume continues from last.pt in Save, where it is: bit for bit as if there
	// had been no break, on the same machine with the same number of threads. (Not so
	// on CUDA the dropout between an LSTM's layers: cuDNN keeps its generator to itself.)
	// Without that file the run starts anew. Other settings, data or networks than
	// the run began with are refused, each difference by name; Epochs, Stop, the
	// device and the number of threads may differ.
	Resume bool
	// ResumeFrom continues from another checkpoint, in Save or elsewhere, whatever
	// last.pt is. If it is in Save, it is never removed.
	ResumeFrom string
	// Replace lets the run take the place of one that has ended: the files that it left
	// in Save are removed. Without it Fit refuses a folder that holds results.
	Replace bool
	// Override resumes even if the settings of the optimizer, the scheduler or layers, or
	// ClipNorm, have changed, and uses those of this Run.
	Override bool
	Control  *Control // saves on request; or nil

	Threads   int // for each operator; 0 for the process's number (see torch.SetNumThreads)
	ReadEvery int // steps between reads of the losses from the device; 0 for 32

	// OnStart is called once Save is this run's, and before anything in it is changed:
	// here a caller can remove its own files of an earlier run. An error ends the run.
	OnStart    func() error
	OnEpoch    func(Epoch) error // after each epoch, before it is saved; an error ends the run after that; see Log
	OnProgress func(Progress)    // after each step, on Fit's goroutine
	OnNotice   func(text string) // a message for the user that is no error, on Fit's goroutine
	// AroundStep calls step, and may do something around it: measure it, or see
	// that it reads nothing from the device.
	AroundStep func(step func())
}

// Fit trains. At the end, for whatever reason, Model has the weights of its best
// epoch: the first with the lowest validation loss.
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
		return nil, err
	}
	runtime.LockOSThread() // libtorch keeps a pool of threads for each thread
	defer runtime.UnlockOSThread()
	fit := func() {
		torch.ForkRNG(func() {
			torch.RNGState(s.Train.Device()).Close() // the device's generator is copied now
			err = s.fit(ctx)
		})
	}
	if s.Threads > 0 {
		inner := fit
		fit = func() { torch.Threads(s.Threads, inner) }
	}
	if failed := onStream(s.params[0].Device(), fit); failed != nil {
		err = errors.Join(err, fmt.Errorf("trainer: %w", failed))
	}
	return s.history, err
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
		for batch := range s.Train.Batches(s.BatchSize, s.order()) {
			s.AroundStep(func() {
				if s.opensGroup() {
					s.Optimizer.ZeroGrad()
				}
				output := s.Model.Forward(batch.X)
				loss := s.Loss(output, batch.Y)
				s.backward(loss, batch.Len)
				if s.closesGroup() {
					s.average()
					s.clip()
					s.Optimizer.Step()
				}
				s.losses.observe(output, loss, batch, false)
			})
			s.step++
			if s.losses.Full() {
				if err := s.read(); err != nil {
					return err
				}
			}
			s.progress(batch.Len)
			if ctx.Err() != nil {
				break
			}
			if err := s.saveOnRequest(); err != nil {
				return err
			}
		}
		if err := s.read(); err != nil {
			return err
		}
		if s.step == s.steps() {
			if err := s.losses.checkWeight("Run.Train"); err != nil {
				return err
			}
		}

		validated, err := s.validate(ctx)
		s.seconds += time.Since(started).Seconds()
		if err != nil {
			return err
		}
		if !validated {
			return s.interrupt(ctx)
		}
		if err := s.endEpoch(); err != nil {
			return err
		}
	}
	return nil
}

// endEpoch records the epoch, saves, and makes the next one current.
func (s *session) endEpoch() error {
	if !finite(s.Model) {
		return s.nonFiniteParameter()
	}
	epoch := s.measures()
	best := s.history.Update(epoch)
	if best {
		s.best.Take(s.Model)
	}
	s.stop.Observe(epoch.Watched())
	if s.Scheduler != nil {
		s.Scheduler.Step(epoch.Watched())
	}
	s.begin(s.epoch+1, 0)
	var stop error
	if s.OnEpoch != nil {
		stop = s.OnEpoch(epoch) // before saving: it may set a learning rate
	}
	if err := s.save(best, s.asked()); err != nil {
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
	if err := s.read(); err != nil {
		return err
	}
	if !finite(s.Model) {
		return s.nonFiniteParameter()
	}
	return s.save(false, asked)
}

// interrupt saves in the middle of an epoch.
func (s *session) interrupt(ctx context.Context) error {
	if !finite(s.Model) {
		return s.nonFiniteParameter()
	}
	if err := s.save(false, ""); err != nil {
		return err
	}
	return fmt.Errorf("trainer: %w in epoch %d of %d after step %d of %d: %w",
		ErrInterrupted, s.epoch+1, s.Epochs, s.step, s.steps(), context.Cause(ctx))
}
