// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build gotorch

package gotorch_test

import (
	"fmt"

	theirs "github.com/wangkuiyi/gotorch"
	"github.com/wangkuiyi/gotorch/vision/models"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/gotorch"
	"github.com/etude-ml/etude/torch/nn"
)

// A network of GoTorch's is one of ours: trainer.Run trains it, and onnx.Export exports it.
func ExampleNewModule() {
	if err := torch.Init(); err != nil {
		fmt.Println(err)
		return
	}
	net := models.MLP()
	var model nn.Module = gotorch.NewModule(net, net.Forward)
	for _, p := range nn.NamedParameters(model) {
		fmt.Println(p.Name, p.Tensor.Shape())
	}
	torch.Scope(func() {
		fmt.Println(model.Forward(torch.Zeros([]int{2, 1, 28, 28})).Shape())
	})
	// Output:
	// MLPModule.FC1.Bias [512]
	// MLPModule.FC1.Weight [512 784]
	// MLPModule.FC2.Bias [512]
	// MLPModule.FC2.Weight [512 512]
	// MLPModule.FC3.Bias [10]
	// MLPModule.FC3.Weight [10 512]
	// [2 10]
}

// Both sides see what either writes.
func ExampleTake() {
	if err := torch.Init(); err != nil {
		fmt.Println(err)
		return
	}
	a := theirs.Ones([]int64{2}, false)
	b := gotorch.Take(a)
	b.AddScalarInPlace(41)
	fmt.Println(a.Index(1).Item(), gotorch.Give(b).Index(0).Item())
	// Output: 42 42
}
