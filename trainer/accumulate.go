// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"errors"
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
)

// Batches come in groups of Run.Accumulate; an epoch's last group may be smaller.
// A group's gradients are added up, and its last batch steps the optimizer.

// opensGroup reports whether the batch at hand is the first of its group.
func (s *session) opensGroup() bool { return s.step%s.Accumulate == 0 }

// closesGroup reports whether it is the last.
func (s *session) closesGroup() bool {
	return (s.step+1)%s.Accumulate == 0 || s.step+1 == s.steps()
}

// share scales the mean loss of n samples to their part of the group's mean, so
// that all samples of a group weigh the same, however many there are.
func (s *session) share(loss *torch.Tensor, n int) *torch.Tensor {
	start := (s.step - s.step%s.Accumulate) * s.BatchSize
	group := min(s.Accumulate*s.BatchSize, s.Train.Len()-start)
	if n == group {
		return loss
	}
	return loss.MulScalar(float64(n) / float64(group))
}

// clip limits the norm of the group's gradients. The norm before stays on the
// device, with the losses.
func (s *session) clip() {
	if s.ClipNorm > 0 {
		s.norms.Add(optim.ClipGradNorm(s.params, s.ClipNorm, 2), 1)
	}
}

// read reads the losses, and the norms of the gradients, from the device.
func (s *session) read() error {
	if err := s.losses.Read(); err != nil {
		return err
	}
	err := s.norms.Read()
	if e := new(NonFiniteError); errors.As(err, &e) {
		e.Step = min((e.Step+1)*s.Accumulate, s.steps()) - 1 // it counted groups
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

// setGradients goes on with a group that was open.
func (s *session) setGradients(d *torch.Dict) error {
	for _, p := range nn.NamedParameters(s.Model) {
		p.Tensor.SetGrad(nil)
		v, ok := d.Get(p.Name)
		if !ok {
			continue // it had none
		}
		grad, ok := v.(*torch.Tensor)
		if !ok {
			return fmt.Errorf("accumulation: %s is %T, not a tensor", p.Name, v)
		}
		if err := torch.Try(func() { p.Tensor.SetGrad(grad.To(p.Tensor.Device()).Clone()) }); err != nil {
			return fmt.Errorf("accumulation: %s: %w", p.Name, err)
		}
	}
	return nil
}
