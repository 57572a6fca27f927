// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/torch/torchtest/operators"
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
		got := goldens(in)
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

// goldens returns the results that PyTorch's file has too, by their names there.
func goldens(in map[string]*torch.Tensor) map[string]*torch.Tensor {
	out := map[string]*torch.Tensor{}
	for _, c := range operators.All() {
		inputs, outputs, ok := strings.Cut(c.Golden, "->")
		if c.Golden == "" {
			continue
		}
		if !ok {
			outputs = c.Name
		}
		var tensors []*torch.Tensor
		for name := range strings.FieldsSeq(inputs) {
			tensors = append(tensors, in[name])
		}
		results := c.Run(torch.CPU, tensors)
		for i, name := range strings.Fields(outputs) {
			if name != "-" {
				out[name] = results[i]
			}
		}
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
