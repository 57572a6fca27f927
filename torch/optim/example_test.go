// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim_test

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
)

// A line through four points: y = 2x + 1.
func Example() {
	torch.ManualSeed(1)
	model := nn.NewLinear(1, 1, torch.CPU)
	settings := optim.DefaultAdam()
	settings.LR = 0.1
	opt := optim.NewAdam(nn.Parameters(model), settings)
	x := torch.FromSlice([]float32{0, 1, 2, 3}, 4, 1)
	y := torch.FromSlice([]float32{1, 3, 5, 7}, 4, 1)
	for range 300 {
		torch.Scope(func() {
			opt.ZeroGrad()
			nn.MSELoss(model.Forward(x), y).Backward()
			opt.Step()
		})
	}
	fmt.Printf("%.2f x + %.2f\n", model.Weight.Item(), model.Bias.Item())
	// Output: 2.00 x + 1.00
}

// Biases without weight decay, and with a learning rate of their own.
func ExampleAdam_AddGroup() {
	var weights, biases []*torch.Tensor
	for _, p := range nn.NamedParameters(nn.NewSequential(nn.NewLinear(8, 4, torch.CPU), nn.NewLinear(4, 2, torch.CPU))) {
		if p.Tensor.Dim() == 1 {
			biases = append(biases, p.Tensor)
		} else {
			weights = append(weights, p.Tensor)
		}
	}
	settings := optim.DefaultAdamW()
	opt := optim.NewAdamW(weights, settings)
	settings.LR, settings.WeightDecay = 1e-4, 0
	opt.AddGroup(biases, settings)
	for _, g := range opt.Groups() {
		fmt.Println(len(g.Params), g.Config.LR, g.Config.WeightDecay)
	}
	// Output:
	// 2 0.001 0.01
	// 2 0.0001 0
}

func ExampleClipGradNorm() {
	model := nn.NewLinear(3, 1, torch.CPU)
	opt := optim.NewSGD(nn.Parameters(model), optim.SGDConfig{LR: 0.01, Momentum: 0.9})
	torch.Scope(func() {
		x := torch.Full([]int{1, 3}, 100)
		model.Forward(x).Sum().Backward()
		norm := optim.ClipGradNorm(nn.Parameters(model), 1, 2) // before opt.Step
		opt.Step()
		fmt.Printf("%.1f\n", norm.Item())
	})
	// Output: 173.2
}

// Scaled losses keep small gradients from being zeros in float16.
func ExampleGradScaler() {
	torch.ManualSeed(1)
	model := nn.NewLinear(1, 1, torch.CPU)
	opt := optim.NewSGD(nn.Parameters(model), optim.SGDConfig{LR: 0.1})
	scaler := optim.NewGradScaler(optim.DefaultGradScaler())
	x := torch.FromSlice([]float32{0, 1, 2, 3}, 4, 1)
	y := torch.FromSlice([]float32{1, 3, 5, 7}, 4, 1)
	for range 200 {
		torch.Scope(func() {
			opt.ZeroGrad()
			var loss *torch.Tensor
			torch.Autocast(torch.CPU, torch.Float16, func() { loss = nn.MSELoss(model.Forward(x), y) })
			scaler.Scale(loss).Backward()
			scaler.Step(opt)
			scaler.Update()
		})
	}
	fmt.Printf("%.1f x + %.1f\n", model.Weight.Item(), model.Bias.Item())
	// Output: 2.0 x + 1.0
}
