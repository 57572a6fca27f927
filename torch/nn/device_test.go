// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// deviceTolerance is for layers and losses on another device: where libtorch has
// fused kernels for accelerators alone (the LSTM cell), or a real one adds in its
// own order. It is relative to 1 or to the value, whichever is larger.
const deviceTolerance = 2e-5

// there is a layer or a loss with its input, built on a device, and the tensors
// whose gradients count.
type there func(d torch.Device) (output *torch.Tensor, leaves []*torch.Tensor)

func layerOn(make func(torch.Device) nn.Module, input func() *torch.Tensor) there {
	return func(d torch.Device) (*torch.Tensor, []*torch.Tensor) {
		torch.ManualSeed(5)
		m, x := make(d), input().To(d)
		leaves := nn.Parameters(m)
		if x.DType().IsFloating() {
			leaves = append(leaves, x.SetRequiresGrad(true))
		}
		torch.ManualSeed(6) // of dropout, on whichever device
		var y *torch.Tensor
		torchtest.ForbidTransfers(func() {
			y = m.Forward(x)
			y.Square().Sum().Backward()
		})
		return y, leaves
	}
}

// spatialLayers makes layers for 4 channels of 1 to 3 dimensions of space.
func spatialLayers() map[int][]func(d torch.Device) nn.Module {
	two := []int{2}
	tail := func(d torch.Device) nn.Module {
		return nn.NewSequential(nn.NewGroupNorm(2, 4, d), nn.NewPReLU(4, d), nn.NewLocalResponseNorm(2), nn.DefaultFlatten(), nn.DefaultGLU())
	}
	return map[int][]func(d torch.Device) nn.Module{
		1: {tail, func(d torch.Device) nn.Module {
			return nn.NewSequential(nn.NewConv1d(4, 6, 3, d, nn.ConvConfig{Same: true}), nn.NewBatchNorm1d(6, d), nn.NewMaxPool1d(2),
				nn.NewConvTranspose1d(6, 4, 2, d), nn.NewInstanceNorm1d(4, d), nn.NewAdaptiveAvgPool1d(2), nn.Upsample{Size: []int{5}})
		}},
		2: {tail, func(d torch.Device) nn.Module {
			return nn.NewSequential(nn.NewConv2d(4, 6, two, d, nn.ConvConfig{Groups: 2}), nn.NewReplicationPad2d(two), nn.NewBatchNorm2d(6, d), nn.NewAvgPool2d(two),
				nn.NewConvTranspose2d(6, 8, two, d), nn.NewInstanceNorm2d(8, d), nn.NewLPPool2d(2, two), nn.PixelShuffle{UpscaleFactor: 2})
		}},
		3: {tail, func(d torch.Device) nn.Module {
			return nn.NewSequential(nn.NewConv3d(4, 6, two, d, nn.ConvConfig{Padding: []int{1}, PaddingMode: "circular"}), nn.NewBatchNorm3d(6, d), nn.NewMaxPool3d(two),
				nn.NewConvTranspose3d(6, 4, two, d), nn.NewInstanceNorm3d(4, d), nn.NewAdaptiveMaxPool3d(two), nn.NewRMSNorm(two, d))
		}},
	}
}

func lossOn(make func(torch.Device) nn.Loss, target func() *torch.Tensor) there {
	return func(d torch.Device) (*torch.Tensor, []*torch.Tensor) {
		loss, x, y := make(d), torchtest.Ramp(1, 3, 4).MulScalar(0.5).AddScalar(0.5).To(d).SetRequiresGrad(true), target().To(d)
		var l *torch.Tensor
		torchtest.ForbidTransfers(func() {
			l = loss(x, y)
			l.Sum().Backward()
		})
		return l, []*torch.Tensor{x}
	}
}

// fed is a layer that takes more than one tensor.
type fed struct {
	L any
	f func(x *torch.Tensor) *torch.Tensor
}

func (m fed) Forward(x *torch.Tensor) *torch.Tensor { return m.f(x) }

// sequenceLayers makes layers for 3 sequences of 4 steps and 6 features.
func sequenceLayers() map[string]func(d torch.Device) nn.Module {
	c := nn.RecurrentConfig{Layers: 2, Bidirectional: true, BatchFirst: true}
	t := nn.TransformerConfig{Feedforward: 8, Eps: 1e-5, NormFirst: true, BatchFirst: true}
	causal := nn.AttentionMasks{Causal: true}
	return map[string]func(d torch.Device) nn.Module{
		"gru":      func(d torch.Device) nn.Module { return nn.NewGRU(6, 5, d, c) },
		"rnn":      func(d torch.Device) nn.Module { return nn.NewRNN(6, 5, d, c) },
		"rnn relu": func(d torch.Device) nn.Module { return nn.NewRNN(6, 5, d, nn.RecurrentConfig{Nonlinearity: "relu"}) },
		"transformer": func(d torch.Device) nn.Module {
			l := nn.NewTransformer(6, 2, 1, 2, d, t)
			return fed{l, func(x *torch.Tensor) *torch.Tensor { return l.ForwardMasked(x, x, nn.TransformerMasks{Target: causal}) }}
		},
		"attention weights": func(d torch.Device) nn.Module {
			l := nn.NewMultiheadAttention(6, 3, d, nn.MultiheadAttentionConfig{BiasKV: true, ZeroAttn: true})
			return fed{l, func(x *torch.Tensor) *torch.Tensor {
				y, weights := l.ForwardWeights(x, x, x.MulScalar(2), causal, true)
				return torch.Cat([]*torch.Tensor{y, weights.Transpose(0, 1)}, -1)
			}}
		},
		"cells": func(d torch.Device) nn.Module {
			rnn, gru, lstm := nn.NewRNNCell(6, 5, d), nn.NewGRUCell(6, 5, d), nn.NewLSTMCell(6, 5, d)
			return fed{[]any{rnn, gru, lstm}, func(x *torch.Tensor) *torch.Tensor {
				x = x.Select(0, 1)
				h, c := lstm.Forward(x, nil, nil)
				return rnn.Forward(x, gru.Forward(x, h.Add(c)))
			}}
		},
		"bilinear": func(d torch.Device) nn.Module {
			l := nn.NewBilinear(6, 6, 2, d)
			return fed{l, func(x *torch.Tensor) *torch.Tensor { return l.Forward(x, x) }}
		},
	}
}

// layersAndLosses are all of them, in every mode that calls other code.
func layersAndLosses(device torch.Device) map[string]there {
	cases := map[string]there{}
	numbers := func(shape ...int) func() *torch.Tensor {
		return func() *torch.Tensor { return torchtest.Ramp(1, shape...) }
	}
	indices := func() *torch.Tensor { return torch.FromSlice([]int64{1, 5, 5, 2, 10, 9}, 2, 3) }
	layer := func(name string, input func() *torch.Tensor, make func(torch.Device) nn.Module) {
		cases[name] = layerOn(make, input)
	}
	layer("linear", numbers(3, 5), func(d torch.Device) nn.Module { return nn.NewLinear(5, 4, d) })
	layer("layer norm", numbers(3, 5), func(d torch.Device) nn.Module { return nn.NewLayerNorm([]int{5}, d) })
	layer("embedding", indices, func(d torch.Device) nn.Module { return nn.NewEmbedding(11, 4, d) })
	layer("embedding padded", indices, func(d torch.Device) nn.Module {
		return nn.NewEmbedding(11, 4, d, nn.EmbeddingConfig{Padding: new(5)})
	})
	layer("activations", numbers(3, 5), func(torch.Device) nn.Module {
		return nn.NewSequential(nn.Tanh{}, nn.ReLU{}, nn.Sigmoid{}, nn.Softmax{Dim: 1})
	})
	layer("embedding bag", indices, func(d torch.Device) nn.Module { return nn.NewEmbeddingBag(11, 4, d) })
	for name, make := range sequenceLayers() {
		layer(name, numbers(3, 4, 6), make)
	}
	for n, of := range spatialLayers() {
		for i, make := range of {
			layer(fmt.Sprintf("spatial layers, %dd, %d", n, i), numbers([]int{2, 4, 8, 6, 8}[:n+2]...), make)
		}
	}
	for _, batchFirst := range []bool{false, true} {
		for _, c := range []nn.LSTMConfig{{}, {Layers: 2, Bidirectional: true}, {NoBias: true}} {
			c.BatchFirst = batchFirst
			for _, shape := range [][]int{{5, 2, 3}, {1, 1, 3}, {4, 3}} {
				layer(fmt.Sprintf("lstm %+v %v", c, shape), numbers(shape...), func(d torch.Device) nn.Module { return nn.NewLSTM(3, 4, d, c) })
			}
		}
	}
	if torchtest.IsPretend(device) { // its draws are the CPU's
		layer("dropout of channels", numbers(3, 5, 6), func(torch.Device) nn.Module {
			return nn.NewSequential(nn.NewDropout1d(0.5), nn.NewFeatureAlphaDropout(0.5), nn.NewAlphaDropout(0.5), nn.DefaultRReLU())
		})
		layer("dropout", numbers(3, 5), func(torch.Device) nn.Module { return nn.NewDropout(0.5) })
		layer("lstm dropout", numbers(5, 2, 3), func(d torch.Device) nn.Module {
			return nn.NewLSTM(3, 4, d, nn.LSTMConfig{Layers: 2, Dropout: 0.5})
		})
	}

	weight := func(d torch.Device) *torch.Tensor { return torchtest.Ramp(3, 4).AddScalar(1.5).To(d) }
	shares := func() *torch.Tensor { return torchtest.Ramp(2, 3, 4).Softmax(1) }
	classes := func() *torch.Tensor { return torch.FromSlice([]int64{1, 3, 0}) }
	signs := func() *torch.Tensor { return torchtest.Ramp(4, 3, 4).Sign() }
	for _, r := range []torch.Reduction{nn.ReduceMean, nn.ReduceSum, nn.ReduceNone} {
		loss := func(name string, target func() *torch.Tensor, make func(torch.Device) nn.Loss) {
			cases[fmt.Sprint(name, ", reduction ", r)] = lossOn(make, target)
		}
		loss("mse", shares, func(torch.Device) nn.Loss { return nn.MSE{Reduction: r}.Loss })
		loss("l1", shares, func(torch.Device) nn.Loss { return nn.L1{Reduction: r}.Loss })
		loss("huber", shares, func(torch.Device) nn.Loss { return nn.Huber{Reduction: r, Delta: 0.3}.Loss })
		loss("bce", shares, func(d torch.Device) nn.Loss { return nn.BCE{Reduction: r, Weight: weight(d)}.Loss })
		loss("bce logits", shares, func(d torch.Device) nn.Loss {
			return nn.BCEWithLogits{Reduction: r, Weight: weight(d), PosWeight: weight(d)}.Loss
		})
		loss("kl", shares, func(torch.Device) nn.Loss { return nn.KLDiv{Reduction: r}.Loss })
		loss("kl log target", shares, func(torch.Device) nn.Loss { return nn.KLDiv{Reduction: r, LogTarget: true}.Loss })
		loss("smooth l1", shares, func(torch.Device) nn.Loss { return nn.SmoothL1{Reduction: r, Beta: 0.3}.Loss })
		loss("poisson", shares, func(torch.Device) nn.Loss { return nn.PoissonNLL{Reduction: r, Full: true}.Loss })
		loss("gaussian", shares, func(d torch.Device) nn.Loss {
			return func(x, y *torch.Tensor) *torch.Tensor {
				return nn.GaussianNLL{Reduction: r, Full: true, Eps: 0.1}.Loss(x, y, x)
			}
		})
		loss("nll", classes, func(d torch.Device) nn.Loss { return nn.NLL{Reduction: r, Weight: weight(d), IgnoreIndex: new(3)}.Loss })
		loss("multi margin", classes, func(d torch.Device) nn.Loss {
			return nn.MultiMargin{Reduction: r, P: 2, Margin: 0.5, Weight: weight(d)}.Loss
		})
		loss("multi label margin", func() *torch.Tensor { return torch.FromSlice([]int64{1, 3, -1, 0, 0, -1, 2, 2, 2, 1, 0, -1}, 3, 4) },
			func(torch.Device) nn.Loss { return nn.MultiLabelMargin{Reduction: r}.Loss })
		loss("multi label soft margin", signs, func(d torch.Device) nn.Loss { return nn.MultiLabelSoftMargin{Reduction: r, Weight: weight(d)}.Loss })
		loss("soft margin", signs, func(torch.Device) nn.Loss { return nn.SoftMargin{Reduction: r}.Loss })
		loss("hinge embedding", signs, func(torch.Device) nn.Loss { return nn.HingeEmbedding{Reduction: r, Margin: 0.5}.Loss })
		three := func(name string, loss func(a, b, c *torch.Tensor) *torch.Tensor) {
			cases[fmt.Sprint(name, ", reduction ", r)] = lossOn(func(torch.Device) nn.Loss {
				return func(x, y *torch.Tensor) *torch.Tensor { return loss(x, x.MulScalar(0.5).Roll([]int{1}, []int{1}), y) }
			}, signs)
		}
		three("margin ranking", nn.MarginRanking{Reduction: r, Margin: 0.1}.Loss)
		three("triplet margin", nn.TripletMargin{Reduction: r, Margin: 3, P: 2, Eps: 1e-6, Swap: true}.Loss)
		three("triplet margin with distance", nn.TripletMarginWithDistance{Reduction: r, Swap: true, Distance: func(a, b *torch.Tensor) *torch.Tensor {
			return nn.CosineSimilarity{Dim: 1, Eps: 1e-8}.Forward(a, b).Neg()
		}}.Loss)
		three("cosine embedding", func(a, b, c *torch.Tensor) *torch.Tensor {
			return nn.CosineEmbedding{Reduction: r, Margin: 0.1}.Loss(a, b, c.Select(1, 0))
		})
		for _, smooth := range []float64{0, 0.1} {
			for _, ignore := range []int{-100, 3} {
				for _, weighted := range []bool{false, true} {
					make := func(d torch.Device) nn.Loss {
						c := nn.CrossEntropy{Reduction: r, LabelSmoothing: smooth, IgnoreIndex: &ignore}
						if weighted {
							c.Weight = weight(d)
						}
						return c.Loss
					}
					name := fmt.Sprint("cross entropy, smoothing ", smooth, ", ignore ", ignore, ", weighted ", weighted)
					loss(name, classes, make)
					if ignore < 0 {
						loss(name+", of shares", shares, make)
					}
				}
			}
		}
	}
	return cases
}

// No layer and no loss makes the host wait for the device or the device for the
// host, forward or backward, and both give the CPU's results.
func TestNothingWaitsForADevice(t *testing.T) {
	device := torchtest.Accelerator(t)
	tf32 := torch.CuDNNAllowTF32() // 10 bits are not exact enough for LSTMs here
	torch.SetCuDNNAllowTF32(false)
	t.Cleanup(func() { torch.SetCuDNNAllowTF32(tf32) })
	for name, make := range layersAndLosses(device) {
		t.Run(name, func(t *testing.T) {
			torch.Scope(func() {
				want, wantLeaves := make(torch.CPU)
				var got *torch.Tensor
				var leaves []*torch.Tensor
				require.NoError(t, torch.Try(func() { got, leaves = make(device) }))
				near := torchtest.Tolerance(device, deviceTolerance)
				assert.Equal(t, device, got.Device())
				same := func(want, got *torch.Tensor, what string) {
					w, g := want.Float64s(), got.Float64s()
					require.Len(t, g, len(w), what)
					for i := range w { // the gradient of bce reaches 1e11
						assert.InDelta(t, w[i], g[i], near*max(1, math.Abs(w[i])), "%s: number %d", what, i)
					}
				}
				same(want, got, "output")
				for i := range leaves {
					same(wantLeaves[i].Grad(), leaves[i].Grad(), fmt.Sprint("gradient ", i))
				}
			})
		})
	}
}

// The layers that libtorch computes otherwise on CUDA do not wait either, on a stand-in for it.
func TestStandInNothingWaits(t *testing.T) {
	if torchtest.StandIn(t) == nil {
		return
	}
	device := torchtest.Accelerator(t)
	// It has the CUDA runtime and no kernels' results: code that waits for such a result, or
	// for cuDNN, ends or hangs in it.
	skipped := sequenceLayers()
	for name, make := range layersAndLosses(device) {
		if skipped[name] != nil || name == "embedding bag" || strings.HasPrefix(name, "spatial layers") {
			continue
		}
		torch.Scope(func() {
			assert.NoError(t, torch.Try(func() { make(device) }), name)
		})
	}
	assert.ErrorContains(t, torch.Try(func() {
		torchtest.ForbidTransfers(func() { torch.Ones([]int{2}, torch.Options{Device: device}).Sum().Item() })
	}), torchtest.Forbidden(device))
}
