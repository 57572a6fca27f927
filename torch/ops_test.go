// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// golden is a tensor of testdata/ops.json.
type golden struct {
	Shape  []int  `json:"shape"`
	DType  string `json:"dtype"`
	Values []any  `json:"values"`
}

func (g golden) floats() []float64 {
	out := make([]float64, len(g.Values))
	for i, v := range g.Values {
		switch v := v.(type) {
		case float64:
			out[i] = v
		case string:
			out[i], _ = strconv.ParseFloat(v, 64)
		}
	}
	return out
}

func (g golden) tensor(t *testing.T) *torch.Tensor {
	dtype, err := torch.ParseDType(g.DType)
	require.NoError(t, err)
	return torch.FromSlice(g.floats(), g.Shape...).ToDType(dtype)
}

// Every operator with a method of its own gives what PyTorch gives: the kernels
// are the same, so the tolerance of one rounding is for other processors only.
func TestOpsAgreeWithPyTorch(t *testing.T) {
	torchtest.NoLeaks(t)
	var file struct {
		Torch           string
		Inputs, Outputs map[string]golden
	}
	text, err := os.ReadFile("testdata/ops.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &file))

	torch.Scope(func() {
		in := map[string]*torch.Tensor{}
		for name, g := range file.Inputs {
			in[name] = g.tensor(t)
		}
		got := operators(in)
		for name, want := range file.Outputs {
			have, ok := got[name]
			if !assert.True(t, ok, "%s has no counterpart here", name) {
				continue
			}
			assert.Equal(t, want.Shape, append([]int{}, have.Shape()...), "%s: shape", name)
			assert.Equal(t, want.DType, have.DType().String(), "%s: type", name)
			values := have.Float64s()
			for i, x := range want.floats() {
				if math.IsNaN(x) && math.IsNaN(values[i]) || x == values[i] {
					continue
				}
				assert.InDelta(t, x, values[i], 2e-6*math.Max(1, math.Abs(x)), "%s: element %d", name, i)
			}
		}
		for name := range got {
			assert.Contains(t, file.Outputs, name, "gen_ops.py lacks it")
		}
	})
}

func operators(in map[string]*torch.Tensor) map[string]*torch.Tensor {
	a, b, row, square, cube := in["a"], in["b"], in["row"], in["square"], in["cube"]
	mean := torch.ReduceMean
	values, indices := a.Topk(2, 1)
	o, h, c := torch.LSTM(in["lstm_x"], in["lstm_h"], in["lstm_c"],
		[]*torch.Tensor{in["w_ih"], in["w_hh"], in["b_ih"], in["b_hh"]},
		torch.LSTMOptions{Bias: true, Layers: 1, BatchFirst: true})
	copied := torch.ZerosLike(a).CopyInPlace(b)
	out := map[string]*torch.Tensor{
		"Add": a.Add(row), "Sub": a.Sub(row), "Mul": a.Mul(b), "Div": a.Div(b), "Pow": in["positive"].Pow(1.5),
		"AddScalar": a.AddScalar(2.5), "MulScalar": a.MulScalar(2.5), "DivScalar": a.DivScalar(2.5),
		"AddInPlace": a.Clone().AddInPlace(b), "SubInPlace": a.Clone().SubInPlace(b),
		"MulInPlace": a.Clone().MulInPlace(b), "DivInPlace": a.Clone().DivInPlace(b),
		"AddScalarInPlace": a.Clone().AddScalarInPlace(2.5), "MulScalarInPlace": a.Clone().MulScalarInPlace(2.5),
		"Neg": a.Neg(), "Abs": a.Abs(), "Exp": a.Exp(), "Log": in["positive"].Log(), "Sqrt": in["positive"].Sqrt(),
		"Square": a.Square(), "Atanh": in["unit"].Atanh(), "Tanh": a.Tanh(), "Sigmoid": a.Sigmoid(), "Relu": a.Relu(),
		"Clamp": a.Clamp(-0.5, 0.5), "Maximum": a.Maximum(b), "Minimum": a.Minimum(b), "Softmax": a.Softmax(1),
		"LogSoftmax": a.LogSoftmax(0), "Matmul": a.Matmul(square), "Linear": torch.Linear(a, in["weight"], in["bias"]),
		"LinearNoBias": torch.Linear(a, in["weight"], nil), "Eq": a.Eq(a.Clone()), "Lt": a.Lt(b), "Gt": a.Gt(b),
		"IsFinite": in["nan"].IsFinite(), "All": in["nan"].IsFinite().All(), "Any": in["nan"].IsFinite().Any(),
		"Where": torch.Where(a.Gt(b), a, b), "FillInPlace": a.Clone().FillInPlace(2.5),
		"ZeroInPlace": a.Clone().ZeroInPlace(), "CopyInPlace": copied, "Reshape": cube.Reshape(6, -1),
		"View": cube.View(2, 12), "Permute": cube.Permute(2, 0, 1), "Transpose": cube.Transpose(0, 2), "T": a.T(),
		"Squeeze": a.Unsqueeze(1).Squeeze(1), "Unsqueeze": a.Unsqueeze(-1), "Expand": row.Expand(3, 4),
		"Narrow": a.Narrow(1, 1, 2), "Select": cube.Select(1, -1), "IndexSelect": a.IndexSelect(0, in["index"]),
		"Chunk": a.Chunk(3, 1)[1], "Split": a.Split(3, 1)[1], "Cat": torch.Cat([]*torch.Tensor{a, b}, 1),
		"Stack": torch.Stack([]*torch.Tensor{a, b}, 1), "Flip": a.Flip(0, 1), "Clone": a.Clone(), "Detach": a.Detach(),
		"Contiguous": a.T().Contiguous(), "To": a.To(torch.CPU), "ToDType": a.ToDType(torch.Float64),
		"AsStrided": cube.AsStrided([]int{2, 3}, []int{12, 2}, 1),
		"Sum":       a.Sum(), "SumDim": cube.Sum(0, 2), "Mean": a.Mean(), "MeanDim": cube.Mean(1), "Std": a.Std(1),
		"StdDim": a.Std(0, 0), "Var": a.Var(1), "Max": a.Max(), "Min": a.Min(), "Argmax": a.Argmax(1),
		"TopkValues": values, "TopkIndices": indices, "Cumsum": a.Cumsum(1), "Norm": a.Norm(2), "NormDim": a.Norm(1, 1),
		"MSELoss": torch.MSELoss(a, b, mean), "MSELossSum": torch.MSELoss(a, b, torch.ReduceSum),
		"MSELossNone": torch.MSELoss(a, b, torch.ReduceNone), "L1Loss": torch.L1Loss(a, b, mean),
		"HuberLoss": torch.HuberLoss(a, b, mean, 0.7), "BCELoss": torch.BCELoss(in["unit"], in["unit2"], nil, mean),
		"BCEWithLogitsLoss":      torch.BCEWithLogitsLoss(a, in["unit"], nil, nil, mean),
		"KLDivLoss":              torch.KLDivLoss(in["logp"], in["prob"], mean, false),
		"CrossEntropyLoss":       torch.CrossEntropyLoss(a, in["classes"], nil, mean, -100, 0),
		"CrossEntropyLossSmooth": torch.CrossEntropyLoss(a, in["classes"], row.Abs(), mean, -100, 0.1),
		"DropoutEval":            torch.Dropout(a, 0.25, false),
		"LayerNorm":              torch.LayerNorm(a, []int{4}, row, in["bias"].Narrow(0, 0, 4), 1e-5),
		"Embedding":              torch.Embedding(in["weight"], in["index"], -1),
		"LSTM":                   o, "LSTMHidden": h, "LSTMCell": c,
		"Zeros": torch.Zeros([]int{2, 3}), "Ones": torch.Ones([]int{2, 3}, torch.Options{DType: torch.Int64}),
		"Full": torch.Full([]int{2}, 1.5), "Arange": torch.Arange(0, 2, 0.25), "ZerosLike": torch.ZerosLike(a),
		"OnesLike": torch.OnesLike(a),
	}
	torch.ManualSeed(42)
	out["SeedRand"] = torch.Rand([]int{5})
	out["SeedRandn"] = torch.Randn([]int{20})
	out["SeedRandperm"] = torch.Randperm(9)
	out["SeedUniform"] = torch.Empty([]int{5}).UniformInPlace(-2, 3)
	out["SeedNormal"] = torch.Empty([]int{17}).NormalInPlace(1, 2)
	torch.ManualSeed(42)
	out["SeedDropout"] = torch.Dropout(torch.Ones([]int{20}), 0.25, true)
	return out
}

func TestEqualAndAllClose(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.FromSlice([]float32{1, 2})
		assert.True(t, x.Equal(x.Clone()))
		assert.False(t, x.Equal(x.AddScalar(1e-3)))
		assert.True(t, x.AllClose(x.AddScalar(1e-3), 0, 2e-3))
		assert.False(t, x.AllClose(x.AddScalar(1e-3), 0, 5e-4))
	})
}

func TestRNGState(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		torch.ManualSeed(3)
		state := torch.RNGState(torch.CPU)
		first := torch.Randn([]int{30}).Float32s()
		assert.NotEqual(t, first, torch.Randn([]int{30}).Float32s())
		torch.SetRNGState(torch.CPU, state)
		assert.Equal(t, first, torch.Randn([]int{30}).Float32s())
		assert.Equal(t, torch.UInt8, state.DType())
	})
}

func TestSlices(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		roundTrip(t, []float32{1.5, -2}, torch.Float32)
		roundTrip(t, []float64{1.5, -2}, torch.Float64)
		roundTrip(t, []int64{1, -1 << 62}, torch.Int64)
		roundTrip(t, []int32{1, -2}, torch.Int32)
		roundTrip(t, []int16{1, -2}, torch.Int16)
		roundTrip(t, []int8{1, -2}, torch.Int8)
		roundTrip(t, []uint8{1, 255}, torch.UInt8)
		roundTrip(t, []uint16{1, 65535}, torch.UInt16)
		roundTrip(t, []uint32{1, math.MaxUint32}, torch.UInt32)
		roundTrip(t, []uint64{1, math.MaxUint64}, torch.UInt64)
		roundTrip(t, []bool{true, false}, torch.Bool)

		x := torch.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
		assert.Equal(t, []float32{1, 4, 2, 5, 3, 6}, torch.ToSlice[float32](x.T()), "row-major, whatever the strides")
		assert.Equal(t, []float32{-1, -2, -3, -4, -5, -6}, torch.Call("aten::_neg_view", x).Tensor().Float32s(), "a lazy minus")
		assert.Equal(t, []int{1, 3}, x.T().Strides())
		assert.Equal(t, 3, x.Size(-1))
		assert.Equal(t, 6, x.Numel())
		assert.Empty(t, torch.Scalar[float32](2).Shape())
		assert.Empty(t, torch.ToSlice[float32](torch.Zeros([]int{0, 3})))
		half := torch.FromBytes([]byte{0, 0x3c, 0, 0xc0}, torch.Float16, 2)
		assert.Equal(t, []float32{1, -2}, half.Float32s())
		assert.Equal(t, []byte{0, 0x3c, 0, 0xc0}, half.Bytes())
		assert.Equal(t, "tensor([[1., 2., 3.],\n        [4., 5., 6.]])", x.String())

		assert.ErrorContains(t, torch.Try(func() { torch.FromSlice([]float32{1, 2, 3}, 2, 2) }), "3 elements do not fill the shape [2 2]")
		assert.ErrorContains(t, torch.Try(func() { torch.ToSlice[int64](x) }), "float32, not int64")
		assert.ErrorContains(t, torch.Try(func() { x.Item() }), "item")
		assert.ErrorContains(t, torch.Try(func() { x.Size(2) }), "no dimension 2")
	})
}

func roundTrip[T torch.Element](t *testing.T, data []T, want torch.DType) {
	t.Helper()
	x := torch.FromSlice(data)
	assert.Equal(t, want, x.DType())
	assert.Equal(t, data, torch.ToSlice[T](x))
}
