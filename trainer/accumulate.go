// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
)

// Batches come in groups of Run.Accumulate; an epoch's last group may be smaller.
// A group's gradients are added up, and its last batch steps the optimizer.

// opensGroup reports whether the current batch is the first of its group.
func (s *session) opensGroup() bool { return s.step%s.Accumulate == 0 }

// closesGroup reports whether it is the last.
func (s *session) closesGroup() bool {
	return (s.step+1)%s.Accumulate == 0 || s.step+1 == s.steps()
}

// train is a step of training. Its error is what DetectAnomaly found, or one of Group's.
func (s *session) train(batch data.Batch) (result Result, err error) {
	if s.opensGroup() {
		s.Optimizer.ZeroGrad()
	}
	if s.closesGroup() {
		if err := s.ranks.forward(); err != nil {
			return result, err
		}
	}
	if s.ranks != nil {
		s.ranks.absent = batch.Len == 0
	}
	before := s.beforeLoss()
	result = s.compute(s.Train.Device(), batch)
	if err := s.checkLoss(batch, result, before); err != nil {
		return result, err
	}
	if err := s.backward(result.Loss, batch.Len); err != nil {
		return result, err
	}
	if err := s.checkGradients(); err != nil {
		return result, err
	}
	if s.closesGroup() {
		if err := s.update(); err != nil {
			return result, err
		}
	}
	s.losses.store(result, batch.Len)
	return result, nil
}

// groupSamples returns the number of samples in the current group.
func (s *session) groupSamples() int {
	start := (s.step - s.step%s.Accumulate) * s.BatchSize
	return min(s.Accumulate*s.BatchSize, s.size-start)
}

// backward adds the gradient of the mean loss of n samples to the group's, so that
// the group's is that of the mean over all its samples. Where the loss divides by
// something else than samples, the sum is known only after the last batch: until then the
// gradients are those of sums.
func (s *session) backward(loss *torch.Tensor, n int) (err error) {
	group, due := s.groupSamples(), min(s.BatchSize, s.size-s.step*s.BatchSize)
	if s.opensGroup() {
		s.missing = 0
	}
	if s.ranks != nil {
		due = s.Train.(*part).count(due)
	}
	s.missing += due - n
	var divisor *torch.Tensor
	if s.ranks != nil || s.Accumulate > 1 {
		if divisor, err = s.divisor(loss, n); err != nil {
			return err
		}
	}
	switch {
	case s.ranks == nil && (n == group || s.Accumulate == 1):
	case divisor == nil:
		loss = loss.MulScalar(float64(n*s.ranks.size()) / float64(group))
	case s.Accumulate == 1:
		if loss, err = s.ranks.weigh(loss, divisor); err != nil {
			return err
		}
	default:
		if s.group == nil {
			torch.Unscoped(func() { s.group = torch.ZerosLike(divisor) })
		}
		s.group.AddInPlace(divisor)
		if loss = loss.Mul(divisor); s.ranks != nil {
			loss = loss.MulScalar(float64(s.ranks.Size))
		}
	}
	if s.ranks == nil {
		s.scaled(loss).Backward()
		return nil
	}
	if !s.closesGroup() {
		return s.ranks.ddp.NoSync(s.scaled(loss))
	}
	if err = s.ranks.ddp.Backward(s.scaled(loss)); err != nil {
		return err
	}
	if unused := s.ranks.ddp.Unused(); unused != nil && !s.ranks.told {
		s.ranks.told = true
		s.notice("the loss of the first batches does not depend on %s; SetRequiresGrad(false) says that this is meant", strings.Join(unused, ", "))
	}
	return nil
}

// divisor returns what the mean loss of n samples was divided by, where that is not their number
// in the first batch of some process; nil otherwise. Later it must not begin to differ, because the
// gradients so far, and other processes, would take it for the number of samples.
func (s *session) divisor(loss *torch.Tensor, n int) (*torch.Tensor, error) {
	d := nn.Divisor(loss)
	if s.divided == nil {
		divided := []float64{0}
		if d != nil || s.group != nil || s.ranks != nil && !s.ranks.complete && s.Accumulate == 1 {
			divided[0] = 1
		}
		if s.ranks != nil {
			if err := s.ranks.add(divided); err != nil {
				return nil, err
			}
		}
		s.divided = new(divided[0] > 0)
	}
	switch {
	case d != nil && !*s.divided:
		return nil, fmt.Errorf("trainer: epoch %d, step %d: this loss was divided by something else than its number of samples (see nn.WithDivisor), and those of other batches were not: let Run.Loss or Run.Step do it for every batch", s.epoch+1, s.step+1)
	case !*s.divided:
		return nil, nil
	case d == nil:
		d = torch.Full([]int{}, n, torch.Options{DType: torch.Float64, Device: loss.Device()})
	}
	if s.ranks != nil {
		d = d.ToDType(torch.Float64) // in all processes
	}
	if n == 0 {
		d = torch.ZerosLike(d)
	}
	return d, nil
}

// average turns the gradients of a group's sums into those of its mean. Where no
// sample counts they stay zero. Samples that the source left out are not in the mean.
func (s *session) average() error {
	if s.ranks != nil && s.Accumulate > 1 {
		if err := s.ranks.total(s.group, &s.missing); err != nil {
			return err
		}
	}
	if s.group == nil && (s.missing == 0 || s.Accumulate == 1) {
		return nil
	}
	torch.NoGrad(func() {
		var scale *torch.Tensor
		if s.group != nil {
			scale = s.group.Reciprocal().NanToNum(0, 0, 0)
		} else {
			n := float64(s.groupSamples())
			scale = torch.Full([]int{}, n/(n-float64(s.missing)), torch.Options{DType: torch.Float64, Device: s.Train.Device()})
		}
		for _, p := range s.params {
			if grad := p.Grad(); grad != nil {
				grad.MulInPlace(scale)
			}
		}
	})
	s.dropGroup()
	return nil
}

func (s *session) dropGroup() {
	if s.group != nil {
		s.group.Close()
		s.group = nil
	}
}

// update makes the optimizer's step by the group's gradients.
func (s *session) update() error {
	if err := s.average(); err != nil {
		return err
	}
	if s.Scaler != nil {
		s.Scaler.Unscale(s.Optimizer)
	}
	norm := s.clip() // it stays on the device, with the losses
	if s.Scaler != nil {
		s.observeScaled(norm)
		s.Scaler.Step(s.Optimizer)
		s.Scaler.Update()
		return nil
	}
	s.Optimizer.Step()
	if norm != nil {
		s.norms.Add(norm, 1)
	}
	return nil
}

// observeScaled counts the steps that Scaler leaves out, whose norms, if there are any, do
// not count.
func (s *session) observeScaled(norm *torch.Tensor) {
	skipped := s.Scaler.FoundInf(s.Optimizer)
	if norm == nil {
		norm = skipped.Clone()
	}
	norm = nn.WithDivisor(norm, func() *torch.Tensor { return skipped.EqScalar(0) })
	s.norms.add(Result{Loss: norm}, 1, skipped)
}

// clip limits the group's gradients and returns their norm before; nil where nobody needs
// it.
func (s *session) clip() *torch.Tensor {
	if s.ClipValue > 0 {
		optim.ClipGradValue(s.params, s.ClipValue)
	}
	if s.ClipNorm > 0 {
		return optim.ClipGradNorm(s.params, s.ClipNorm, 2)
	}
	if !s.TrackNorms {
		return nil
	}
	var grads []*torch.Tensor
	for _, p := range s.params {
		if g := p.Grad(); g != nil {
			grads = append(grads, g)
		}
	}
	return optim.GetTotalNorm(grads, 2)
}

// read reads the losses, and the norms of the gradients, from the device.
func (s *session) read() error {
	if err := s.losses.Read(); err != nil {
		return s.explain(err)
	}
	err := cmp.Or(s.norms.Read(), s.ranks.forward())
	if e := new(NonFiniteError); errors.As(err, &e) {
		e.Step = min((e.Step+1)*s.Accumulate, s.steps()) - 1 // it counted groups
		e.Where = "Run.DetectAnomaly names the parameter"
	}
	return err
}

// openGradients returns the gradients of a group that is not complete, by the
// names of the parameters; nil between groups.
func (s *session) openGradients() *torch.Dict {
	if s.opensGroup() || s.step == s.steps() {
		return nil
	}
	d := torch.NewDict()
	for _, p := range nn.NamedParameters(s.Model) {
		if grad := p.Tensor.Grad(); grad != nil {
			d.Set(p.Name, grad)
		}
	}
	return d
}

// setGradients restores the gradients of a group that was open.
func (s *session) setGradients(d *torch.Dict) error {
	for _, p := range nn.NamedParameters(s.Model) {
		p.Tensor.SetGrad(nil)
		if _, ok := d.Get(p.Name); !ok {
			continue // it had none
		}
		grad, err := torch.Value[*torch.Tensor](d, p.Name)
		if err != nil {
			return fmt.Errorf("accumulation: %w", err)
		}
		if err := torch.Try(func() { p.Tensor.SetGrad(grad.To(p.Tensor.Device()).Clone()) }); err != nil {
			return fmt.Errorf("accumulation: %s: %w", p.Name, err)
		}
	}
	return nil
}
