// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/torchtest"
)

type tensor = *torch.Tensor

// severalCase is a network with several inputs, outputs or free dimensions, and its inputs
// for a batch and a length.
type severalCase struct {
	model   any
	f       func(in []tensor) []tensor
	make    func(batch, time int) []tensor
	inputs  []onnx.Input // without the examples
	outputs []string
}

func several() map[string]severalCase {
	torch.ManualSeed(4)
	cpu := torch.CPU
	randn := func(shape ...int) tensor { return torch.Randn(shape) }
	two := func(a, b tensor) []tensor { return []tensor{a, b} }
	sequence := onnx.Input{Name: "x", Axes: map[int]string{0: "batch", 1: "time"}}
	state := func(name string) onnx.Input { return onnx.Input{Name: name, Axes: map[int]string{1: "batch"}} }
	lstm := nn.NewLSTM(6, 5, cpu, nn.LSTMConfig{Layers: 2, BatchFirst: true, Bidirectional: true})
	gru := nn.NewGRU(6, 5, cpu, nn.RecurrentConfig{})
	rnn := nn.NewRNN(6, 5, cpu, nn.RecurrentConfig{BatchFirst: true, Layers: 2, Nonlinearity: "relu"})
	attention := nn.NewMultiheadAttention(8, 2, cpu, nn.MultiheadAttentionConfig{BatchFirst: true})
	encoder := nn.NewTransformerEncoderLayer(8, 2, cpu, nn.TransformerConfig{BatchFirst: true, Feedforward: 16, Eps: 1e-5})
	words, out := nn.NewEmbedding(11, 8, cpu), nn.NewLinear(8, 11, cpu)
	conv := nn.NewSequential(
		nn.NewConv2d(3, 4, []int{3}, cpu, nn.ConvConfig{Stride: []int{2}, Padding: []int{1}}), nn.ReLU{},
		nn.NewConv2d(4, 4, []int{3}, cpu, nn.ConvConfig{Stride: []int{2}, Padding: []int{1}}), nn.NewBatchNorm2d(4, cpu))
	// A mask of keys never hides the first, so that every query sees one.
	padding := func(batch, time int) tensor {
		return torch.Rand([]int{batch, time}).Gt(torch.Full([]int{batch, time}, 0.7)).LogicalAnd(torch.Arange(0, time, 1).Gt(torch.Zeros([]int{time})))
	}
	return map[string]severalCase{
		"lstm": {
			lstm, func(in []tensor) []tensor {
				y, h, c := lstm.ForwardState(in[0], in[1], in[2])
				return []tensor{y, h, c}
			},
			func(batch, time int) []tensor {
				return []tensor{randn(batch, time, 6), randn(4, batch, 5), randn(4, batch, 5)}
			},
			[]onnx.Input{sequence, state("h0"), state("c0")}, []string{"y", "h", "c"},
		},
		"gru": {
			gru, func(in []tensor) []tensor { return two(gru.ForwardState(in[0], in[1])) },
			func(batch, time int) []tensor { return two(randn(time, batch, 6), randn(1, batch, 5)) },
			[]onnx.Input{{Name: "x", Axes: map[int]string{0: "time", 1: "batch"}}, state("h0")}, []string{"y", "h"},
		},
		"rnn": {
			rnn, func(in []tensor) []tensor { return two(rnn.ForwardState(in[0], in[1])) },
			func(batch, time int) []tensor { return two(randn(batch, time, 6), randn(2, batch, 5)) },
			[]onnx.Input{sequence, state("h0")}, []string{"y", "h"},
		},
		"attention": {
			attention, func(in []tensor) []tensor {
				return two(attention.ForwardWeights(in[0], in[1], in[1], nn.AttentionMasks{Mask: in[2], Padding: in[3]}, true))
			},
			func(batch, time int) []tensor {
				return []tensor{randn(batch, time, 8), randn(batch, time+1, 8), randn(time, time+1), padding(batch, time+1)}
			},
			[]onnx.Input{
				{Name: "queries", Axes: map[int]string{0: "batch", 1: "time"}}, {Name: "keys", Axes: map[int]string{0: "batch", 1: "memory"}},
				{Name: "mask", Axes: map[int]string{0: "time", 1: "memory"}}, {Name: "padding", Axes: map[int]string{0: "batch", 1: "memory"}},
			}, []string{"y", "weights"},
		},
		"encoder layer": {
			encoder, func(in []tensor) []tensor {
				return []tensor{encoder.ForwardMasked(in[0], nn.AttentionMasks{Padding: in[1], Causal: true})}
			},
			func(batch, time int) []tensor { return two(randn(batch, time, 8), padding(batch, time)) },
			[]onnx.Input{sequence, {Name: "padding", Axes: map[int]string{0: "batch", 1: "time"}}}, []string{"y"},
		},
		"words": { // and a product of two free sizes
			struct{ Words, Out any }{words, out}, func(in []tensor) []tensor {
				x := words.Forward(in[0]).Add(in[1])
				return two(out.Forward(x.Flatten(0, 1)), in[0])
			},
			func(batch, time int) []tensor {
				return two(torch.RandInt(0, 11, []int{batch, time}, torch.Options{DType: torch.Int64}), randn(8))
			},
			[]onnx.Input{{Name: "tokens", Axes: map[int]string{0: "batch", 1: "time"}}, {Name: "shift"}}, []string{"logits", "same"},
		},
		"images": { // whose sizes are rounded
			conv, func(in []tensor) []tensor {
				y := conv.Forward(in[0])
				return two(y.Flatten(2, -1).Transpose(1, 2), torch.Zeros(y.Shape()).Add(y.Mean()))
			},
			func(batch, time int) []tensor { return []tensor{randn(batch, 3, time+3, time+6)} },
			[]onnx.Input{{Name: "images", Axes: map[int]string{0: "batch", 2: "height", 3: "width"}}}, []string{"places", "mean"},
		},
		"pools": {
			nil, func(in []tensor) []tensor {
				y, at := nn.NewMaxPool2d([]int{2}).ForwardIndices(in[0])
				return []tensor{
					nn.NewAdaptiveAvgPool2d([]int{2, 3}).Forward(in[0]), nn.NewAdaptiveMaxPool2d([]int{3, 1}).Forward(in[0]), y, at,
					nn.PixelShuffle{UpscaleFactor: 2}.Forward(in[0]), in[0].Std(1, 2, 3),
					nn.NewMaxUnpool2d([]int{2}).ForwardSize(y, at, in[0].Size(2), in[0].Size(3)),
				}
			},
			func(batch, time int) []tensor { return []tensor{randn(batch, 4, time+3, time+6)} },
			[]onnx.Input{{Name: "images", Axes: map[int]string{0: "batch", 2: "height", 3: "width"}}},
			[]string{"means", "maxima", "pooled", "at", "shuffled", "deviation", "unpooled"},
		},
		"multiples": {
			nil, func(in []tensor) []tensor {
				x := nn.NewMaxPool2d([]int{2}).Forward(in[0])
				return []tensor{torch.Cat([]tensor{x, x.Neg()}, 3).Add(in[0].Narrow(2, 0, in[0].Size(2)/2))}
			},
			func(batch, time int) []tensor { return []tensor{randn(batch, 3, 2*time, 2*time)} },
			[]onnx.Input{{Name: "x", Axes: map[int]string{0: "batch", 2: "2*height", 3: "2*width"}}}, []string{"y"},
		},
		"scores": { // that a mask makes infinite
			nil, func(in []tensor) []tensor {
				return []tensor{torch.ScaledDotProductAttention(in[0], in[0], in[0], torch.AttentionOptions{Mask: in[1]})}
			},
			func(batch, time int) []tensor {
				never := nn.CausalMask(time, time, torch.Options{})
				return two(randn(batch, time, 4), torch.Zeros([]int{time, time}).MaskedFill(never, math.Inf(-1)))
			},
			[]onnx.Input{sequence, {Name: "mask", Axes: map[int]string{0: "time", 1: "time"}}}, []string{"y"},
		},
		"cache": { // of keys that grows
			nil, func(in []tensor) []tensor {
				keys := torch.Cat([]tensor{in[1], in[0]}, 1)
				return two(torch.ScaledDotProductAttention(in[0], keys, keys, torch.AttentionOptions{}), keys)
			},
			func(batch, time int) []tensor { return two(randn(batch, 2, 8), randn(batch, time, 8)) },
			[]onnx.Input{{Name: "x", Axes: map[int]string{0: "batch", 1: "new"}}, {Name: "past", Axes: map[int]string{0: "batch", 1: "past"}}},
			[]string{"y", "present"},
		},
		"lengths": { // a mask of them, and the last step of each sequence
			nil, func(in []tensor) []tensor {
				steps := torch.Arange(0, float64(in[0].Size(1)), 1, torch.Options{DType: torch.Int64})
				mask := steps.Unsqueeze(0).Lt(in[1].Unsqueeze(1))
				last := in[0].Gather(1, in[1].SubScalar(1).Reshape(-1, 1, 1).Expand(-1, 1, 3))
				return []tensor{in[0].Mul(mask.Unsqueeze(2)).Sum(1), last.Squeeze(1), mask}
			},
			func(batch, time int) []tensor {
				return two(randn(batch, time, 3), torch.RandInt(1, 4, []int{batch}, torch.Options{DType: torch.Int64}))
			},
			[]onnx.Input{sequence, {Name: "lengths", Axes: map[int]string{0: "batch"}}}, []string{"sums", "last", "mask"},
		},
		"class token": { // in front of patches, whose number is (time+1)·batch then
			encoder, func(in []tensor) []tensor {
				x := torch.Cat([]tensor{in[1].Expand(in[0].Size(0), 1, 8), in[0]}, 1)
				return two(encoder.Forward(x).Select(1, 0), x.Flatten(0, 1).Tanh())
			},
			func(batch, time int) []tensor { return two(randn(batch, time, 8), randn(1, 1, 8)) },
			[]onnx.Input{sequence, {Name: "token"}}, []string{"y", "flat"},
		},
		"nothing free": {
			nil, func(in []tensor) []tensor {
				y := in[0].Add(in[1])
				return []tensor{y, y.Add(in[1]).Mul(in[2]), y, in[2]}
			},
			func(int, int) []tensor { x := randn(2, 3); return []tensor{x, x, randn()} },
			[]onnx.Input{{Name: "a"}, {Name: "b"}, {Name: "scalar"}}, []string{"y", "z", "y again", "scalar again"},
		},
	}
}

// TestSeveral exports networks with several inputs, outputs and free dimensions, and runs
// them with ONNX Runtime, here and in Python, at two batch sizes and two lengths. With the
// oldest and the newest opset, Export alone compares them.
func TestSeveral(t *testing.T) {
	torchtest.Need(t)
	dir := t.TempDir()
	var runs []pythonRun
	var wanted [][]tensor
	// The tolerances of torch.testing.assert_close for float32.
	agree := func(have, want tensor, where string) {
		assert.True(t, have.ToDType(want.DType()).AllClose(want, 1.3e-6, 1e-5), where)
	}
	cases := several()
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		s := onnx.Signature{Inputs: c.inputs, Outputs: c.outputs}
		for i, x := range c.make(2, 6) {
			s.Inputs[i].Example = x
		}
		path := filepath.Join(dir, name+".onnx")
		for opset, ir := range map[int]int{13: 7, 21: 10} {
			s.Opset = opset
			_, err := onnx.ExportFunc(path, c.model, c.f, s)
			require.NoError(t, err, "%s, opset %d", name, opset)
			file, err := onnx.Inspect(path)
			require.NoError(t, err)
			assert.Equal(t, ir, file.IRVersion)
			assert.Equal(t, opset, file.Opset)
		}
		s.Opset = 0
		check, err := onnx.ExportFunc(path, c.model, c.f, s)
		if !assert.NoError(t, err, name) {
			continue
		}
		t.Logf("%s: largest differences %v", name, check.MaxAbsDiff)
		sess, err := onnx.Open(path)
		require.NoError(t, err)
		for _, batch := range []int{1, 5} {
			for _, time := range []int{4, 9} {
				in, feeds := c.make(batch, time), onnx.Feeds{}
				for i, x := range in {
					feeds[c.inputs[i].Name] = x
				}
				var want []tensor
				nn.Evaluating(c.model, func() { torch.NoGrad(func() { want = c.f(in) }) })
				out, err := sess.Run(t.Context(), feeds)
				require.NoError(t, err, name)
				for i, output := range c.outputs {
					agree(out[output], want[i], fmt.Sprintf("%s: %s with batch %d and time %d", name, output, batch, time))
				}
				runs, wanted = append(runs, pythonRun{path, in}), append(wanted, want)
			}
		}
		sess.Close()
	}
	for i, out := range runAllInPython(t, runs...) {
		require.Len(t, out, len(wanted[i]))
		for k, y := range out {
			agree(y, wanted[i][k], fmt.Sprintf("%s: output %d in Python", runs[i].path, k))
		}
	}
}

// TestFreeSizes exports operators on [batch, 4, 2·height, 2·width], all of which but the
// channels are free. Export compares them at several sizes.
func TestFreeSizes(t *testing.T) {
	torchtest.Need(t)
	call := func(name string, args ...any) tensor { return torch.Call(name, args...).At(0).(tensor) }
	width := func(x tensor) int { return x.Size(3) }
	torch.ManualSeed(5)
	example := torch.Randn([]int{2, 4, 6, 8})
	for name, f := range map[string]function{
		"positions":    func(x tensor) tensor { return x.Add(torch.Arange(0, float64(width(x)), 1)) },
		"mean by hand": func(x tensor) tensor { return x.Sum(3).DivScalar(width(x)).AddScalar(x.Size(0) * x.Size(2)) },
		"repeat":       func(x tensor) tensor { return call("aten::repeat", x.Mean(3).Unsqueeze(3), []int{1, 1, 1, width(x)}) },
		"shuffle":      nn.PixelShuffle{UpscaleFactor: 2}.Forward,
		"unshuffle":    nn.PixelUnshuffle{DownscaleFactor: 2}.Forward,
		"channels":     nn.ChannelShuffle{Groups: 2}.Forward,
		"patches":      func(x tensor) tensor { return x.Unfold(2, 2, 2).Unfold(3, 3, 1).Flatten(4, 5) },
		"windows": func(x tensor) tensor {
			return x.Reshape(x.Size(0), 4, x.Size(2)/2, 2, width(x)/2, 2).Permute(0, 2, 4, 3, 5, 1).Flatten(3, -1)
		},
		"one window":  nn.NewAdaptiveAvgPool2d([]int{1}).Forward,
		"one maximum": nn.NewAdaptiveMaxPool2d([]int{1}).Forward,
		"normalised":  nn.NewInstanceNorm2d(4, torch.CPU).Forward,
		"joined": func(x tensor) tensor {
			y := x.Transpose(1, 3).Flatten(0, 2).Tanh()
			return y.Reshape(x.Size(0), width(x), x.Size(2), 4)
		},
		"up again": func(x tensor) tensor {
			y := nn.NewMaxPool2d([]int{3}).Forward(x)
			return call("aten::upsample_nearest2d", y, x.Shape()[2:]).Mul(y.Mean()).Add(torch.Zeros(y.Shape()).Sum())
		},
		"to one": func(x tensor) tensor { // the middle, for a result of size 1
			return call("aten::upsample_bilinear2d", x.Narrow(3, 0, 2), []int{x.Size(2) / 2, 1}, false).Add(call("aten::upsample_bicubic2d", x, []int{1, 1}, false))
		},
		"the end": func(x tensor) tensor { return x.Narrow(3, width(x)-2, 2).Sub(x.Select(3, -1).Unsqueeze(3)) },
		"halves":  func(x tensor) tensor { y := x.Chunk(2, 3); return y[0].Sub(y[1]) },
		"distances": func(x tensor) tensor { // with compute_mode 2: lowerCdist says why
			return call("aten::cdist", x.Mean(2).Transpose(1, 2), x.Mean(2).Transpose(1, 2), 2, 2)
		},
		"product": func(x tensor) tensor { return x.Flatten(2, 3).Transpose(1, 2).Bmm(x.Flatten(2, 3)) },
	} {
		check, err := onnx.Export(filepath.Join(t.TempDir(), "x.onnx"), f, onnx.Signature{
			Inputs:  []onnx.Input{{Name: "x", Example: example, Axes: map[int]string{0: "batch", 2: "2*height", 3: "2*width"}}},
			Outputs: []string{"y"}, Tolerance: 1e-4, // sums of up to 128² products
		})
		if assert.NoError(t, err, name) {
			assert.NotEmpty(t, check.MaxAbsDiff, name)
		}
	}
}

// TestBadInputs: each is refused with an error that says what is wrong.
func TestBadInputs(t *testing.T) {
	torchtest.Need(t)
	x, nan := torch.Ones([]int{2, 6}), torch.Full([]int{2}, math.NaN())
	in := func(axes map[int]string) []onnx.Input { return []onnx.Input{{Name: "x", Example: x, Axes: axes}} }
	sum := func(in []tensor) []tensor { return []tensor{in[0].Sum()} }
	half := func(in []tensor) []tensor {
		return []tensor{in[0].Narrow(1, 0, (in[0].Size(1)+1)/2).Add(torch.Zeros([]int{(in[0].Size(1) + 1) / 2}))}
	}
	for want, c := range map[string]struct {
		s onnx.Signature
		f func(in []tensor) []tensor
	}{
		"needs either Inputs and Outputs, or Example":   {onnx.Signature{Inputs: in(nil)}, sum},
		"Signature needs either Inputs and Outputs, or": {onnx.Signature{Inputs: in(nil), Outputs: []string{"y"}, Example: x}, sum},
		`both called "x"`:                                                           {onnx.Signature{Inputs: in(nil), Outputs: []string{"x"}}, sum},
		`not empty: ""`:                                                             {onnx.Signature{Inputs: in(nil), Outputs: []string{""}}, sum},
		`input "y": Example is missing`:                                             {onnx.Signature{Inputs: append(in(nil), onnx.Input{Name: "y"}), Outputs: []string{"z"}}, sum},
		`input "x": axis 2: Example has the shape [2 6]`:                            {onnx.Signature{Inputs: in(map[int]string{2: "time"}), Outputs: []string{"y"}}, sum},
		`axis 1: the name "time+1" is none of letters`:                              {onnx.Signature{Inputs: in(map[int]string{1: "time+1"}), Outputs: []string{"y"}}, sum},
		"axis 1 is 4*time, and Example has the size 6":                              {onnx.Signature{Inputs: in(map[int]string{1: "4*time"}), Outputs: []string{"y"}}, sum},
		"axis 1: n is 6 here and 2 in another place":                                {onnx.Signature{Inputs: in(map[int]string{0: "n", 1: "n"}), Outputs: []string{"y"}}, sum},
		"2 of the 2 elements of Example are not finite":                             {onnx.Signature{Inputs: []onnx.Input{{Name: "x", Example: nan}}, Outputs: []string{"y"}}, sum},
		"returns 1 tensors, or nil, and Signature names 2":                          {onnx.Signature{Inputs: in(nil), Outputs: []string{"y", "z"}}, sum},
		"the network cannot run with batch 5, time 6: ":                             {onnx.Signature{Inputs: in(map[int]string{0: "batch", 1: "time"}), Outputs: []string{"y"}}, func(in []tensor) []tensor { return []tensor{in[0].Add(torch.Ones([]int{3, 1}))} }},
		"is 3 with batch 3, time 6 and 3 with batch 5, time 6 and 4 with batch 3, ": {onnx.Signature{Inputs: in(map[int]string{0: "batch", 1: "time"}), Outputs: []string{"y"}}, half},
	} {
		_, err := onnx.ExportFunc(filepath.Join(t.TempDir(), "x.onnx"), nil, c.f, c.s)
		assert.ErrorContains(t, err, want)
	}
	_, err := onnx.Export(filepath.Join(t.TempDir(), "x.onnx"), nn.ReLU{}, onnx.Signature{Inputs: append(in(nil), onnx.Input{Name: "y", Example: x}), Outputs: []string{"z"}})
	assert.ErrorContains(t, err, "use ExportFunc")
}
