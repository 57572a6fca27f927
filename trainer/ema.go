// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"errors"
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// weights returns the network that is validated and saved: one with the averages where
// there are any, or Model.
func (s *session) weights() any {
	if s.averages != nil {
		return s.averages.Module
	}
	return s.Model
}

// swap exchanges the weights of two networks of one kind.
func swap(a, b any) error {
	var kept Weights
	defer kept.Close()
	kept.Take(a)
	return errors.Join(copyWeights(a, b), kept.Restore(b))
}

// copyWeights gives a network the weights of another one of its kind.
func copyWeights(to, from any) (err error) {
	torch.Scope(func() { err = nn.LoadStateDict(to, nn.StateDict(from)) })
	return err
}

// averaging is what a checkpoint holds beside the averages, which are its
// "model_state_dict"; nil for none.
func (s *session) averaging() *torch.Dict {
	if s.averages == nil {
		return nil
	}
	return torch.NewDict("n_averaged", s.averages.NAveraged.ItemInt(), "current_model_state", nn.StateDict(s.Model))
}

// setAveraging goes on with the averages of a checkpoint, which Model holds when it is
// called. Without averages in it, which Override allows, they begin with the next step.
func (s *session) setAveraging(d *torch.Dict) error {
	if s.averages != nil {
		if err := copyWeights(s.averages.Module, s.Model); err != nil {
			return err
		}
	}
	if _, ok := d.Get("averaging"); !ok {
		return nil
	}
	r := &torch.DictReader{Dict: d}
	r = &torch.DictReader{Dict: torch.Read[*torch.Dict](r, "averaging"), Err: r.Err}
	n, current := torch.Read[int](r, "n_averaged"), torch.Read[*torch.Dict](r, "current_model_state")
	if r.Err != nil {
		return fmt.Errorf("averaging: %w", r.Err)
	}
	if s.averages != nil {
		s.averages.NAveraged.FillInPlace(float64(n))
	}
	return nn.LoadStateDict(s.Model, current)
}
