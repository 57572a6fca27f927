// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
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
// batches. A value that does not apply is NaN, null in JSON.
type Metrics struct {
	Samples  int
	Loss     float64
	MSE, MAE float64 // over all elements; NaN for classes
	Accuracy float64 // from 0 to 1, of the targets that are not ignored; NaN without classes
}

// MarshalJSON writes values that do not apply as null.
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
	losses, err := measure(context.Background(), model, set, batchSize, func(l *Losses, output *torch.Tensor, b data.Batch) {
		l.observe(output, loss(output, b.Y), b, true)
	})
	if err != nil {
		return m, fmt.Errorf("trainer: evaluate: %w", err)
	}
	m.Samples, m.Loss = set.Len(), losses.Mean()
	switch n := float64(losses.samples); {
	case hasClasses(set.Y):
		m.Accuracy = losses.accuracy()
	case n > 0:
		m.MSE, m.MAE = losses.more[0]/n, losses.more[1]/n
	}
	return m, nil
}

// Predict returns model's outputs for set, one row after another, and their mean loss,
// each sample weighing what the loss weighs it. It computes batchSize samples at a time
// (0 for DefaultBatchSize), without gradients, and leaves model in evaluation mode.
// Outputs and a loss that are not finite are no error. When ctx ends, so does Predict,
// with the context's cause. set.Y and loss may be nil for outputs alone; the mean is
// NaN then.
func Predict(ctx context.Context, model nn.Module, set *data.Set, batchSize int, loss nn.Loss) (rows []float32, mean float64, err error) {
	if model == nil || set == nil || set.X == nil || loss != nil && set.Y == nil {
		return nil, math.NaN(), errors.New("trainer: Predict needs a model and a set, with targets where there is a loss")
	}
	losses, err := measure(ctx, model, set, batchSize, func(l *Losses, output *torch.Tensor, b data.Batch) {
		rows = append(rows, output.Float32s()...)
		if loss != nil {
			l.Add(loss(output, b.Y), b.Len)
		}
	})
	if err != nil {
		return nil, math.NaN(), fmt.Errorf("trainer: predict: %w", err)
	}
	return rows, losses.Mean(), nil
}

// measure runs model over set and returns what f has added to the losses. A loss that is
// not finite makes their mean so, and is no error.
func measure(ctx context.Context, model nn.Module, set *data.Set, size int, f func(*Losses, *torch.Tensor, data.Batch)) (*Losses, error) {
	losses := NewLosses(readEvery)
	losses.tolerant = true
	defer losses.Close()
	err := torch.Try(func() {
		_ = losses.pass(ctx, model, set, size, func(output *torch.Tensor, b data.Batch) { f(losses, output, b) })
	})
	return losses, cmp.Or(err, context.Cause(ctx))
}

// pass runs model over set, without gradients and in evaluation mode, until ctx ends or
// a loss is refused. f adds the losses of each batch, which pass reads.
func (l *Losses) pass(ctx context.Context, model nn.Module, set *data.Set, size int, f func(output *torch.Tensor, b data.Batch)) (err error) {
	size = cmp.Or(size, DefaultBatchSize)
	nn.SetTraining(model, false)
	torch.NoGrad(func() {
		for b := range set.Batches(size, nil) {
			f(model.Forward(b.X), b)
			if l.Full() {
				err = l.Read()
			}
			if err != nil || ctx.Err() != nil {
				return
			}
		}
		err = l.Read()
	})
	return err
}
