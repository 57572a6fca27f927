// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
)

// autocast calls f, which computes outputs and losses, in the precision that Run asks for.
func (s *session) autocast(f func()) { s.autocastOn(s.params[0].Device(), f) }

// autocastOn is autocast on a device.
func (r *Run) autocastOn(d torch.Device, f func()) {
	if r.Autocast == torch.Float32 {
		f()
		return
	}
	torch.Autocast(d, r.Autocast, f)
}

// scaled returns the loss whose gradients are computed.
func (s *session) scaled(loss *torch.Tensor) *torch.Tensor {
	if s.Scaler == nil {
		return loss
	}
	return s.Scaler.Scale(loss)
}

// scaling names the settings of the scaler, "" for none. The scale is not one of them:
// it changes from step to step.
func (s *session) scaling() string {
	if s.Scaler == nil {
		return ""
	}
	c := s.Scaler.Config
	return fmt.Sprintf("GradScaler(GrowthFactor %v, BackoffFactor %v, GrowthInterval %d)", c.GrowthFactor, c.BackoffFactor, c.GrowthInterval)
}

// precision names the type of autocast, "" for none.
func (s *session) precision() string {
	if s.Autocast == torch.Float32 {
		return ""
	}
	return s.Autocast.String()
}

// setScaler goes on with the scale of a checkpoint.
func (s *session) setScaler(d *torch.Dict) error {
	if s.scaling() == "" {
		return nil
	}
	state, err := torch.Value[*torch.Dict](d, "scaler")
	if err != nil {
		return err
	}
	return s.Scaler.LoadStateDict(state)
}
