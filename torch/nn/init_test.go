// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
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

func TestInitialValuesAreBitForBit(t *testing.T) {
	checkInits(t, read(t), torch.CPU)
}

// The numbers do not depend on the device.
func TestInitialValuesOnADevice(t *testing.T) {
	g := read(t)
	checkInits(t, g, torchtest.Accelerator(t))
}

func checkInits(t *testing.T, g golden, d torch.Device) {
	made := inits(d)
	require.Len(t, made, len(g.Inits))
	for name, want := range g.Inits {
		require.Contains(t, made, name)
		torch.ManualSeed(7)
		var m any
		torch.Scope(func() { m = made[name]() }) // parameters outlive scopes
		var got []hash
		for _, n := range nn.NamedParameters(m) {
			assert.True(t, n.Tensor.RequiresGrad(), n.Name)
			assert.True(t, n.Tensor.IsLeaf(), n.Name)
			assert.Equal(t, d, n.Tensor.Device(), n.Name)
			got = append(got, hash{n.Name, sum256(n.Tensor), n.Tensor.Shape()})
		}
		assert.Equal(t, want, got, name)
	}
}

func TestInitialisers(t *testing.T) {
	g := read(t)
	for name, fill := range map[string]func(*torch.Tensor){
		"kaiming_uniform": func(w *torch.Tensor) { nn.KaimingUniform(w, 0.2) },
		"kaiming_normal":  func(w *torch.Tensor) { nn.KaimingNormal(w, 0) },
		"xavier_uniform":  func(w *torch.Tensor) { nn.XavierUniform(w, 1.5) },
		"xavier_normal":   func(w *torch.Tensor) { nn.XavierNormal(w, 1) },
		"uniform":         func(w *torch.Tensor) { nn.Uniform(w, -2, 3) },
		"normal":          func(w *torch.Tensor) { nn.Normal(w, 1, 2) },
	} {
		torch.ManualSeed(8)
		w := torch.Zeros([]int{6, 5, 2}).SetRequiresGrad(true)
		fill(w)
		assert.Equal(t, g.InitFunctions[name], sum256(w), name)
		assert.True(t, w.IsLeaf(), name)
	}
	assert.Error(t, torch.Try(func() { nn.KaimingUniform(torch.Zeros([]int{3}), 0) }))
}

func TestWrongSizes(t *testing.T) {
	torchtest.Need(t)
	for text, f := range map[string]func(){
		"in is 0":               func() { nn.NewLinear(0, 1, torch.CPU) },
		"out is -1":             func() { nn.NewLinear(1, -1, torch.CPU) },
		"hidden is 0":           func() { nn.NewLSTM(1, 0, torch.CPU) },
		"Layers is -1":          func() { nn.NewLSTM(1, 1, torch.CPU, nn.LSTMConfig{Layers: -1}) },
		"Dropout is 1.5":        func() { nn.NewLSTM(1, 1, torch.CPU, nn.LSTMConfig{Dropout: 1.5}) },
		"p is -0.1":             func() { nn.NewDropout(-0.1) },
		"the shape is empty":    func() { nn.NewLayerNorm(nil, torch.CPU) },
		"padding index 3":       func() { nn.NewEmbedding(3, 1, torch.CPU, nn.EmbeddingConfig{Padding: new(3)}) },
		"indices are float32":   func() { nn.NewEmbedding(3, 1, torch.CPU).Forward(torch.Zeros([]int{1})) },
		"n is 0":                func() { nn.NewEmbedding(0, 1, torch.CPU) },
		"LabelSmoothing is 2":   func() { nn.CrossEntropy{LabelSmoothing: 2}.Loss(ramp(1, 2, 2), ramp(1, 2, 2)) },
		"one of the states h":   func() { nn.NewLSTM(2, 2, torch.CPU).ForwardState(ramp(1, 3, 2), ramp(1, 1, 2), nil) },
		"state c must have":     func() { nn.NewLSTM(2, 2, torch.CPU).ForwardState(ramp(1, 3, 2), ramp(1, 1, 2), ramp(1, 2)) },
		"[batch, steps, 2]":     func() { nn.NewLSTM(2, 2, torch.CPU, nn.LSTMConfig{BatchFirst: true}).Forward(ramp(1, 3, 4, 5)) },
		"[steps, batch, 2]":     func() { nn.NewLSTM(2, 2, torch.CPU).Forward(ramp(1, 2)) },
		"must have the same sh": func() { nn.MSELoss(ramp(1, 2, 1), ramp(1, 2)) },
	} {
		err := torch.Try(f)
		if assert.Error(t, err, text) {
			assert.Contains(t, err.Error(), text)
		}
	}
}
