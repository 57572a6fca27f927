// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// TestLayers exports layers of package nn, whose operators are those that they call while
// they are traced.
func TestLayers(t *testing.T) {
	torchtest.Need(t)
	torch.ManualSeed(3)
	cpu := torch.CPU
	pair := []int{2}
	attention := nn.NewMultiheadAttention(8, 2, cpu, nn.MultiheadAttentionConfig{BatchFirst: true})
	cell, gru := nn.NewLSTMCell(8, 5, cpu), nn.NewGRUCell(8, 5, cpu)
	type tensor = *torch.Tensor
	words := forward(func(x tensor) tensor { return x.Abs().MulScalar(3).Clamp(0, 4).ToDType(torch.Int64) })
	table := nn.NewEmbedding(5, 3, cpu)
	signals := map[string]nn.Module{ // [batch, 6, 8]
		"conv1d": nn.NewConv1d(6, 4, 3, cpu), "conv_transpose1d": nn.NewConvTranspose1d(6, 4, 3, cpu),
		"batch_norm": nn.NewBatchNorm1d(6, cpu), "instance_norm": nn.NewInstanceNorm1d(6, cpu), "group_norm": nn.NewGroupNorm(3, 6, cpu),
		"layer_norm": nn.NewLayerNorm([]int{8}, cpu), "rms_norm": nn.NewRMSNorm([]int{8}, cpu),
		"max_pool": nn.NewMaxPool1d(2), "avg_pool": nn.NewAvgPool1d(3), "lp_pool": nn.NewLPPool1d(2, 2),
		"adaptive": nn.NewAdaptiveAvgPool1d(3), "adaptive max": nn.NewAdaptiveMaxPool1d(3),
		"zero": nn.NewZeroPad1d([]int{1, 2}), "reflection": nn.NewReflectionPad1d([]int{1, 2}), "circular": nn.NewCircularPad1d([]int{1, 2}),
		"gru": nn.NewGRU(8, 5, cpu, nn.RecurrentConfig{BatchFirst: true, Bidirectional: true, Layers: 2}),
		"rnn": nn.NewRNN(8, 5, cpu, nn.RecurrentConfig{BatchFirst: true}), "lstm": nn.NewLSTM(8, 5, cpu, nn.LSTMConfig{BatchFirst: true}),
		"attention":   forward(func(x tensor) tensor { return attention.Forward(x, x, x) }),
		"transformer": nn.NewTransformerEncoderLayer(8, 2, cpu, nn.TransformerConfig{BatchFirst: true, Feedforward: 16, Eps: 1e-5}),
		"prelu":       nn.NewPReLU(6, cpu), "glu": nn.GLU{Dim: -1}, "softplus": nn.Softplus{Beta: 1, Threshold: 20}, "flatten": nn.Flatten{StartDim: 1, EndDim: -1},
		"embedding": forward(func(x tensor) tensor { return table.Forward(words(x)) }),
		"lstm cell": forward(func(x tensor) tensor { h, _ := cell.Forward(x.Select(1, 0), nil, nil); return h }),
		"gru cell":  forward(func(x tensor) tensor { return gru.Forward(x.Select(1, 0), nil) }),
	}
	images := map[string]nn.Module{ // [batch, 4, 6, 6]
		"conv2d": nn.NewConv2d(4, 2, []int{3}, cpu), "conv_transpose2d": nn.NewConvTranspose2d(4, 3, pair, cpu), "batch_norm2d": nn.NewBatchNorm2d(4, cpu),
		"max_pool2d": nn.NewMaxPool2d(pair), "avg_pool2d": nn.NewAvgPool2d(pair), "adaptive2d": nn.NewAdaptiveAvgPool2d([]int{4}),
		"pixel_shuffle": nn.PixelShuffle{UpscaleFactor: 2}, "channel_shuffle": nn.ChannelShuffle{Groups: 2}, "circular2d": nn.NewCircularPad2d(pair),
	}
	export := func(modules map[string]nn.Module, shape ...int) {
		for name, m := range modules {
			_, err := Export(filepath.Join(t.TempDir(), "x.onnx"), m, Signature{Example: torch.Randn(shape)})
			assert.NoError(t, err, name)
		}
	}
	export(signals, 3, 6, 8)
	export(images, 3, 4, 6, 6)
	export(map[string]nn.Module{"conv3d": nn.NewConv3d(2, 3, pair, cpu), "max_pool3d": nn.NewMaxPool3d(pair)}, 3, 2, 4, 4, 4)
}
