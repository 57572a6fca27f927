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
	"github.com/etude-ml/etude/trainer/metric"
)

// Metrics measure a network on a set of samples. Each sample weighs the same, in the
// loss what the loss weighs it: the same numbers come out for every size of the
// batches. A value that does not apply is NaN, null in JSON.
type Metrics struct {
	Samples  int
	Loss     float64
	MSE, MAE float64 // over all elements; NaN unless the targets have the output's shape
	Accuracy float64 // from 0 to 1, of the targets that are not ignored; NaN without classes

	More map[string]float64 // the parts of the loss, and Run.Metrics, by name; nil for none
}

// MarshalJSON writes values that do not apply as null.
func (m Metrics) MarshalJSON() ([]byte, error) {
	more := map[string]*float64{}
	for name, x := range m.More {
		more[name] = pointer(x)
	}
	return json.Marshal(struct {
		Samples  int                 `json:"samples"`
		Loss     *float64            `json:"loss"`
		MSE      *float64            `json:"mse"`
		MAE      *float64            `json:"mae"`
		Accuracy *float64            `json:"accuracy"`
		More     map[string]*float64 `json:"metrics,omitempty"`
	}{m.Samples, pointer(m.Loss), pointer(m.MSE), pointer(m.MAE), pointer(m.Accuracy), more})
}

// Evaluate measures model on set, batchSize samples at a time (0 for
// DefaultBatchSize), without gradients, and leaves model in evaluation mode.
// Targets of int64 are classes: output [N, C, …], target [N, …]; all others have
// the output's shape. [Run.Evaluate] serves networks of several inputs, outputs or losses.
func Evaluate(model nn.Module, loss nn.Loss, set data.Source, batchSize int) (Metrics, error) {
	return Run{Model: model, Loss: loss, BatchSize: batchSize}.Evaluate(context.Background(), set)
}

// Evaluate measures Model on set with Loss or Step and Metrics, BatchSize samples at a time,
// without gradients, in the precision of Autocast, and leaves Model in evaluation mode. No
// other field of r counts. What does not fit the outputs and targets of Step is NaN. A loss
// that is not finite is no error. When ctx ends, so does Evaluate, with the context's cause.
func (r Run) Evaluate(ctx context.Context, set data.Source) (Metrics, error) {
	m := Metrics{MSE: math.NaN(), MAE: math.NaN(), Accuracy: math.NaN()}
	if isNil(set) || r.Step == nil && (r.Loss == nil || !isModule(r.Model)) {
		return m, errors.New("trainer: Evaluate needs a model, a loss and a set")
	}
	mse, mae := metric.MSE().New(), metric.MAE().New()
	defer mse.Close()
	defer mae.Close()
	losses, more, err := measure(ctx, r.Model, set, r.BatchSize, r.Metrics, func(l *Losses, b data.Batch) {
		result := r.compute(set.Device(), b)
		l.observe(result, b.Len)
		if result.values() {
			mse.Add(result.Output, result.Target)
			mae.Add(result.Output, result.Target)
		}
	})
	if err != nil {
		return m, fmt.Errorf("trainer: evaluate: %w", err)
	}
	m.Samples, m.Loss, m.More = losses.samples, losses.Mean(), more
	m.MSE, m.MAE, m.Accuracy = mse.Value(), mae.Value(), losses.accuracy()
	return m, nil
}

// Predict returns model's outputs for set, one row after another, and their mean loss,
// each sample weighing what the loss weighs it. It computes batchSize samples at a time
// (0 for DefaultBatchSize), without gradients, and leaves model in evaluation mode.
// Outputs and a loss that are not finite are no error. When ctx ends, so does Predict,
// with the context's cause. The targets of set and loss may be nil for outputs alone; the
// mean is NaN then. [Run.Predict] serves networks of several inputs or outputs.
func Predict(ctx context.Context, model nn.Module, set data.Source, batchSize int, loss nn.Loss) (rows []float32, mean float64, err error) {
	if model == nil || isNil(set) {
		return nil, math.NaN(), errors.New("trainer: Predict needs a model and a set")
	}
	losses, _, err := measure(ctx, model, set, batchSize, nil, func(l *Losses, b data.Batch) {
		output := model.Forward(b.X)
		rows = append(rows, output.Float32s()...)
		if loss != nil {
			l.Add(loss(output, target(b)), b.Len)
		}
	})
	if err != nil {
		return nil, math.NaN(), fmt.Errorf("trainer: predict: %w", err)
	}
	return rows, losses.Mean(), nil
}

// Predict returns the outputs of Step, or of Model, for all samples of set: [n, …] on
// Model's device. It computes BatchSize samples at a time, without gradients, in the
// precision of Autocast, and leaves Model in evaluation mode. No other field of r counts.
// When ctx ends, so does Predict, with the context's cause.
func (r Run) Predict(ctx context.Context, set data.Source) (output *torch.Tensor, err error) {
	if isNil(set) || r.Step == nil && !isModule(r.Model) {
		return nil, errors.New("trainer: Predict needs a model and a set")
	}
	tried := torch.Try(func() {
		torch.Scope(func() {
			var parts []*torch.Tensor
			_, _, err = measure(ctx, r.Model, set, r.BatchSize, nil, func(_ *Losses, b data.Batch) {
				var part *torch.Tensor
				r.autocast(set.Device(), func() {
					if r.Step == nil {
						part = r.forward(b.X)
					} else {
						part = r.Step(b).Output
					}
				})
				if part == nil {
					panic(&torch.Error{Op: "Run.Step", Message: "the Result has no Output"})
				}
				parts = append(parts, part.Keep())
			})
			if err == nil {
				output = torch.Cat(parts, 0).Keep()
			}
		})
	})
	if err = cmp.Or(err, tried); err != nil {
		return nil, fmt.Errorf("trainer: predict: %w", err)
	}
	return output, nil
}

// measure runs f, which runs model, over set and returns what it has added to the losses,
// and the values of their parts and of metrics. A loss that is not finite makes their mean
// so, and is no error.
func measure(ctx context.Context, model any, set data.Source, size int, metrics []metric.Metric, f func(*Losses, data.Batch)) (losses *Losses, more map[string]float64, err error) {
	losses = NewLosses(readEvery)
	losses.tolerant = true
	losses.measure(metrics)
	defer losses.Close()
	tried := torch.Try(func() {
		err = losses.pass(ctx, model, set, data.Epoch{Size: cmp.Or(size, DefaultBatchSize)}, func(b data.Batch) { f(losses, b) })
		more = losses.named()
	})
	return losses, more, cmp.Or(err, tried, context.Cause(ctx))
}

// pass runs f over an epoch of set, without gradients and with model in evaluation mode, until ctx
// ends, the set fails or a loss is refused. f adds the losses of each batch, which pass
// reads.
func (l *Losses) pass(ctx context.Context, model any, set data.Source, e data.Epoch, f func(data.Batch)) (err error) {
	nn.SetTraining(model, false)
	torch.NoGrad(func() {
		for b, failed := range set.Epoch(e) {
			if err = failed; l.meet != nil {
				err = l.meet(failed)
			}
			if err != nil {
				return
			}
			f(b)
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
