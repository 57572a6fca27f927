// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package metric_test

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/trainer/metric"
)

func ExampleAccuracy() {
	torch.Scope(func() {
		accuracy := metric.Accuracy().New()
		defer accuracy.Close()
		logits := torch.FromSlice([]float32{2, 0, 1, 0, 3, 1, 1, 2, 0}, 3, 3)
		accuracy.Add(logits, torch.FromSlice([]int64{0, 1, 2}, 3))
		accuracy.Add(logits.Narrow(0, 0, 1), torch.FromSlice([]int64{0}, 1))
		fmt.Println(accuracy.Value())
	})
	// Output: 0.75
}

// The share of outputs within a tenth of their targets.
func ExampleMean() {
	torch.Scope(func() {
		m := metric.Mean("close", true, func(output, target *torch.Tensor) *torch.Tensor {
			return output.Sub(target).Abs().LtScalar(0.1)
		}).New()
		defer m.Close()
		m.Add(torch.FromSlice([]float32{0.5, 1, 2}, 3), torch.FromSlice([]float32{0.55, 1, 3}, 3))
		fmt.Printf("%.3f\n", m.Value())
	})
	// Output: 0.667
}

// The largest error of all samples: what is needed of several batches is the largest one.
func ExampleMetric() {
	largest := metric.Metric{
		Name: "largest_error",
		Batch: func(output, target *torch.Tensor) *torch.Tensor {
			return output.Sub(target).Abs().Max()
		},
		Merge: func(parts *torch.Tensor) *torch.Tensor { return parts.Max() },
		Value: func(total *torch.Tensor) float64 { return total.Item() },
	}
	torch.Scope(func() {
		m := largest.New()
		defer m.Close()
		m.Add(torch.FromSlice([]float32{0.5, 1, 2}, 3), torch.FromSlice([]float32{0, 1, 3.5}, 3))
		m.Add(torch.FromSlice([]float32{4}, 1), torch.FromSlice([]float32{4}, 1))
		fmt.Println(m.Value())
	})
	// Output: 1.5
}

// Rows are the true classes, columns the predicted ones.
func ExampleConfusionMatrix() {
	torch.Scope(func() {
		logits := torch.FromSlice([]float32{2, 0, 0, 1, 1, 3}, 3, 2)
		fmt.Println(metric.ConfusionMatrix(logits, torch.FromSlice([]int64{0, 0, 1}, 3)))
	})
	// Output:
	// tensor([[1, 1],
	//         [0, 1]])
}
