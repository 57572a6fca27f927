// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/plot"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer/figure"
)

// LRFinder holds the settings of FindLR. Start from [DefaultLRFinder].
type LRFinder struct {
	MinLR, MaxLR float64 // the first and the last learning rate
	NumTraining  int     // steps of the optimizer, at least 2
	// EarlyStopThreshold ends the search when the smoothed loss is so many times the lowest
	// one; 0 for never.
	EarlyStopThreshold float64
}

// DefaultLRFinder returns Lightning's settings: 100 steps from 1e-8 to 1, which end when the
// loss is 4 times the lowest.
func DefaultLRFinder() LRFinder {
	return LRFinder{MinLR: 1e-8, MaxLR: 1, NumTraining: 100, EarlyStopThreshold: 4}
}

// LRCurve holds the findings of FindLR: the learning rate and the smoothed loss of each step.
type LRCurve struct {
	LRs, Losses []float64
}

// FindLR trains for some steps, in which the learning rate of every group rises
// exponentially, and records the losses; it then gives Model's weights, the optimizer and
// the random generators the state that they had, drops the gradients, and writes no files.
// Of r's hooks it calls AroundStep alone.
//
//	curve, err := trainer.FindLR(ctx, run, trainer.DefaultLRFinder())
//	lr, err := curve.Suggestion()
//	run.Optimizer.SetLR(lr)
//
// The test is that of "Cyclical learning rates for training neural networks", Smith, 2017;
// losses are smoothed as in fastai and Lightning, by an exponential moving average with a
// decay of 0.98 that is corrected for its beginning. It ends early when a loss is not finite.
func FindLR(ctx context.Context, r Run, f LRFinder) (*LRCurve, error) {
	if !(f.MinLR > 0 && f.MaxLR > f.MinLR) || f.NumTraining < 2 || !(f.EarlyStopThreshold >= 0) {
		return nil, fmt.Errorf("trainer: FindLR: MinLR %v, MaxLR %v, NumTraining %d, EarlyStopThreshold %v: start from DefaultLRFinder()",
			f.MinLR, f.MaxLR, f.NumTraining, f.EarlyStopThreshold)
	}
	r.Save, r.Resume, r.ResumeFrom, r.KeepBest = "", false, "", 0
	r.Scheduler, r.PerStep, r.EMA, r.DetectAnomaly = nil, false, 0, false
	r.Metrics, r.Monitor, r.Stop, r.Group = nil, "", nil, nil
	if r.Scaler != nil {
		r.Scaler = optim.NewGradScaler(r.Scaler.Config)
	}
	s, err := newSession(r)
	if err != nil {
		return nil, err
	}
	defer s.close()
	curve := &LRCurve{}
	failed := s.alone(func() {
		if e := torch.Try(func() { err = s.findLR(ctx, f, curve) }); e != nil {
			err = fmt.Errorf("trainer: FindLR: step %d: %w", len(curve.LRs)+1, e)
		}
	})
	return curve, errors.Join(err, failed)
}

func (s *session) findLR(ctx context.Context, f LRFinder, curve *LRCurve) (err error) {
	var weights Weights
	defer weights.Close()
	weights.Take(s.Model)
	optimizer := copyTree(s.Optimizer.StateDict(), map[*torch.Tensor]*torch.Tensor{}).(*torch.Dict)
	defer closeTensors(optimizer)
	defer func() {
		s.Optimizer.ZeroGrad()
		err = errors.Join(err, weights.Restore(s.Model), s.Optimizer.LoadStateDict(optimizer))
	}()
	s.losses.tolerant, s.norms.tolerant = true, true
	nn.SetTraining(s.Model, true)
	average, lowest := 0.0, math.Inf(1)
	for s.begin(0, 0); ; s.begin(s.epoch+1, 0) {
		for batch, err := range s.Train.Epoch(s.rest()) {
			if err != nil {
				return fmt.Errorf("trainer: FindLR: Run.Train: %w", err)
			}
			n := len(curve.LRs)
			lr := f.MinLR * math.Pow(f.MaxLR/f.MinLR, float64(n)/float64(f.NumTraining-1))
			s.Optimizer.SetLR(lr)
			closes := s.closesGroup()
			if _, err := s.advance(batch); err != nil {
				return err
			}
			if closes || s.losses.Full() {
				if err := s.read(); err != nil {
					return err
				}
			}
			if ctx.Err() != nil {
				return fmt.Errorf("trainer: FindLR: %w", context.Cause(ctx))
			}
			if !closes {
				continue
			}
			loss := s.losses.Mean()
			s.begin(s.epoch, s.step)
			if !isFinite(loss) {
				return nil
			}
			const decay = 0.98
			average = decay*average + (1-decay)*loss
			smoothed := average / (1 - math.Pow(decay, float64(n+1)))
			curve.LRs, curve.Losses = append(curve.LRs, lr), append(curve.Losses, smoothed)
			lowest = min(lowest, smoothed)
			if n+1 == f.NumTraining || f.EarlyStopThreshold > 0 && smoothed > f.EarlyStopThreshold*lowest {
				return nil
			}
		}
	}
}

// Suggestion returns the rate at which the smoothed loss fell most steeply over the logarithm
// of the rate, by the difference between the two neighbours of a step, and without the first 10
// steps and the last: what Lightning's LRFinder.suggestion returned before version 2.5.3,
// which divides by differences of the rates themselves and so favours low ones. (fastai's
// "steep" takes the difference to the next step; its default, "valley", is another method.)
// It is an error if fewer than two steps are left.
func (c *LRCurve) Suggestion() (lr float64, err error) {
	i := c.steepest()
	if i < 0 {
		return 0, fmt.Errorf("trainer: %d steps are too few to suggest a learning rate: lower MinLR, or raise NumTraining", len(c.LRs))
	}
	return c.LRs[i], nil
}

// steepest returns the position of the suggestion, -1 for none.
func (c *LRCurve) steepest() int {
	const begin = 10
	last := len(c.Losses) - 2
	if last <= begin {
		return -1
	}
	best, slope := -1, math.Inf(1)
	for i := begin; i <= last; i++ {
		before, after := max(i-1, begin), min(i+1, last)
		if x := (c.Losses[after] - c.Losses[before]) / float64(after-before); x < slope {
			best, slope = i, x
		}
	}
	return best
}

// Plot draws the losses over the learning rates as a PNG, with the suggestion, if there is
// one, marked.
func (c *LRCurve) Plot(path string) error {
	if len(c.LRs) == 0 {
		return fmt.Errorf("trainer: plot %s: the curve has no steps", path)
	}
	p := newPanel("Search for a learning rate", "learning rate", "smoothed loss")
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, figure.LogTicks{}
	p.line("", figure.Blue, c.LRs, c.Losses)
	if i := c.steepest(); i >= 0 {
		p.mark(fmt.Sprintf("suggestion: %.2g", c.LRs[i]), c.LRs[i], c.Losses[i])
	}
	first, last := c.LRs[0], c.LRs[len(c.LRs)-1]
	return writePlot(path, [][]*plot.Plot{{p.finish(first/1.2, last*1.2, true)}})
}
