// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package swa_test

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim/swa"
)

// The average of a weight that is 1, 2 and 3.
func ExampleAveragedModel() {
	model := nn.NewLinear(1, 1, torch.CPU)
	equal := swa.NewAveragedModel(model)
	recent := swa.NewAveragedModel(model, swa.Config{Average: swa.EMA(0.5)})
	for _, w := range []float64{1, 2, 3} {
		torch.NoGrad(func() { model.Weight.FillInPlace(w) })
		equal.UpdateParameters(model)
		recent.UpdateParameters(model)
	}
	fmt.Println(equal.Module.Weight.Item(), recent.Module.Weight.Item())
	fmt.Println(nn.StateDict(equal).Keys())
	// Output:
	// 2 2.25
	// [n_averaged module.weight module.bias]
}
