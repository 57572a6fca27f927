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

// Metrics measure a network on a set of samples. Each sample weighs the same, in the
// loss what the loss weighs it: the same numbers come out for every size of the
// batches. What does not apply is NaN, null in JSON.
type Metrics struct {
	Samples  int
	Loss     float64
	MSE, MAE float64 // over all elements; NaN for classes
	Accuracy float64 // from 0 to 1, of the targets that are not ignored; NaN without classes
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
		losses, right := NewLosses(readEvery), hits{}
		losses.tolerant = true // a loss that is not finite makes the mean so, and no error
		defer losses.Close()
		defer right.close()
		forward(context.Background(), model, set, batchSize, func(output *torch.Tensor, b data.Batch) {
			value := loss(output, b.Y)
			if classes {
				losses.add(value, b.Len)
				right.add(output, b.Y, value)
			} else {
				losses.add(value, b.Len, nn.MSELoss(output, b.Y), nn.L1Loss(output, b.Y))
			}
			if losses.Full() {
				_ = losses.Read()
			}
		})
		_ = losses.Read()
		m.Samples, m.Loss = set.Len(), losses.Mean()
		if !classes && losses.samples > 0 {
			m.MSE, m.MAE = losses.other(0), losses.other(1)
		}
		if classes {
			m.Accuracy = right.share()
		}
	})
	if err != nil {
		return m, fmt.Errorf("trainer: evaluate: %w", err)
	}
	return m, nil
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
