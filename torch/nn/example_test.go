// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
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

// Centre subtracts the running mean of what it has seen in training. The mean is a
// buffer: it is saved with the weights, and no optimizer changes it.
type Centre struct {
	Scale    *torch.Tensor
	Mean     *torch.Tensor `torch:"running_mean,buffer"`
	Training bool
}

func NewCentre(features int, d torch.Device) *Centre {
	c := &Centre{Training: true}
	torch.Unscoped(func() { // it outlives the scope of a step in which it is made
		c.Scale = torch.Ones([]int{features}, torch.Options{Device: d}).SetRequiresGrad(true)
		c.Mean = torch.Zeros([]int{features}, torch.Options{Device: d})
	})
	return c
}

func (c *Centre) Forward(x *torch.Tensor) *torch.Tensor {
	if c.Training {
		torch.NoGrad(func() {
			c.Mean.MulScalarInPlace(0.9).AddInPlace(x.Mean(0).MulScalar(0.1))
		})
	}
	return x.Sub(c.Mean).Mul(c.Scale)
}

// A layer of one's own with a buffer.
func Example_buffer() {
	m := nn.NewSequential(NewCentre(2, torch.CPU), nn.NewLinear(2, 1, torch.CPU))
	m.Forward(torch.Ones([]int{4, 2}))
	fmt.Println(nn.StateDict(m).Keys())
	for _, p := range nn.Parameters(m) {
		fmt.Println(p.Shape())
	}
	// Output:
	// [0.scale 0.running_mean 1.weight 1.bias]
	// [2]
	// [1 2]
	// [1]
}

// Weights that PyTorch has saved, in a checkpoint with more than weights.
func ExampleLoadStateDict() {
	model := &struct{ FC1, FC2 *nn.Linear }{nn.NewLinear(3, 4, torch.CPU), nn.NewLinear(4, 1, torch.CPU)}
	checkpoint, err := pt.LoadDict("../pt/testdata/checkpoint.pt")
	if err != nil {
		fmt.Println(err)
		return
	}
	weights, err := torch.Value[*torch.Dict](checkpoint, "model_state_dict")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(nn.LoadStateDict(model, weights))
	// Output: <nil>
}

// A small network for images of digits.
func ExampleNewConv2d() {
	d := torch.CPU
	m := nn.NewSequential(
		nn.NewConv2d(1, 8, []int{3}, d, nn.ConvConfig{Padding: []int{1}, NoBias: true}),
		nn.NewBatchNorm2d(8, d),
		nn.ReLU{},
		nn.NewMaxPool2d([]int{2}),
		nn.NewConv2d(8, 16, []int{3}, d, nn.ConvConfig{Stride: []int{2}}),
		nn.DefaultLeakyReLU(),
		nn.NewAdaptiveAvgPool2d([]int{1}),
		nn.DefaultFlatten(),
		nn.NewLinear(16, 10, d),
	)
	fmt.Println(m.Forward(torch.Zeros([]int{5, 1, 28, 28})).Shape())
	fmt.Println(nn.StateDict(m[1]).Keys())
	// Output:
	// [5 10]
	// [weight bias running_mean running_var num_batches_tracked]
}

// A loss with settings of its own starts from PyTorch's defaults.
func ExampleTripletMargin() {
	loss := nn.DefaultTripletMargin()
	loss.Margin, loss.Reduction = 0.5, nn.ReduceNone
	anchor := torch.FromSlice([]float32{0, 0, 0, 0}, 2, 2)
	near, far := torch.FromSlice([]float32{1, 0, 1, 0}, 2, 2), torch.FromSlice([]float32{0, 3, 0, 1}, 2, 2)
	for _, l := range loss.Loss(anchor, near, far).Float64s() {
		fmt.Printf("%.3f\n", l)
	}
	// Output:
	// 0.000
	// 0.500
}

func ExampleSummary() {
	m := nn.NewSequential(nn.NewLinear(4, 8, torch.CPU), nn.ReLU{}, nn.NewLinear(8, 2, torch.CPU))
	nn.Freeze(m, "0")
	fmt.Print(nn.Summary(m, torch.Zeros([]int{5, 4})))
	// Output:
	// Layer  Type           Output  Parameters
	// 0      nn.Linear      [5 8]           40
	// 1      nn.ReLU        [5 8]
	// 2      nn.Linear      [5 2]           18
	// (all)  nn.Sequential  [5 2]           58
	// 18 parameters are trained, 40 are not.
}

// Three sequences of 2, 5 and 3 steps, padded to the longest, go through a GRU without
// their padding.
func ExampleGRU_ForwardPacked() {
	l := nn.NewGRU(4, 6, torch.CPU, nn.RecurrentConfig{BatchFirst: true})
	packed := nn.PackPadded(torch.Zeros([]int{3, 5, 4}), []int{2, 5, 3}, true)
	y, state := l.ForwardPacked(packed, nil)
	padded, lengths := nn.PadPacked(y, true, 0, 0)
	fmt.Println(packed.Data.Shape(), padded.Shape(), lengths, state.Shape())
	// Output: [10 4] [3 5 6] [2 5 3] [1 3 6]
}

// Each place of the target sees the whole source, and the target up to its own place.
func ExampleTransformer_ForwardMasked() {
	c := nn.DefaultTransformer()
	c.Feedforward, c.BatchFirst = 32, true
	m := nn.NewTransformer(16, 4, 2, 2, torch.CPU, c)
	source, target := torch.Zeros([]int{3, 7, 16}), torch.Zeros([]int{3, 5, 16})
	y := m.ForwardMasked(source, target, nn.TransformerMasks{Target: nn.AttentionMasks{Causal: true}})
	fmt.Println(y.Shape())
	// Output: [3 5 16]
}
