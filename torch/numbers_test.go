// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// A number beside a tensor stays what it is: type and values are PyTorch's for every kind
// of tensor and number, and what PyTorch refuses is refused.
func TestNumbersAgreeWithPyTorch(t *testing.T) {
	torchtest.NoLeaks(t)
	var file struct {
		Cases [][]string
	}
	text, err := os.ReadFile("testdata/numbers.json") // made by gen_numbers.py
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &file))
	require.NotEmpty(t, file.Cases)

	numbers := map[string]any{"1": 1, "3": int16(3), "2.5": 2.5, "true": true, "2^53+1": int64(1<<53 + 1), "1+2i": 1 + 2i}
	for _, c := range file.Cases {
		name, dtype, values := strings.Join(c[:3], " "), c[3], c[4:]
		torch.Scope(func() {
			x, number := numbersTensor(c[0]), numbers[c[1]]
			var got *torch.Tensor
			err := torch.Try(func() { got = numberOperator(c[2], x, number) })
			if dtype == "error" {
				assert.ErrorContains(t, err, values[0], name)
				return
			}
			if !assert.NoError(t, err, name) {
				return
			}
			assert.Equal(t, dtype, got.DType().String(), name)
			have := valuesOf(got)
			require.Len(t, have, len(values), name)
			for i, have := range have {
				want := values[i]
				if !got.DType().IsFloating() && !got.DType().IsComplex() {
					assert.Equal(t, want, have, name)
					continue
				}
				w, err := strconv.ParseFloat(want, 64)
				require.NoError(t, err)
				h, err := strconv.ParseFloat(have, 64)
				require.NoError(t, err)
				// One rounding of the type: another processor may compute pow otherwise.
				tolerance := map[torch.DType]float64{torch.Float16: 1e-3, torch.Complex32: 1e-3}[got.DType()]
				assert.True(t, w == h || math.IsNaN(w) && math.IsNaN(h) ||
					math.Abs(w-h) <= max(tolerance, 1e-6)*math.Abs(w), "%s: %s, not %s", name, have, want)
			}
		})
	}
}

// numbersTensor returns a tensor of gen_numbers.py.
func numbersTensor(dtype string) *torch.Tensor {
	switch dtype {
	case "int64":
		return torch.FromSlice([]int64{16777217, -3, 1<<53 + 1})
	case "int32":
		return torch.FromSlice([]int32{16777217, -3, 5})
	case "int8":
		return torch.FromSlice([]int8{100, -3, 5})
	case "uint8":
		return torch.FromSlice([]uint8{200, 0, 5})
	case "bool":
		return torch.FromSlice([]bool{true, false})
	case "float64":
		return torch.FromSlice([]float64{0.5, -3, 16777217})
	case "complex64":
		return torch.Call("aten::complex", torch.FromSlice([]float32{0.5, -3}), torch.FromSlice([]float32{1, 0})).Tensor()
	}
	d, err := torch.ParseDType(dtype)
	if err != nil {
		panic(err)
	}
	return torch.FromSlice([]float32{0.5, -3, 7}).ToDType(d)
}

func numberOperator(op string, x *torch.Tensor, number any) *torch.Tensor {
	switch op {
	case "AddScalar":
		return x.AddScalar(number)
	case "SubScalar":
		return x.SubScalar(number)
	case "MulScalar":
		return x.MulScalar(number)
	case "DivScalar":
		return x.DivScalar(number)
	case "Pow":
		return x.Pow(number)
	case "Clamp":
		return x.Clamp(0, number)
	case "AddScalarInPlace":
		return x.Clone().AddScalarInPlace(number)
	case "MulScalarInPlace":
		return x.Clone().MulScalarInPlace(number)
	case "FillInPlace":
		return x.Clone().FillInPlace(number)
	case "Full":
		return torch.Full([]int{2}, number, torch.Options{DType: x.DType()})
	}
	return torch.Call(op, x, number).Tensor()
}

// valuesOf returns the elements as Python's str writes them, of complex ones both parts.
func valuesOf(x *torch.Tensor) (out []string) {
	if x.DType().IsComplex() {
		x = torch.Call("aten::view_as_real", x).Tensor().Reshape(-1)
	}
	for i := range x.Numel() {
		switch v := torch.Call("aten::item", x.Select(0, i)).At(0).(type) {
		case bool:
			out = append(out, map[bool]string{true: "True", false: "False"}[v])
		default:
			out = append(out, fmt.Sprint(v))
		}
	}
	return out
}

func TestNumbers(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.FromSlice([]int64{1, 2})
		assert.ErrorContains(t, torch.Try(func() { x.AddScalar("1") }), "expected a number, given string")
		assert.ErrorContains(t, torch.Try(func() { x.AddScalar(nil) }), "expected a number")
		assert.ErrorContains(t, torch.Try(func() { x.AddScalar(torch.Int64) }), "expected a number, given torch.DType")
		assert.ErrorContains(t, torch.Try(func() { torch.Call("aten::add_.Tensor", 1, x) }),
			`argument "self": expected Tensor, given int`, "what is written to must be a tensor")

		// Counting from where float64 has no odd numbers any more.
		assert.Equal(t, []int64{1<<53 + 1, 1<<53 + 3}, torch.ToSlice[int64](torch.Arange(1<<53+1, 1<<53+5, 2, torch.Options{DType: torch.Int64})))
		assert.Equal(t, []uint64{math.MaxUint64}, torch.ToSlice[uint64](torch.Full([]int{1}, uint64(math.MaxUint64), torch.Options{DType: torch.UInt64})))
	})
}

func TestItem(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		z := torch.Call("aten::complex", torch.Scalar[float32](3), torch.Scalar[float32](4)).Tensor()
		top := torch.Scalar[uint64](math.MaxUint64)
		assert.Equal(t, 3+4i, z.ItemComplex())
		assert.Equal(t, 3+4i, torch.Call("aten::item", z).At(0))
		assert.ErrorContains(t, torch.Try(func() { z.Item() }), "the element is complex64; ItemComplex returns it")
		assert.ErrorContains(t, torch.Try(func() { z.ItemInt() }), "ItemComplex")
		assert.Equal(t, 0x1p64, top.Item())
		assert.Equal(t, uint64(math.MaxUint64), torch.Call("aten::item", top).At(0))
		assert.ErrorContains(t, torch.Try(func() { top.ItemInt() }), "18446744073709551615 is not within the range of int")
		assert.Equal(t, 1<<62, torch.Scalar[uint64](1<<62).ItemInt())
		assert.Equal(t, 1<<53+1, torch.Scalar[int64](1<<53+1).ItemInt())
		assert.Equal(t, -2, torch.Scalar(-2.9).ItemInt(), "as Python's int()")
		for _, x := range []float64{math.NaN(), math.Inf(1), 0x1p63, -0x1.8p63} {
			assert.ErrorContains(t, torch.Try(func() { torch.Scalar(x).ItemInt() }), "is not within the range of int")
		}
		assert.Equal(t, math.MinInt64, torch.Scalar(-0x1p63).ItemInt())
		assert.Equal(t, 1.0, torch.Scalar(true).Item())
		assert.Equal(t, 2.5+0i, torch.Scalar(2.5).ItemComplex())
	})
}
