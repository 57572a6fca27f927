// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
)

// Metrics measure a network on a set of samples, each sample weighing the same.
// What does not apply is NaN, null in JSON.
type Metrics struct {
	Samples  int
	Loss     float64
	MSE, MAE float64 // over all elements; NaN for classes
	Accuracy float64 // from 0 to 1; NaN without classes
}

// MarshalJSON writes what does not apply as null.
func (m Metrics) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Samples  int      `json:"samples"`
		Loss     *float64 `json:"loss"`
		MSE      *float64 `json:"mse"`
		MAE      *float64 `json:"mae"`
		Accuracy *float64 `json:"accuracy"`
	}{m.Samples, pointer(m.Loss), pointer(m.MSE), pointer(m.MAE), pointer(m.Accuracy)})
}

// Evaluate measures model on set, batchSize samples at a time (0 for
// DefaultBatchSize), without gradients, and leaves model in evaluation mode.
// Targets of int64 are classes: output [N, C, …], target [N, …]; all others have
// the output's shape.
func Evaluate(model nn.Module, loss nn.Loss, set *data.Set, batchSize int) (Metrics, error) {
	m := Metrics{MSE: math.NaN(), MAE: math.NaN(), Accuracy: math.NaN()}
	if model == nil || loss == nil || set == nil {
		return m, errors.New("trainer: Evaluate needs a model, a loss and a set")
	}
	if batchSize == 0 {
		batchSize = DefaultBatchSize
	}
	err := torch.Try(func() {
		classes := hasClasses(set.Y)
		total, mse, mae, right := NewLosses(readEvery), NewLosses(readEvery), NewLosses(readEvery), hits{}
		all := []*Losses{total, mse, mae}
		defer func() {
			for _, l := range all {
				l.Close()
			}
			right.close()
		}()
		forward(context.Background(), model, set, batchSize, func(output *torch.Tensor, b data.Batch) {
			total.Add(loss(output, b.Y), b.Len)
			if classes {
				right.add(output, b.Y)
			} else {
				mse.Add(nn.MSELoss(output, b.Y), b.Len)
				mae.Add(nn.L1Loss(output, b.Y), b.Len)
			}
			for _, l := range all {
				if l.Full() {
					l.readAny()
				}
			}
		})
		for _, l := range all {
			l.readAny()
		}
		m.Samples, m.Loss, m.MSE, m.MAE = set.Len(), total.Mean(), mse.Mean(), mae.Mean()
		if classes {
			m.Accuracy = right.share()
		}
	})
	if err != nil {
		return m, fmt.Errorf("trainer: evaluate: %w", err)
	}
	return m, nil
}

// readAny reads without refusing what is not finite: a measure may be that.
func (l *Losses) readAny() {
	if e := new(NonFiniteError); errors.As(l.Read(), &e) {
		l.sum += e.Value
	}
}

// forward calls f with the outputs for set, without gradients and in evaluation
// mode, until ctx ends.
func forward(ctx context.Context, model nn.Module, set *data.Set, size int, f func(output *torch.Tensor, b data.Batch)) {
	nn.SetTraining(model, false)
	torch.NoGrad(func() {
		for b := range set.Batches(size, nil) {
			f(model.Forward(b.X), b)
			if ctx.Err() != nil {
				return
			}
		}
	})
}
