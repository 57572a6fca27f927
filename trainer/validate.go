// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"errors"
	"fmt"

	"github.com/etude-ml/etude/torch/data"
)

// validateWeights is validate with the weights that are saved.
func (s *session) validateWeights(ctx context.Context, limit int) (ok bool, err error) {
	if s.averages != nil {
		if err := swap(s.Model, s.averages.Module); err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, swap(s.Model, s.averages.Module)) }()
	}
	ok, err = s.validate(ctx, limit)
	return ok, s.explain(err)
}

// validate measures limit batches of the validation set, or all for 0; false when ctx ended
// before it was done.
func (s *session) validate(ctx context.Context, limit int) (bool, error) {
	if ctx.Err() != nil || s.Val == nil {
		return ctx.Err() == nil, nil
	}
	if err := s.ranks.forward(); err != nil {
		return false, fmt.Errorf("trainer: %w", err)
	}
	s.valLosses.Begin(s.epoch, s.step-1)
	e := data.Epoch{Size: s.BatchSize}
	if limit > 0 {
		e.Order = numbers(0, min(limit*s.BatchSize, s.Val.Len()))
	}
	err := s.valLosses.pass(ctx, s.Model, s.Val, e, func(b data.Batch) {
		s.valLosses.observe(s.compute(s.Val.Device(), b), b.Len)
	})
	switch e := new(NonFiniteError); {
	case errors.As(err, &e):
		e.Step = s.step - 1 // of training, not the batch of validation
	case err != nil && s.ranks != nil && !s.ranks.failed:
		err = fmt.Errorf("trainer: %w", err)
	case err != nil:
		err = fmt.Errorf("trainer: epoch %d, after step %d: Run.Val: %w", s.epoch+1, s.step, err)
	case ctx.Err() == nil:
		err = s.valLosses.checkWeight("Run.Val")
	}
	return ctx.Err() == nil, err
}
