// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// inits makes the generator's layers on a device.
func inits(d torch.Device) map[string]func() any {
	return map[string]func() any{
		"linear":              func() any { return nn.NewLinear(7, 5, d) },
		"linear without bias": func() any { return nn.NewLinear(64, 33, d, nn.LinearConfig{NoBias: true}) },
		"linear float64":      func() any { return nn.NewLinear(7, 5, d, nn.LinearConfig{DType: torch.Float64}) },
		"lstm":                func() any { return nn.NewLSTM(5, 6, d) },
		"lstm large":          func() any { return nn.NewLSTM(7, 6, d, nn.LSTMConfig{Layers: 3, Bidirectional: true}) },
		"lstm without bias":   func() any { return nn.NewLSTM(5, 6, d, nn.LSTMConfig{Layers: 2, NoBias: true}) },
		"layer norm":          func() any { return nn.NewLayerNorm([]int{3, 4}, d) },
		"layer norm without bias": func() any {
			return nn.NewLayerNorm([]int{4}, d, nn.LayerNormConfig{Eps: 1e-5, NoBias: true})
		},
		"embedding":        func() any { return nn.NewEmbedding(11, 9, d) },
		"embedding small":  func() any { return nn.NewEmbedding(3, 5, d) },
		"embedding padded": func() any { return nn.NewEmbedding(11, 9, d, nn.EmbeddingConfig{Padding: new(-2)}) },
	}
}

// initial holds what the generator prints about a tensor of initial values.
type initial struct {
	Name, SHA256 string
	Shape        []int
	trace
}

type initials struct {
	Inits     map[string][]initial
	Functions map[string]initial `json:"init_functions"`
}

// readInitials returns the committed prints. Their hashes come from another machine,
// whose vector kernels may round otherwise, so they are not compared.
func readInitials(t *testing.T) (i initials) {
	t.Helper()
	torchtest.Need(t)
	torchtest.Golden(t, "testdata/inits.json", &i)
	return i
}

// sameMachine returns what the generator prints here and now.
func sameMachine(t *testing.T) (i initials) {
	t.Helper()
	torchtest.Need(t)
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/gen_nn.py", "inits"), &i))
	return i
}

func TestInitialValues(t *testing.T) {
	checkInits(t, readInitials(t), initial.close)
}

// The bits are compared with PyTorch's on the same machine.
func TestInitialValuesAreBitForBit(t *testing.T) {
	checkInits(t, sameMachine(t), initial.equal)
}

func (i initial) close(t *testing.T, got *torch.Tensor, what string) {
	t.Helper()
	i.check(t, got, what)
}

func (i initial) equal(t *testing.T, got *torch.Tensor, what string) {
	t.Helper()
	assert.Equal(t, i.SHA256, sum256(got), what)
}

func checkInits(t *testing.T, g initials, check func(i initial, t *testing.T, got *torch.Tensor, what string)) {
	made := inits(torch.CPU)
	require.Len(t, made, len(g.Inits))
	for name, want := range g.Inits {
		require.Contains(t, made, name)
		torch.ManualSeed(7)
		var m any
		torch.Scope(func() { m = made[name]() }) // parameters outlive scopes
		named := nn.NamedParameters(m)
		require.Len(t, named, len(want))
		for i, n := range named {
			what := name + ": " + n.Name
			assert.True(t, n.Tensor.RequiresGrad(), what)
			assert.True(t, n.Tensor.IsLeaf(), what)
			assert.Equal(t, want[i].Name, n.Name, name)
			assert.Equal(t, want[i].Shape, n.Tensor.Shape(), what)
			check(want[i], t, n.Tensor.Detach(), what)
		}
	}
	fills := initialisers()
	require.Len(t, fills, len(g.Functions))
	for name, fill := range fills {
		torch.ManualSeed(8)
		w := torch.Zeros([]int{6, 5, 2}).SetRequiresGrad(true)
		fill(w)
		check(g.Functions[name], t, w.Detach(), name)
		assert.True(t, w.IsLeaf(), name)
	}
}

func initialisers() map[string]func(*torch.Tensor) {
	return map[string]func(*torch.Tensor){
		"kaiming_uniform": func(w *torch.Tensor) { nn.KaimingUniform(w, 0.2) },
		"kaiming_normal":  func(w *torch.Tensor) { nn.KaimingNormal(w, 0) },
		"xavier_uniform":  func(w *torch.Tensor) { nn.XavierUniform(w, 1.5) },
		"xavier_normal":   func(w *torch.Tensor) { nn.XavierNormal(w, 1) },
		"uniform":         func(w *torch.Tensor) { nn.Uniform(w, -2, 3) },
		"normal":          func(w *torch.Tensor) { nn.Normal(w, 1, 2) },
		"kaiming_uniform fan out": func(w *torch.Tensor) {
			nn.KaimingUniform(w, 0.2, nn.KaimingConfig{FanOut: true, Nonlinearity: "tanh"})
		},
		"kaiming_normal fan out": func(w *torch.Tensor) {
			nn.KaimingNormal(w, 0, nn.KaimingConfig{FanOut: true, Nonlinearity: "relu"})
		},
		"ones":              func(w *torch.Tensor) { nn.Ones(w) },
		"zeros":             func(w *torch.Tensor) { nn.Zeros(nn.Ones(w)) },
		"trunc_normal":      func(w *torch.Tensor) { nn.TruncNormal(w, 0.1, 0.5, -0.3, 0.4) },
		"trunc_normal tail": func(w *torch.Tensor) { nn.TruncNormal(w, 0, 0.5, 0.7, 2) },
		"orthogonal":        func(w *torch.Tensor) { nn.Orthogonal(w, 1) },
		"orthogonal wide":   func(w *torch.Tensor) { nn.Orthogonal(w.Detach().View(5, 12), 1.5) },
		"orthogonal tall":   func(w *torch.Tensor) { nn.Orthogonal(w.Detach().View(15, 4), 1.5) },
		"sparse":            func(w *torch.Tensor) { nn.Sparse(w.Detach().View(12, 5), 0.3, 0.5) },
		"eye":               func(w *torch.Tensor) { nn.Eye(w.Detach().View(12, 5)) },
		"dirac":             func(w *torch.Tensor) { nn.Dirac(w, 1) },
		"dirac groups":      func(w *torch.Tensor) { nn.Dirac(w.Detach().View(6, 2, 5), 3) },
		"dirac 2d":          func(w *torch.Tensor) { nn.Dirac(w.Detach().View(5, 3, 2, 2), 1) },
		"dirac 3d":          func(w *torch.Tensor) { nn.Dirac(w.Detach().View(2, 5, 1, 2, 3), 1) },
		"gains": func(w *torch.Tensor) {
			var gains []float64
			for _, n := range []string{"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
				"sigmoid", "tanh", "relu", "selu", "leaky_relu"} {
				gains = append(gains, nn.Gain(n))
			}
			gains = append(gains, nn.Gain("leaky_relu", 0.3), nn.Gain("leaky_relu", 0), nn.Gain("leaky_relu", math.Sqrt(5)))
			w.Detach().View(15, 4).Select(1, 0).CopyInPlace(torch.FromSlice(gains))
		},
	}
}

// The numbers do not depend on the device.
func TestInitialValuesOnADevice(t *testing.T) {
	torchtest.Need(t)
	device := torchtest.Accelerator(t)
	onCPU := inits(torch.CPU)
	for name, made := range inits(device) {
		torch.ManualSeed(7)
		want := nn.NamedParameters(onCPU[name]())
		torch.ManualSeed(7)
		got := nn.NamedParameters(made())
		require.Len(t, got, len(want), name)
		for i, n := range got {
			assert.Equal(t, device, n.Tensor.Device(), n.Name)
			assert.Equal(t, sum256(want[i].Tensor), sum256(n.Tensor), "%s: %s", name, n.Name)
		}
	}
}

// The initialisers fill tensors where they are; the stand-in draws the CPU's numbers. Sparse
// draws its places on the CPU, from another generator.
func TestInitialisersOnADevice(t *testing.T) {
	torchtest.Need(t)
	device := torchtest.Accelerator(t)
	for name, fill := range initialisers() {
		torch.Scope(func() {
			numbers := func(d torch.Device) []float64 {
				torch.ManualSeed(8)
				w := torch.Zeros([]int{6, 5, 2}, torch.Options{Device: d})
				fill(w)
				return w.Float64s()
			}
			want, got := numbers(torch.CPU), numbers(device)
			if torchtest.IsPretend(device) && name != "sparse" || name == "eye" || strings.HasPrefix(name, "dirac") {
				assert.Equal(t, want, got, name)
			}
			assert.False(t, slices.ContainsFunc(got, math.IsNaN), name)
		})
	}
	assert.Empty(t, nn.Orthogonal(torch.Zeros([]int{0, 3}), 1).Float64s())
}

func TestInitialisersNeedTwoDimensions(t *testing.T) {
	torchtest.Need(t)
	assert.Error(t, torch.Try(func() { nn.KaimingUniform(torch.Zeros([]int{3}), 0) }))
}

func TestWrongSizes(t *testing.T) {
	torchtest.Need(t)
	for text, f := range map[string]func(){
		"in is 0":             func() { nn.NewLinear(0, 1, torch.CPU) },
		"out is -1":           func() { nn.NewLinear(1, -1, torch.CPU) },
		"hidden is 0":         func() { nn.NewLSTM(1, 0, torch.CPU) },
		"Layers is -1":        func() { nn.NewLSTM(1, 1, torch.CPU, nn.LSTMConfig{Layers: -1}) },
		"Dropout is 1.5":      func() { nn.NewLSTM(1, 1, torch.CPU, nn.LSTMConfig{Dropout: 1.5}) },
		"p is -0.1":           func() { nn.NewDropout(-0.1) },
		"the shape is empty":  func() { nn.NewLayerNorm(nil, torch.CPU) },
		"padding index 3":     func() { nn.NewEmbedding(3, 1, torch.CPU, nn.EmbeddingConfig{Padding: new(3)}) },
		"indices are float32": func() { nn.NewEmbedding(3, 1, torch.CPU).Forward(torch.Zeros([]int{1})) },
		"n is 0":              func() { nn.NewEmbedding(0, 1, torch.CPU) },
		"Margin is -1": func() {
			nn.TripletMargin{Margin: -1}.Loss(torchtest.Ramp(1, 2), torchtest.Ramp(1, 2), torchtest.Ramp(1, 2))
		},
		"P is 3": func() { nn.MultiMargin{P: 3}.Loss(torchtest.Ramp(1, 2), torch.FromSlice([]int64{1}, []int{}...)) },
		"a variance is below 0": func() {
			nn.GaussianNLLLoss(torchtest.Ramp(1, 2), torchtest.Ramp(1, 2), torchtest.Ramp(1, 2).Abs().Neg())
		},
		"the variance must have": func() {
			nn.GaussianNLLLoss(torchtest.Ramp(1, 2, 3), torchtest.Ramp(1, 2, 3), torchtest.Ramp(1, 1, 2))
		},
		"1 input lengths": func() {
			nn.CTCLoss(torchtest.Ramp(1, 4, 2, 3), torch.FromSlice([]int64{1, 1}, 2, 1), []int{4}, []int{1, 1})
		},
		"[steps, batch, class":  func() { nn.CTCLoss(torchtest.Ramp(1, 4), torch.FromSlice([]int64{1}), []int{4}, []int{1}) },
		"the cutoffs are [3 2]": func() { nn.NewAdaptiveLogSoftmaxWithLoss(4, 8, []int{3, 2}, torch.CPU) },
		"DivValue is -1": func() {
			nn.NewAdaptiveLogSoftmaxWithLoss(4, 8, []int{3}, torch.CPU, nn.AdaptiveLogSoftmaxConfig{DivValue: -1})
		},
		"the target 8 is not": func() {
			nn.NewAdaptiveLogSoftmaxWithLoss(4, 8, []int{3}, torch.CPU).Forward(torchtest.Ramp(1, 1, 4), torch.FromSlice([]int64{8}))
		},
		"[batch, features] and": func() {
			nn.NewAdaptiveLogSoftmaxWithLoss(4, 8, []int{3}, torch.CPU).Forward(torchtest.Ramp(1, 2, 4), torch.FromSlice([]int64{1}))
		},
		"the number of classes is 0": func() { nn.NewLinearCrossEntropy(4, 0, torch.CPU) },
		"the weight has the shape": func() {
			nn.NewLinearCrossEntropy(4, 2, torch.CPU, nn.LinearCrossEntropyConfig{CrossEntropy: nn.CrossEntropy{Weight: torchtest.Ramp(1, 3)}})
		},
		"[batch, features] or [f": func() {
			nn.NewLinearCrossEntropy(4, 2, torch.CPU).Loss(torchtest.Ramp(1, 1, 1, 4), torchtest.Ramp(1, 1))
		},
		"no gain for the":          func() { nn.Gain("step") },
		"the bounds are 1 and 0":   func() { nn.TruncNormal(torch.Zeros([]int{2}), 0, 1, 1, 0) },
		"needs two dimensions":     func() { nn.Eye(torch.Zeros([]int{2})) },
		"nn.Orthogonal: a weight":  func() { nn.Orthogonal(torch.Zeros([]int{2}), 1) },
		"needs 3 to 5 dimensions":  func() { nn.Dirac(torch.Zeros([]int{2, 2}), 1) },
		"3 output channels cannot": func() { nn.Dirac(torch.Zeros([]int{3, 2, 1}), 2) },
		"sparsity is 1.5":          func() { nn.Sparse(torch.Zeros([]int{3, 2}), 1.5, 1) },
		"LabelSmoothing is 2":      func() { nn.CrossEntropy{LabelSmoothing: 2}.Loss(torchtest.Ramp(1, 2, 2), torchtest.Ramp(1, 2, 2)) },
		"one of the states h": func() {
			nn.NewLSTM(2, 2, torch.CPU).ForwardState(torchtest.Ramp(1, 3, 2), torchtest.Ramp(1, 1, 2), nil)
		},
		"state c must have": func() {
			nn.NewLSTM(2, 2, torch.CPU).ForwardState(torchtest.Ramp(1, 3, 2), torchtest.Ramp(1, 1, 2), torchtest.Ramp(1, 2))
		},
		"[batch, steps, 2]": func() {
			nn.NewLSTM(2, 2, torch.CPU, nn.LSTMConfig{BatchFirst: true}).Forward(torchtest.Ramp(1, 3, 4, 5))
		},
		"[steps, batch, 2]":     func() { nn.NewLSTM(2, 2, torch.CPU).Forward(torchtest.Ramp(1, 2)) },
		"must have the same sh": func() { nn.MSELoss(torchtest.Ramp(1, 2, 1), torchtest.Ramp(1, 2)) },
	} {
		err := torch.Try(f)
		if assert.Error(t, err, text) {
			assert.Contains(t, err.Error(), text)
		}
	}
}
