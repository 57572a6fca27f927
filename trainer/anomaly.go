// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
)

// nonFiniteParameter names the parameters and buffers that are not finite after a step.
func (s *session) nonFiniteParameter(step int) error {
	var names []string
	for _, n := range nn.NamedTensors(s.Model) {
		if !isFiniteTensor(n.Tensor) {
			names = append(names, n.Name)
		}
	}
	const most = 3
	where := strings.Join(names[:min(most, len(names))], ", ")
	if more := len(names) - most; more > 0 {
		where = fmt.Sprintf("%s and %d more", where, more)
	}
	return &NonFiniteError{Epoch: s.epoch, Step: step, What: "a parameter", Value: math.NaN(), Where: where}
}

// isFiniteTensor reads whether all numbers of t are finite; integers are.
func isFiniteTensor(t *torch.Tensor) (ok bool) {
	torch.NoGrad(func() {
		torch.Scope(func() { ok = !t.DType().IsFloating() || t.IsFinite().All().Item() != 0 })
	})
	return ok
}

// explain adds to the error of a loss that is not finite where that comes from. Its batch is
// computed again.
func (s *session) explain(err error) error {
	e := new(NonFiniteError)
	if !errors.As(err, &e) || e.Where != "" {
		return err
	}
	source, order := undivided(s.Train), s.order(e.Epoch)
	epoch := data.Epoch{Size: s.BatchSize, First: e.Step * s.BatchSize, Seed: s.Seed, Number: e.Epoch}
	if e.What == s.valLosses.what {
		source, order = undivided(s.Val), numbers(0, s.Val.Len())
		epoch = data.Epoch{Size: s.BatchSize, First: (s.valLosses.step - e.Step) * s.BatchSize} // Step is that of training
	}
	epoch.Order = order[epoch.First:min(epoch.First+s.BatchSize, len(order))]
	for b, failed := range source.Epoch(epoch) {
		if failed != nil {
			return err
		}
		switch e.Where = wrongSample(b, epoch.Order); {
		case e.Where != "":
		case !finite(s.Model):
			e.Where = "its origin is not known, because parameters are no longer finite either; Run.DetectAnomaly finds it"
		default:
			e.Where = s.origin(b)
		}
		break
	}
	return err
}

// wrongSample names a sample of a batch with numbers that are not finite; "" for none.
// order holds the numbers of the batch's samples.
func wrongSample(b data.Batch, order []int) string {
	tensors := map[string]*torch.Tensor{"X": b.X, "Y": b.Y}
	maps.Copy(tensors, b.More)
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		t := tensors[name]
		if t == nil || isFiniteTensor(t) {
			continue
		}
		for i := range t.Size(0) {
			if i < len(order) && !isFiniteTensor(t.Select(0, i)) {
				return fmt.Sprintf("%s of sample %d, from 0, is not finite", name, order[i])
			}
		}
		return name + " of the batch is not finite"
	}
	return ""
}

// origin computes a batch and names the first operators whose results are not finite.
func (s *session) origin(b data.Batch) string {
	layers := map[torch.StorageInfo]string{}
	for _, n := range nn.NamedTensors(s.Model) {
		layers[n.Tensor.Storage()] = n.Name[:max(strings.LastIndex(n.Name, "."), 0)]
	}
	for _, l := range nn.BatchNorms(s.Model) {
		if l.Gather != nil { // others may not compute this batch, which may have one sample
			l.Gather = func(t *torch.Tensor) *torch.Tensor { return torch.Stack([]*torch.Tensor{t, t}, 0) }
		}
	}
	last := "" // layer
	var infinity, nan string
	torch.Watch(func() { s.compute(s.params[0].Device(), b) }, func(c torch.WatchedCall) {
		place := "behind " + last
		if last == "" {
			place = "before any layer"
		}
		for _, t := range c.Inputs {
			if layer, ok := layers[t.Storage()]; ok {
				last = "layer " + layer
				if layer == "" {
					last = "the network's own parameters"
				}
				place = "in " + last
			}
		}
		if nan != "" {
			return
		}
		text := fmt.Sprintf("%s, %s", c.Op, place)
		if c.Caller != "" && !strings.Contains(c.Caller, "(trainer.(*Run).") {
			text += ", " + c.Caller
		}
		wasNaN, wasFinite := kinds(c.Inputs)
		hasNaN, finite := kinds(c.Results)
		if hasNaN && !wasNaN {
			nan = text
		}
		// A mask of infinities is as it should be.
		if !finite && wasFinite && infinity == "" && !hasNaN && !strings.Contains(c.Op, "fill") {
			infinity = text
		}
	})
	var parts []string
	if infinity != "" {
		parts = append(parts, "the first infinity is a result of "+infinity)
	}
	if nan != "" {
		parts = append(parts, "the first NaN is a result of "+nan)
	}
	return strings.Join(parts, "; ")
}

// kinds reads whether there is a NaN in tensors, and whether all numbers are finite.
func kinds(ts []*torch.Tensor) (hasNaN, finite bool) {
	finite = true
	torch.NoGrad(func() {
		for _, t := range ts {
			if t.DType().IsFloating() && !isFiniteTensor(t) {
				finite = false
				hasNaN = hasNaN || t.IsNaN().Any().Item() != 0
			}
		}
	})
	return hasNaN, finite
}

// beforeLoss returns the state of the random generators, for DetectAnomaly; nil without it.
func (s *session) beforeLoss() *torch.Dict {
	if s.DetectAnomaly {
		return s.rng()
	}
	return nil
}

// checkLoss finds, for DetectAnomaly, a loss that is not finite. rng is what beforeLoss
// returned.
func (s *session) checkLoss(b data.Batch, r Result, rng *torch.Dict) error {
	if !s.DetectAnomaly {
		return nil
	}
	loss := r.Loss.Item()
	if divisor := nn.Divisor(r.Loss); isFinite(loss) || divisor != nil && divisor.Item() == 0 {
		return nil
	}
	e := &NonFiniteError{Epoch: s.epoch, Step: s.step, What: "the loss", Value: loss}
	rest := s.rest()
	if p, ok := s.Train.(*part); ok {
		rest = p.take(rest)
	}
	if e.Where = wrongSample(b, rest.Order); e.Where == "" {
		if err := setRNG(rng); err != nil {
			return err
		}
		e.Where = s.origin(b)
	}
	return e
}

// checkGradients finds, for DetectAnomaly, gradients that are not finite. It names the last
// parameter that has one: on the way back from the loss it is the first.
func (s *session) checkGradients() error {
	if !s.DetectAnomaly || s.Scaler != nil { // which leaves such steps out
		return nil
	}
	for _, n := range slices.Backward(nn.NamedParameters(s.Model)) {
		if grad := n.Tensor.Grad(); grad != nil && !isFiniteTensor(grad) {
			return &NonFiniteError{Epoch: s.epoch, Step: s.step, What: "the gradient of " + n.Name, Value: math.NaN()}
		}
	}
	return nil
}
