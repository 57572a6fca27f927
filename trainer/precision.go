// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
)

// scaled returns the loss whose gradients are computed.
func (s *session) scaled(loss *torch.Tensor) *torch.Tensor {
	if s.Scaler == nil {
		return loss
	}
	return s.Scaler.Scale(loss)
}

// scaling names the settings of the scaler, nil for none. The scale is not one of them:
// it changes from step to step.
func (s *session) scaling() any {
	if s.Scaler == nil {
		return nil
	}
	c := s.Scaler.Config
	return fmt.Sprintf("GradScaler(GrowthFactor %v, BackoffFactor %v, GrowthInterval %d)", c.GrowthFactor, c.BackoffFactor, c.GrowthInterval)
}

// setScaler goes on with the scale of a checkpoint.
func (s *session) setScaler(d *torch.Dict) error {
	if s.Scaler == nil {
		return nil
	}
	state, err := torch.Value[*torch.Dict](d, "scaler")
	if err != nil {
		return err
	}
	return s.Scaler.LoadStateDict(state)
}
