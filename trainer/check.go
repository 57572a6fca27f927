// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
)

// check finds what cannot be trained before anything is touched.
func (r *Run) check() error {
	switch {
	case r.Model == nil:
		return errors.New("Run.Model is nil")
	case r.Loss == nil && r.Step == nil:
		return errors.New("Run.Loss is nil, and so is Run.Step")
	case r.Step == nil && !isModule(r.Model):
		return fmt.Errorf("Run.Model, a %T, is no nn.Module: it needs Run.Step", r.Model)
	case r.Optimizer == nil:
		return errors.New("Run.Optimizer is nil")
	case r.Train == nil:
		return errors.New("Run.Train is nil")
	case r.OverfitBatches > 0 && (r.LimitBatches > 0 || r.Sampler != nil):
		return errors.New("Run.OverfitBatches chooses the batches itself: leave LimitBatches, FastDevRun and Sampler off")
	case r.FastDevRun && r.ResumeFrom != "":
		return errors.New("Run.FastDevRun continues nothing: leave ResumeFrom off")
	case r.NumSanityValSteps > 0 && r.Val == nil:
		return errors.New("Run.NumSanityValSteps needs Run.Val")
	case r.Autocast != torch.Float32 && r.Autocast != torch.BFloat16 && r.Autocast != torch.Float16:
		return fmt.Errorf("Run.Autocast is %v; it can be bfloat16 or float16", r.Autocast)
	case r.Eager && r.MustRecord:
		return errors.New("Run.Eager and Run.MustRecord exclude each other")
	case !(r.EMA >= 0 && r.EMA < 1):
		return fmt.Errorf("Run.EMA is %v; it must be at least 0 and less than 1", r.EMA)
	case r.PerStep && r.Scheduler == nil:
		return errors.New("Run.PerStep needs Run.Scheduler")
	case r.Resume && r.Save == "":
		return errors.New("Run.Resume needs Run.Save, the folder to continue from")
	case r.KeepBest > 0 && r.Save == "":
		return errors.New("Run.KeepBest needs Run.Save, the folder to keep them in")
	}
	if r.Group != nil && r.BatchSize < r.Group.Size {
		return fmt.Errorf("Run.BatchSize is %d, and Run.Group has %d processes, each of which needs a sample of every batch", r.BatchSize, r.Group.Size)
	}
	if slices.ContainsFunc(nn.BatchNorms(r.Model), func(l *nn.BatchNorm) bool { return l.Gather != nil }) {
		return errors.New("a batch norm of Run.Model has a Gather, as dist.ConvertSyncBatchNorm sets it: take it away with dist.ConvertSyncBatchNorm(nil, model), and set Run.SyncBatchNorm, which does that for the run")
	}
	stop := cmp.Or(r.Stop, &EarlyStopping{})
	for _, n := range []struct {
		name  string
		value float64
	}{
		{"Epochs", float64(r.Epochs)}, {"BatchSize", float64(r.BatchSize)}, {"Accumulate", float64(r.Accumulate)},
		{"ClipNorm", r.ClipNorm}, {"ClipValue", r.ClipValue},
		{"Stop.Patience", float64(stop.Patience)}, {"Stop.MinDelta", stop.MinDelta},
		{"LimitBatches", float64(r.LimitBatches)}, {"OverfitBatches", float64(r.OverfitBatches)},
		{"NumSanityValSteps", float64(r.NumSanityValSteps)},
		{"KeepBest", float64(r.KeepBest)}, {"Threads", float64(r.Threads)}, {"ReadEvery", float64(r.ReadEvery)},
	} {
		if !(n.value >= 0) { // NaN is not, either
			return fmt.Errorf("Run.%s is %v; it must not be negative", n.name, n.value)
		}
	}
	for i, m := range r.Metrics {
		if m.Batch == nil || m.Value == nil {
			return fmt.Errorf("Run.Metrics: %q has no Batch or no Value", m.Name)
		}
		if err := checkName(m.Name, r.Metrics[:i]...); err != nil {
			return fmt.Errorf("Run.Metrics: %w", err)
		}
	}
	monitor, mode, err := r.monitor(nil)
	if err != nil {
		return err
	}
	if r.Stop != nil && r.Stop.Mode == Max && mode == Min {
		return fmt.Errorf("Run.Stop.Mode is max, but a lower %s is better; leave Mode at Min", monitor)
	}
	if p, ok := r.Scheduler.(*optim.ReduceLROnPlateau); ok {
		switch {
		case r.PerStep:
			return errors.New("Run.PerStep: a step has no measure for ReduceLROnPlateau to watch; leave PerStep off")
		case p.Max != (mode == Max):
			return fmt.Errorf("Run.Scheduler: Max of ReduceLROnPlateau is %v, but %s improves towards its %s", p.Max, monitor, mode)
		}
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
		data.Source
	}{{"Train", r.Train}, {"Val", r.Val}} {
		if set.Source == nil {
			continue
		}
		if s, ok := set.Source.(*data.Set); ok {
			if err := s.Check(); err != nil {
				return fmt.Errorf("the set Run.%s: %w", set.name, err)
			}
		}
		if set.Len() == 0 {
			return fmt.Errorf("the set Run.%s has no samples", set.name)
		}
		if d := set.Device(); d != device {
			return fmt.Errorf("the set Run.%s is on %s, the model's parameters on %s; make it on their device", set.name, d, device)
		}
	}
	switch n := len(r.order(0)); {
	case n == 0 && r.DropLast:
		return fmt.Errorf("Run.DropLast leaves nothing: an epoch has fewer samples than BatchSize, %d", r.BatchSize)
	case n == 0:
		return errors.New("Run.Sampler chooses no samples")
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
