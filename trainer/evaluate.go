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
		means, right := batchMeans{}, hits{}
		defer means.close()
		defer right.close()
		forward(context.Background(), model, set, batchSize, func(output *torch.Tensor, b data.Batch) {
			if classes {
				right.add(output, b.Y)
				means.add(b.Len, loss(output, b.Y))
			} else {
				means.add(b.Len, loss(output, b.Y), nn.MSELoss(output, b.Y), nn.L1Loss(output, b.Y))
			}
		})
		means.read()
		m.Samples, m.Loss = set.Len(), means.mean(0)
		if classes {
			m.Accuracy = right.share()
		} else {
			m.MSE, m.MAE = means.mean(1), means.mean(2)
		}
	})
	if err != nil {
		return m, fmt.Errorf("trainer: evaluate: %w", err)
	}
	return m, nil
}

// batchMeans collects some numbers of each batch, means over its samples, as
// Losses collects one: they stay on the device, and those of readEvery batches are
// read together. They need not be finite. The zero value is ready.
type batchMeans struct {
	values  *torch.Tensor // [readEvery, numbers]
	counts  []int         // samples of the batches that have not been read
	sums    []float64     // Σ number·samples of what has been read
	samples int
}

func (m *batchMeans) add(samples int, numbers ...*torch.Tensor) {
	mustBeSingle(numbers[0])
	if m.values == nil {
		torch.Unscoped(func() {
			m.values = torch.Zeros([]int{readEvery, len(numbers)}, torch.Options{DType: numbers[0].DType(), Device: numbers[0].Device()})
		})
		m.sums = make([]float64, len(numbers))
	}
	row := m.values.Select(0, len(m.counts))
	for i, x := range numbers {
		row.Narrow(0, i, 1).CopyInPlace(x)
	}
	m.counts = append(m.counts, samples)
	if len(m.counts) == readEvery {
		m.read()
	}
}

func (m *batchMeans) read() {
	if len(m.counts) == 0 {
		return
	}
	var values []float64
	torch.Scope(func() { values = m.values.Narrow(0, 0, len(m.counts)).To(torch.CPU).Float64s() })
	for i, v := range values {
		m.sums[i%len(m.sums)] += v * float64(m.counts[i/len(m.sums)])
	}
	for _, n := range m.counts {
		m.samples += n
	}
	m.counts = m.counts[:0]
}

// mean is NaN where there were no samples.
func (m *batchMeans) mean(i int) float64 {
	if m.samples == 0 {
		return math.NaN()
	}
	return m.sums[i] / float64(m.samples)
}

func (m *batchMeans) close() {
	if m.values != nil {
		m.values.Close()
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
