// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// Swing is a network: layers in exported fields, and a Forward method.
type Swing struct {
	FC1 *nn.Linear
	Out *nn.Linear `torch:"fc2"`
}

func NewSwing(d torch.Device) *Swing {
	return &Swing{nn.NewLinear(64, 128, d), nn.NewLinear(128, 32, d)}
}

func (m *Swing) Forward(x *torch.Tensor) *torch.Tensor {
	return m.Out.Forward(m.FC1.Forward(x).Tanh()).Tanh()
}

// A network of one's own: its parameters have the names that Python's would have.
func Example() {
	m := NewSwing(torch.CPU)
	fmt.Println(m.Forward(torch.Zeros([]int{16, 64})).Shape())
	for _, p := range nn.NamedParameters(m) {
		fmt.Println(p.Name, p.Tensor.Shape())
	}
	// Output:
	// [16 32]
	// fc1.weight [128 64]
	// fc1.bias [128]
	// fc2.weight [32 128]
	// fc2.bias [32]
}

func ExampleNewSequential() {
	m := nn.NewSequential(
		nn.NewLinear(8, 4, torch.CPU),
		nn.ReLU{},
		nn.NewDropout(0.1),
		nn.NewLinear(4, 2, torch.CPU),
	)
	nn.SetTraining(m, false)
	fmt.Println(m.Forward(torch.Zeros([]int{5, 8})).Shape())
	fmt.Println(nn.StateDict(m).Keys())
	// Output:
	// [5 2]
	// [0.weight 0.bias 3.weight 3.bias]
}

func ExampleNewLSTM() {
	l := nn.NewLSTM(10, 20, torch.CPU, nn.LSTMConfig{Layers: 2, BatchFirst: true, Bidirectional: true})
	y, h, _ := l.ForwardState(torch.Zeros([]int{3, 7, 10}), nil, nil) // 3 sequences of 7 steps
	fmt.Println(y.Shape(), h.Shape())
	// Output: [3 7 40] [4 3 20]
}

// A loss with settings is a method value.
func ExampleHuber() {
	loss := nn.Huber{Reduction: nn.ReduceSum, Delta: 0.5}.Loss
	output, target := torch.FromSlice([]float32{0, 0, 0}), torch.FromSlice([]float32{0, 0.2, 2})
	fmt.Printf("%.3f\n", loss(output, target).Item())
	// Output: 0.895
}
