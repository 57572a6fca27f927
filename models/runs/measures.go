// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
)

// measured is what evaluation reports, of a network and of the constant.
type measured struct {
	*measure.Report
	constantLoss float64
}

// measureOn compares predictions for samples with their targets. mean is the
// constant prediction.
func measureOn(spec models.Spec, model nn.Module, set *data.Set, samples *data.Samples, mean []float32) (m measured, err error) {
	var predictions []float32
	err = torch.Try(func() {
		nn.SetTraining(model, false)
		torch.NoGrad(func() {
			torch.Scope(func() {
				output := model.Forward(set.X)
				predictions = output.Float32s()
				constant := torch.FromSlice(mean, 1, len(mean)).To(set.Device()).Expand(set.Len(), len(mean)).Contiguous()
				m.constantLoss = spec.Loss(constant, set.Y).Item()
			})
		})
	})
	if err != nil {
		return m, err
	}
	m.Report, err = spec.Measure(predictions, samples.Y, mean)
	return m, err
}
