// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

type tensor = *torch.Tensor

// The twins are networks of gen_twins.py, built here of this package's layers: from the
// same seed they draw the same weights, data and noise.

type residual struct {
	Conv1      *nn.Conv
	BN1        *nn.BatchNorm
	Conv2      *nn.Conv
	BN2        *nn.BatchNorm
	Downsample nn.Sequential
}

func newResidual(in, out, stride int) *residual {
	three := func(in, stride int) *nn.Conv {
		return nn.NewConv2d(in, out, []int{3}, torch.CPU, nn.ConvConfig{Stride: []int{stride}, Padding: []int{1}, NoBias: true})
	}
	b := &residual{Conv1: three(in, stride), BN1: nn.NewBatchNorm2d(out, torch.CPU), Conv2: three(out, 1), BN2: nn.NewBatchNorm2d(out, torch.CPU)}
	if stride != 1 || in != out {
		b.Downsample = nn.NewSequential(
			nn.NewConv2d(in, out, []int{1}, torch.CPU, nn.ConvConfig{Stride: []int{stride}, NoBias: true}), nn.NewBatchNorm2d(out, torch.CPU))
	}
	return b
}

func (b *residual) Forward(x tensor) tensor {
	y := b.BN2.Forward(b.Conv2.Forward(b.BN1.Forward(b.Conv1.Forward(x)).Relu()))
	return y.Add(b.Downsample.Forward(x)).Relu() // which passes x on if it is empty
}

type resNet18 struct {
	Conv1                          *nn.Conv
	BN1                            *nn.BatchNorm
	Layer1, Layer2, Layer3, Layer4 nn.Sequential
	FC                             *nn.Linear
}

func newResNet18(width, classes int) *resNet18 {
	layer := func(in, out, stride int) nn.Sequential {
		return nn.NewSequential(newResidual(in, out, stride), newResidual(out, out, 1))
	}
	return &resNet18{
		Conv1:  nn.NewConv2d(3, width, []int{3}, torch.CPU, nn.ConvConfig{Padding: []int{1}, NoBias: true}),
		BN1:    nn.NewBatchNorm2d(width, torch.CPU),
		Layer1: layer(width, width, 1), Layer2: layer(width, 2*width, 2),
		Layer3: layer(2*width, 4*width, 2), Layer4: layer(4*width, 8*width, 2),
		FC: nn.NewLinear(8*width, classes, torch.CPU),
	}
}

func (m *resNet18) Forward(x tensor) tensor {
	x = m.BN1.Forward(m.Conv1.Forward(x)).Relu()
	for _, layer := range []nn.Sequential{m.Layer1, m.Layer2, m.Layer3, m.Layer4} {
		x = layer.Forward(x)
	}
	return m.FC.Forward(nn.NewAdaptiveAvgPool2d([]int{1}).Forward(x).Flatten(1, -1))
}

type uNet struct {
	Down1, Down2, Middle nn.Sequential
	Up2                  *nn.ConvTranspose
	Side2                nn.Sequential
	Up1                  *nn.ConvTranspose
	Side1                nn.Sequential
	Out                  *nn.Conv
}

func newUNet(width int) *uNet {
	twice := func(in, out int) nn.Sequential {
		c := nn.ConvConfig{Padding: []int{1}}
		return nn.NewSequential(nn.NewConv2d(in, out, []int{3}, torch.CPU, c), nn.ReLU{}, nn.NewConv2d(out, out, []int{3}, torch.CPU, c), nn.ReLU{})
	}
	up := func(in, out int) *nn.ConvTranspose {
		return nn.NewConvTranspose2d(in, out, []int{2}, torch.CPU, nn.ConvTransposeConfig{Stride: []int{2}})
	}
	return &uNet{
		Down1: twice(1, width), Down2: twice(width, 2*width), Middle: twice(2*width, 4*width),
		Up2: up(4*width, 2*width), Side2: twice(4*width, 2*width), Up1: up(2*width, width), Side1: twice(2*width, width),
		Out: nn.NewConv2d(width, 1, []int{1}, torch.CPU),
	}
}

func (m *uNet) Forward(x tensor) tensor {
	half := nn.NewMaxPool2d([]int{2})
	a := m.Down1.Forward(x)
	b := m.Down2.Forward(half.Forward(a))
	y := m.Up2.Forward(m.Middle.Forward(half.Forward(b)))
	y = m.Up1.Forward(m.Side2.Forward(torch.Cat([]tensor{y, b}, 1)))
	return m.Out.Forward(m.Side1.Forward(torch.Cat([]tensor{y, a}, 1)))
}

type translator struct {
	Source, Target *nn.Embedding
	Transformer    *nn.Transformer
	Out            *nn.Linear
}

func newTranslator(words, model int) *translator {
	c := nn.DefaultTransformer()
	c.Feedforward, c.Dropout, c.BatchFirst = 32, 0, true
	return &translator{
		Source: nn.NewEmbedding(words, model, torch.CPU), Target: nn.NewEmbedding(words, model, torch.CPU),
		Transformer: nn.NewTransformer(model, 2, 2, 2, torch.CPU, c), Out: nn.NewLinear(model, words, torch.CPU),
	}
}

func (m *translator) forward(x, y tensor) tensor {
	masks := nn.TransformerMasks{Target: nn.AttentionMasks{Causal: true}}
	return m.Out.Forward(m.Transformer.ForwardMasked(m.Source.Forward(x), m.Target.Forward(y), masks))
}

type attending struct {
	Embedding *nn.Embedding
	Encoder   *nn.GRU
	Decoder   *nn.GRUCell
	Out       *nn.Linear
}

func newAttending(words, hidden int) *attending {
	return &attending{
		Embedding: nn.NewEmbedding(words, hidden, torch.CPU),
		Encoder:   nn.NewGRU(hidden, hidden, torch.CPU, nn.RecurrentConfig{BatchFirst: true}),
		Decoder:   nn.NewGRUCell(hidden, hidden, torch.CPU), Out: nn.NewLinear(2*hidden, words, torch.CPU),
	}
}

func (m *attending) forward(x, y tensor) tensor {
	memory, h := m.Encoder.ForwardState(m.Embedding.Forward(x), nil)
	h = h.Select(0, 0)
	var logits []tensor
	for _, token := range m.Embedding.Forward(y).Unbind(1) {
		h = m.Decoder.Forward(token, h)
		weights := memory.Bmm(h.Unsqueeze(2)).Softmax(1)
		logits = append(logits, m.Out.Forward(torch.Cat([]tensor{h, weights.Mul(memory).Sum(1)}, 1)))
	}
	return torch.Stack(logits, 1)
}

type vae struct {
	Encoder, Mean, Spread *nn.Linear
	Decoder               nn.Sequential
}

func newVAE() *vae {
	linear := func(in, out int) *nn.Linear { return nn.NewLinear(in, out, torch.CPU) }
	return &vae{linear(20, 32), linear(32, 4), linear(32, 4), nn.NewSequential(linear(4, 32), nn.ReLU{}, linear(32, 20))}
}

func (m *vae) encode(x tensor) (mean, spread tensor) {
	h := m.Encoder.Forward(x).Relu()
	return m.Mean.Forward(h), m.Spread.Forward(h)
}

func (m *vae) forward(x tensor) (y, mean, spread tensor) {
	mean, spread = m.encode(x)
	return m.Decoder.Forward(mean.Add(spread.MulScalar(0.5).Exp().Mul(torch.RandnLike(mean)))), mean, spread
}

type temporal struct {
	Conv1, Conv2 *nn.WeightNorm
	Side         *nn.Conv
	Past         nn.Pad
}

func newTemporal(in, out, dilation int) *temporal {
	normed := func(in int) *nn.WeightNorm {
		return nn.NewWeightNorm(nn.NewConv1d(in, out, 3, torch.CPU, nn.ConvConfig{Dilation: []int{dilation}}), 0)
	}
	return &temporal{normed(in), normed(out), nn.NewConv1d(in, out, 1, torch.CPU), nn.NewConstantPad1d([]int{2 * dilation, 0}, 0)}
}

func (b *temporal) Forward(x tensor) tensor {
	y := b.Conv2.Forward(b.Past.Forward(b.Conv1.Forward(b.Past.Forward(x)).Relu())).Relu()
	return y.Add(b.Side.Forward(x)).Relu()
}

type languageModel struct {
	Embedding *nn.Embedding
	LSTM      *nn.LSTM
	Out       *nn.Linear
}

func newLanguageModel(words, hidden int) *languageModel {
	m := &languageModel{
		nn.NewEmbedding(words, hidden, torch.CPU),
		nn.NewLSTM(hidden, hidden, torch.CPU, nn.LSTMConfig{Layers: 2, BatchFirst: true}), nn.NewLinear(hidden, words, torch.CPU),
	}
	m.Out.Weight.Close()
	m.Out.Weight = m.Embedding.Weight
	return m
}

func (m *languageModel) Forward(x tensor) tensor {
	return m.Out.Forward(m.LSTM.Forward(m.Embedding.Forward(x)))
}

// twinSteps is how many steps the losses are compared for.
const twinSteps = 50

// twin is a network after its training.
type twin struct {
	losses []float64
	model  any
	output func() tensor // calls it
	// export says what [onnx.ExportFunc] does with it.
	export    func(in []tensor) []tensor
	signature onnx.Signature
}

// exported adds what [onnx.ExportFunc] needs.
func (t twin) exported(f func(in []tensor) []tensor, inputs []onnx.Input, outputs ...string) twin {
	t.export, t.signature = f, onnx.Signature{Inputs: inputs, Outputs: outputs}
	return t
}

// batchOf is an input whose first dimension is the batch. Others have names where their
// sizes are free.
func batchOf(name string, example tensor, others ...string) onnx.Input {
	in := onnx.Input{Name: name, Example: example, Axes: map[int]string{0: "batch"}}
	for i, other := range others {
		if other != "" {
			in.Axes[i+1] = other
		}
	}
	return in
}

// descend takes steps of Adam.
func descend(model any, loss, output func() tensor) (t twin) {
	optimizer := optim.NewAdam(nn.Parameters(model), optim.DefaultAdam())
	for range twinSteps {
		torch.Scope(func() {
			optimizer.ZeroGrad()
			value := loss()
			value.Backward()
			optimizer.Step()
			t.losses = append(t.losses, value.Item())
		})
	}
	t.model, t.output = model, output
	return t
}

// descendModule is descend for a network that takes one tensor to another.
func descendModule(model nn.Module, x tensor, loss func(y tensor) tensor, free ...string) twin {
	output := func() tensor { return model.Forward(x) }
	t := descend(model, func() tensor { return loss(output()) }, output)
	return t.exported(forwardOf(model), []onnx.Input{batchOf("x", x, free...)}, "y")
}

func forwardOf(m nn.Module) func(in []tensor) []tensor {
	return func(in []tensor) []tensor { return []tensor{m.Forward(in[0])} }
}

func words(n, rows, columns int) tensor {
	return torch.RandInt(0, n, []int{rows, columns}, torch.Options{DType: torch.Int64})
}

// next returns the loss of words predicted from those before them.
func next(logits, y tensor) tensor {
	return nn.CrossEntropyLoss(logits.Flatten(0, 1), y.Index(torch.Slice(), torch.Slice(1)).Flatten(0, -1))
}

func allButLast(y tensor) tensor { return y.Index(torch.Slice(), torch.Slice(nil, -1)) }

var twins = map[string]func() twin{
	"resnet": func() twin {
		model := newResNet18(8, 5)
		x, y := torch.Randn([]int{6, 3, 16, 16}), torch.RandInt(0, 5, []int{6}, torch.Options{DType: torch.Int64})
		return descendModule(model, x, func(out tensor) tensor { return nn.CrossEntropyLoss(out, y) }, "", "height", "width")
	},
	"unet": func() twin {
		model := newUNet(4)
		x, y := torch.Randn([]int{2, 1, 16, 16}), torch.Rand([]int{2, 1, 16, 16})
		return descendModule(model, x, func(out tensor) tensor { return nn.BCEWithLogitsLoss(out, y) }, "", "4*height", "4*width")
	},
	"transformer": func() twin {
		model := newTranslator(15, 16)
		x, y := words(15, 4, 7), words(15, 4, 6)
		output := func() tensor { return model.forward(x, allButLast(y)) }
		return descend(model, func() tensor { return next(output(), y) }, output).exported(
			func(in []tensor) []tensor { return []tensor{model.forward(in[0], in[1])} },
			[]onnx.Input{batchOf("source", x, "source_length"), batchOf("target", allButLast(y), "target_length")}, "logits")
	},
	"attention": func() twin {
		model := newAttending(15, 16)
		x, y := words(15, 4, 7), words(15, 4, 6)
		output := func() tensor { return model.forward(x, allButLast(y)) }
		return descend(model, func() tensor { return next(output(), y) }, output).exported(
			func(in []tensor) []tensor { return []tensor{model.forward(in[0], in[1])} },
			// The decoder is a loop in Go: the target has one length.
			[]onnx.Input{batchOf("source", x, "source_length"), batchOf("target", allButLast(y))}, "logits")
	},
	"vae": func() twin {
		model := newVAE()
		x := torch.Randn([]int{16, 20})
		return descend(model, func() tensor {
			y, mean, spread := model.forward(x)
			apart := spread.AddScalar(1).Sub(mean.Square()).Sub(spread.Exp()).Mean()
			return nn.MSELoss(y, x).Sub(apart.MulScalar(0.05))
		}, func() tensor {
			y, mean, spread := model.forward(x)
			return torch.Cat([]tensor{y, mean, spread}, 1)
		}).exported(func(in []tensor) []tensor { // without noise
			mean, spread := model.encode(in[0])
			return []tensor{model.Decoder.Forward(mean), mean, spread}
		}, []onnx.Input{batchOf("x", x)}, "y", "mean", "spread")
	},
	"gan": gan,
	"temporal": func() twin {
		model := nn.NewSequential(newTemporal(3, 8, 1), newTemporal(8, 8, 2), nn.NewConv1d(8, 2, 1, torch.CPU))
		x, y := torch.Randn([]int{4, 3, 20}), torch.Randn([]int{4, 2, 20})
		return descendModule(model, x, func(out tensor) tensor { return nn.MSELoss(out, y) }, "", "time")
	},
	"language": func() twin {
		model := newLanguageModel(20, 16)
		x := words(20, 4, 9)
		return descendModule(model, allButLast(x), func(out tensor) tensor { return next(out, x) }, "time")
	},
}

func gan() (t twin) {
	linear := func(in, out int) *nn.Linear { return nn.NewLinear(in, out, torch.CPU) }
	maker := nn.NewSequential(linear(4, 16), nn.LeakyReLU{NegativeSlope: 0.2}, linear(16, 2))
	judge := nn.NewSequential(linear(2, 16), nn.LeakyReLU{NegativeSlope: 0.2}, linear(16, 1))
	real, one, zero := torch.Randn([]int{16, 2}), torch.Ones([]int{16, 1}), torch.Zeros([]int{16, 1})
	making, judging := optim.NewAdam(nn.Parameters(maker), optim.DefaultAdam()), optim.NewAdam(nn.Parameters(judge), optim.DefaultAdam())
	for range twinSteps {
		torch.Scope(func() {
			made := maker.Forward(torch.Randn([]int{16, 4}))
			judging.ZeroGrad()
			wrong := nn.BCEWithLogitsLoss(judge.Forward(real), one).Add(nn.BCEWithLogitsLoss(judge.Forward(made.Detach()), zero))
			wrong.Backward()
			judging.Step()
			making.ZeroGrad()
			seen := nn.BCEWithLogitsLoss(judge.Forward(made), one)
			seen.Backward()
			making.Step()
			t.losses = append(t.losses, wrong.Item()+seen.Item())
		})
	}
	t.model = &struct{ Maker, Judge nn.Sequential }{maker, judge}
	t.output = func() tensor { return judge.Forward(maker.Forward(torch.Randn([]int{16, 4}))) }
	return t.exported(forwardOf(maker), []onnx.Input{batchOf("noise", torch.Randn([]int{16, 4}))}, "made")
}

// TestTwins trains networks beside their twins in PyTorch. With the kernels that wrote the
// file all 50 losses agree to 1e-4; those of another processor round otherwise, which the
// steps magnify. They are exported, which compares ONNX Runtime's results with libtorch's. At the end, the twins in PyTorch have to load the
// weights strictly, and to return with them what the networks return here.
func TestTwins(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and nothing in it is concurrent")
	}
	torchtest.Need(t)
	defer torch.SetNumThreads(torch.NumThreads())
	torch.SetNumThreads(1) // the tensors are small
	var file map[string]struct {
		Losses []float64
		Names  []any
	}
	torchtest.Golden(t, "testdata/twins.json", &file)
	require.Len(t, file, len(twins))
	states, outputs := torch.NewDict(), map[string]tensor{}
	for name, make := range twins {
		t.Run(name, func(t *testing.T) {
			torch.ManualSeed(1)
			got := make()
			state := nn.StateDict(got.model)
			assert.Equal(t, file[name].Names, state.Keys(), "names in the state dict")
			assert.InDeltaSlice(t, file[name].Losses, got.losses, 2e-3)
			states.Set(name, state)
			nn.Evaluating(got.model, func() {
				torch.ManualSeed(2)
				outputs[name] = got.output()
			})
			check, err := onnx.ExportFunc(filepath.Join(t.TempDir(), name+".onnx"), got.model, got.export, got.signature)
			require.NoError(t, err)
			assert.GreaterOrEqual(t, len(check.MaxAbsDiff), 3, "batches compared in ONNX Runtime")
			t.Logf("ONNX Runtime differs by %.1e at the most, at batches %v", check.Max(), slices.Sorted(maps.Keys(check.MaxAbsDiff)))
		})
	}
	t.Run("weights in PyTorch", func(t *testing.T) {
		torchtest.Python(t)
		dir := t.TempDir()
		saved, returned := filepath.Join(dir, "states.pt"), filepath.Join(dir, "outputs.pt")
		require.NoError(t, pt.Save(saved, states))
		torchtest.RunPython(t, "testdata/gen_twins.py", saved, returned)
		theirs, err := pt.LoadDict(returned)
		require.NoError(t, err)
		require.Equal(t, len(twins), theirs.Len())
		for name, got := range outputs {
			assert.Empty(t, torchtest.Differ(torchtest.Entry[tensor](t, theirs, name), got, 1e-5), name)
		}
	})
}
