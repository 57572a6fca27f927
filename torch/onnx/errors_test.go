// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// TestNetworksThatCannotBeExported: each is refused with an error that says what
// and why, and no file is left.
func TestNetworksThatCannotBeExported(t *testing.T) {
	torchtest.Need(t)
	type tensor = *torch.Tensor
	weight := torch.Randn([]int{6})
	stft := func(x tensor) tensor {
		return x.STFT(torch.STFTOptions{Size: 4, Hop: 2, Length: 4, Window: weight.Narrow(0, 0, 4)})
	}
	for name, c := range map[string]struct {
		f    forward
		want []string
	}{
		"not in the table": {func(x tensor) tensor { return call1("aten::nextafter", x, x) }, []string{"aten::nextafter", "cannot be exported", "onnx.RegisterLowering"}},
		"another overload": {func(x tensor) tensor {
			return call1("aten::repeat_interleave.self_Tensor", x, torch.FromSlice([]int64{2}), 1)
		}, []string{"aten::repeat_interleave.self_Tensor", "call one of its other forms, aten::repeat_interleave.self_int,"}},
		"complex numbers":    {func(x tensor) tensor { return call1("aten::complex", x, x).Abs() }, []string{"aten::complex", "no complex numbers"}},
		"a spectrum squared": {func(x tensor) tensor { return stft(x).Square().Abs() }, []string{"no complex numbers", "only Real, Imag and Abs"}},
		"a spectrum":         {func(x tensor) tensor { return stft(x) }, []string{"complex64"}},
		"a normalized STFT": {func(x tensor) tensor {
			return call1("aten::stft", x, 4, torch.Named{"return_complex": true, "normalized": true}).Abs()
		}, []string{"aten::stft", "divide the result"}},
		"random": {func(x tensor) tensor { return x.Add(torch.Rand([]int{6})) }, []string{"aten::rand"}},
		"values as a shape": {func(x tensor) tensor {
			return call1("aten::masked_select", x, x.Gt(x.Neg()))
		}, []string{"aten::masked_select", "cannot be exported"}},
		"a frozen draw": {func(x tensor) tensor {
			return x.Add(call1("aten::geometric", torch.Ones([]int{6}), 0.5))
		}, []string{"aten::geometric", "draws random numbers"}},
		"a draw in place": {func(x tensor) tensor {
			return x.Add(call1("aten::cauchy_", torch.Zeros([]int{6})))
		}, []string{"aten::cauchy", "draws random numbers"}},
		"rrelu in training":  {func(x tensor) tensor { return call1("aten::rrelu", x, 0.1, 0.3, true) }, []string{"aten::rrelu", "is in training mode"}},
		"elements of nobody": {func(x tensor) tensor { return x.Add(call1("aten::empty_like", torch.Ones([]int{6}))) }, []string{"aten::empty_like"}},
		"an out argument": {func(x tensor) tensor {
			y, v := x.Neg(), x.Abs()
			call1("aten::add.out", x, x, torch.Named{"out": y})
			return v.Add(y.View(-1, 6))
		}, []string{"aten::add.out"}},
		"an out argument, seen through a view": {func(x tensor) tensor {
			y := x.Neg()
			v := y.Narrow(1, 0, 3)
			call1("aten::exp_", y)
			return v.Add(v)
		}, []string{"aten::exp_", "through a view"}},
		"a list in place": {func(x tensor) tensor {
			y := x.Neg()
			torch.Call("aten::_foreach_add_.Scalar", []*torch.Tensor{y}, 1.0)
			return y.Abs()
		}, []string{"aten::_foreach_add_", "through a view"}},
		"dropout": {func(x tensor) tensor { return torch.Dropout(x, 0.5, true) }, []string{"aten::dropout", "training mode"}},
		"compares values": {func(x tensor) tensor {
			if x.AllClose(x.Neg(), 0, 1) {
				return x
			}
			return x.Neg()
		}, []string{"aten::allclose", "reads a value", "torch.Where"}},
		"reads a value": {func(x tensor) tensor { return x.MulScalar(x.Sum().Item()) }, []string{"aten::item", "reads a value"}},
		"control flow": {func(x tensor) tensor {
			if x.Size(0) > 4 {
				return x.Tanh()
			}
			return x.Relu()
		}, []string{"aten::tanh is call 1, not aten::relu", "batch_size 5", "errors_test.go:"}},
		"more calls": {func(x tensor) tensor {
			y := x
			for range x.Size(0) {
				y = y.Tanh()
			}
			return y
		}, []string{"operators", "batch_size 5"}},
		"not affine":   {func(x tensor) tensor { return x.Add(torch.Zeros([]int{(x.Size(0) + 1) / 2, 1}).Sum(0)) }, []string{"is 2 with batch_size 3 and 3 with batch_size 5", "no tensor has a dimension of this size"}},
		"a number":     {func(x tensor) tensor { return x.MulScalar(1 / float64(x.Size(0))) }, []string{"aten::mul", "other", "depends on a free size"}},
		"squeeze":      {func(x tensor) tensor { return x.Squeeze(0) }, []string{"aten::squeeze", "size of one"}},
		"squeeze all":  {func(x tensor) tensor { return call1("aten::squeeze", x.Unsqueeze(0)) }, []string{"aten::squeeze", "size of one"}},
		"unbind":       {func(x tensor) tensor { return torch.Call("aten::unbind.int", x, 0).Tensors()[0] }, []string{"aten::unbind"}},
		"parameter":    {func(x tensor) tensor { return x.Add(weight.MulScalarInPlace(1)) }, []string{"aten::mul_", "changes a parameter"}},
		"input":        {func(x tensor) tensor { return x.AddScalarInPlace(1) }, []string{"aten::add_", "changes the network's input"}},
		"through view": {func(x tensor) tensor { y := x.Neg(); y.Narrow(1, 0, 2).ZeroInPlace(); return y }, []string{"aten::zero_", "through a view"}},
		"view is old":  {func(x tensor) tensor { y := x.Neg(); v := y.T(); y.AddScalarInPlace(1); return v.T().Add(y) }, []string{"aten::add_", "through a view"}},
		"constant":     {func(x tensor) tensor { return weight.Tanh() }, []string{"does not depend on an input"}},
		"other data": {func(x tensor) tensor {
			return x.Add(torch.FromSlice([]float32{float32(x.Size(0)), 1, 2, 3, 4, 5}))
		}, []string{"another one in every call"}},
		"shape": {func(x tensor) tensor { return x.Matmul(x) }, []string{"batch_size 3", "matmul"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Export(filepath.Join(dir, "x.onnx"), c.f, Signature{Example: torch.Randn([]int{3, 6})})
			for _, want := range append(c.want, "x.onnx") {
				assert.ErrorContains(t, err, want)
			}
			assertEmpty(t, dir)
		})
	}
}

func assertEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left, "no file is left")
}

// Errors name the line of the network that called the operator, not those of package torch
// and its layers on the way. Where layers alone were traced, they name the layer.
func TestErrorsNameTheCaller(t *testing.T) {
	torchtest.Need(t)
	type tensor = *torch.Tensor
	example := torch.Randn([]int{3, 2, 6, 6})
	pool := nn.NewFractionalMaxPool2d([]int{2}, []int{3}, nil)
	line := 0
	here := func(x tensor) tensor { _, _, line, _ = runtime.Caller(1); return x }
	for name, m := range map[string]nn.Module{
		"a method":         forward(func(x tensor) tensor { return here(x).Nonzero() }),
		"a view is old":    forward(func(x tensor) tensor { y := x.Neg(); y.View(-1).AddScalarInPlace(1); return here(y).Add(y) }),
		"an argument":      forward(func(x tensor) tensor { return here(x).DivScalar(0.5 * float64(x.Size(0))).AddScalar(1) }),
		"of another layer": forward(func(x tensor) tensor { return pool.Forward(here(x)) }),
	} {
		_, err := Export(filepath.Join(t.TempDir(), "x.onnx"), m, Signature{Example: example})
		assert.ErrorContains(t, err, fmt.Sprintf("errors_test.go:%d (onnx.TestErrorsNameTheCaller.", line), name)
	}
	_, err := Export(filepath.Join(t.TempDir(), "x.onnx"), nn.NewSequential(nn.Tanh{}, pool), Signature{Example: example})
	assert.ErrorContains(t, err, ".go:")
	assert.ErrorContains(t, err, "(nn.(*FractionalMaxPool)")
}

// What to write instead is known for operators that PyTorch has and that the table lacks.
func TestInstead(t *testing.T) {
	torchtest.Need(t)
	text, err := os.ReadFile("../testdata/operators.txt")
	require.NoError(t, err)
	operators := map[string]bool{}
	for op := range strings.FieldsSeq(string(text)) {
		name, _, _ := strings.Cut(op, ".")
		operators[name] = true
	}
	for _, i := range instead {
		for name := range strings.FieldsSeq(i.operators) {
			assert.True(t, operators["aten::"+name], name)
			assert.Equal(t, i.text, remedy("aten::"+name), name)
		}
	}
	for _, name := range reads {
		assert.True(t, operators[name], name)
	}
}

// The operators that are listed as views are those that return their argument, and
// whose schema does not say so.
func TestHiddenViews(t *testing.T) {
	torchtest.Need(t)
	x := torch.Randn([]int{2, 3})
	for name, args := range map[string][]any{
		"alpha_dropout": {x, 0.5, false}, "dropout": {x, 0.5, false}, "feature_dropout": {x, 0.5, false},
		"feature_alpha_dropout": {x, 0.5, false}, "atleast_1d": {x}, "atleast_2d": {x}, "atleast_3d": {x},
		"broadcast_tensors": {[]*torch.Tensor{x}}, "meshgrid": {[]*torch.Tensor{x.Select(0, 0)}},
		"sum_to_size": {x, []int{2, 3}}, "type_as": {x, x},
	} {
		require.Contains(t, hiddenViews, "aten::"+name)
		r := torch.Call("aten::"+name, args...)
		var y *torch.Tensor
		switch v := r.At(0).(type) {
		case *torch.Tensor:
			y = v
		case []*torch.Tensor:
			y = v[0]
		}
		assert.Equal(t, x.Storage().ID, y.Storage().ID, name)
		assert.Empty(t, torch.SchemaOf("aten::"+name).Aliases, name)
	}
	assert.Len(t, hiddenViews, 11)
}

func TestBadSignatures(t *testing.T) {
	torchtest.Need(t)
	x := torch.Randn([]int{3, 6})
	closed := torch.Ones([]int{1})
	closed.Close()
	for want, s := range map[string]Signature{
		"Example is missing":         {},
		"opset 12":                   {Example: x, Opset: 12},
		"opset 22":                   {Example: x, Opset: 22},
		"BatchAxis 2":                {Example: x, BatchAxis: 2},
		"BatchAxis -1":               {Example: x, BatchAxis: -1},
		"BatchAxis 0":                {Example: torch.Scalar[float32](1)},
		"holds no element":           {Example: torch.Ones([]int{0, 6})},
		`both called "x"`:            {Example: x, Input: "x", Output: "x"},
		`metadata "k" must be UTF-8`: {Example: x, Metadata: map[string]string{"k": "\xff"}},
		"must be UTF-8":              {Example: x, Output: "\xff"},
		`metadata "etude.check"`:     {Example: x, Metadata: map[string]string{"etude.check": ""}},
		"a tolerance of -1":          {Example: x, Tolerance: -1},
		"a tolerance of NaN":         {Example: x, Tolerance: math.NaN()},
		"a relative one of -1":       {Example: x, RelativeTolerance: -1},
		"1 of the 18 elements of Example are not finite": {Example: x.Clone().MulInPlace(spoilt([]int{3, 6}, 7, math.NaN()))},
		"1 of the 2 elements of Example are not finite":  {Example: spoilt([]int{2}, 1, math.Inf(-1))},
		"used after it was closed":                       {Example: closed},
		"ONNX has no elements of type":                   {Example: call1("aten::complex", x, x)},
	} {
		dir := t.TempDir()
		_, err := Export(filepath.Join(dir, "x.onnx"), forward(func(x *torch.Tensor) *torch.Tensor { return x.Neg() }), s)
		assert.ErrorContains(t, err, want)
		assertEmpty(t, dir)
	}
}

func TestOperatorNeedsOpset(t *testing.T) {
	torchtest.Need(t)
	f := forward(func(x *torch.Tensor) *torch.Tensor { return x.Add(call1("aten::bitwise_not", x.ToDType(torch.Int64))) })
	_, err := Export(filepath.Join(t.TempDir(), "x.onnx"), f, Signature{Example: torch.Randn([]int{3, 6}), Opset: 17})
	assert.ErrorContains(t, err, "bitwise operators on integers needs opset 18, and the file has 17: set Signature.Opset")
}

// A file that exists stays as it was until a new one is whole and checked.
func TestToleranceKeepsTheOldFile(t *testing.T) {
	torchtest.Need(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "x.onnx")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	f := forward(func(x *torch.Tensor) *torch.Tensor { return x.Exp().Softmax(1).Log() })
	s := Signature{Example: torch.Randn([]int{3, 6}), Tolerance: 1e-30}
	_, err := Export(path, f, s)
	require.ErrorContains(t, err, "more than the 1e-30 allowed")
	assert.Regexp(t, "batch_size [0-9]+", err.Error()) // the first that differs in a last bit: it depends on the processor
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "old", string(old))

	s.Tolerance = 0
	_, err = Export(path, f, s)
	require.NoError(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "no temporary file is left")
	_, err = Inspect(path)
	assert.NoError(t, err)

	_, err = Export(filepath.Join(dir, "absent", "x.onnx"), f, s)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// A network whose output differs between two calls fails the check.
func TestCheckFindsDifferences(t *testing.T) {
	torchtest.Need(t)
	calls := 0
	f := forward(func(x *torch.Tensor) *torch.Tensor {
		if calls++; calls > len(traceSizes) {
			return x.AddScalar(0.125) // once the traces are made
		}
		return x.AddScalar(0)
	})
	dir := t.TempDir()
	_, err := Export(filepath.Join(dir, "x.onnx"), f, Signature{Example: torch.Zeros([]int{2, 2})})
	assert.ErrorContains(t, err, "differ by 0.125")
	assertEmpty(t, dir)

	f = func(x *torch.Tensor) *torch.Tensor {
		if calls++; calls > 2*len(traceSizes)+1 {
			return x.MulScalar(math.NaN())
		}
		return x.MulScalar(1)
	}
	_, err = Export(filepath.Join(dir, "x.onnx"), f, Signature{Example: torch.Ones([]int{2, 2})})
	assert.ErrorContains(t, err, "differ by +Inf")
}

// spoilt returns ones, but for one element.
func spoilt(shape []int, at int, x float64) *torch.Tensor {
	t := torch.Ones(shape)
	t.Detach().Reshape(-1).Narrow(0, at, 1).FillInPlace(x)
	return t
}

// A network of which nothing can be compared is refused, and the error names what is
// not finite.
func TestNothingFinite(t *testing.T) {
	torchtest.Need(t)
	type tensor = *torch.Tensor
	example := torch.FromSlice([]float32{1, 2, 3, 4}, 2, 2)
	linear := func(at int, x float64) nn.Sequential {
		m := nn.NewSequential(nn.NewLinear(2, 2, torch.CPU), nn.NewLinear(2, 2, torch.CPU))
		torch.NoGrad(func() {
			for _, p := range nn.Parameters(m)[2:3] {
				p.Detach().Reshape(-1).Narrow(0, at, 1).FillInPlace(x)
			}
		})
		return m
	}
	for name, c := range map[string]struct {
		model nn.Module
		want  []string
	}{
		"one weight is NaN":                         {linear(3, math.NaN()), []string{"batch_size 2", "2 of the output's 4 elements are not a number (NaN), the first is element 1 of its shape [2 2]", "these weights are not finite: 1.weight (1 of 4 elements)"}},
		"a weight is infinite and others cancel it": {nn.NewSequential(linear(0, math.Inf(1)), forward(func(x tensor) tensor { return x.Sub(x) })), []string{"not a number", "0.1.weight (1 of 4 elements)"}},
		"computed":     {forward(func(x tensor) tensor { return x.Neg().Log() }), []string{"4 of the output's 4 elements", "all weights and inputs are finite"}},
		"all infinite": {forward(func(x tensor) tensor { return x.Abs().AddScalar(100).Exp() }), []string{"all of the output's 4 elements are infinite"}},
		"no elements":  {forward(func(x tensor) tensor { return x.Narrow(1, 0, 0) }), []string{"the output [2 0] has no elements"}},
	} {
		dir := t.TempDir()
		_, err := Export(filepath.Join(dir, "x.onnx"), c.model, Signature{Example: example})
		for _, want := range c.want {
			assert.ErrorContains(t, err, want, name)
		}
		assertEmpty(t, dir)
	}

	// An infinity in the output, or in a weight, is no fault by itself.
	mask := torch.FromSlice([]float32{0, float32(math.Inf(-1))})
	for name, f := range map[string]forward{
		"a mask":                 func(x tensor) tensor { return x.Add(mask).Softmax(1) },
		"an output":              func(x tensor) tensor { return x.Add(mask) },
		"inputs that were drawn": func(x tensor) tensor { return x.AddScalar(-0.5).Log() },
	} {
		s := Signature{Example: example}
		if strings.HasPrefix(name, "inputs") {
			s.Example = torch.Ones([]int{2, 2}) // inputs are standard normal then: some logarithms are NaN
		}
		check, err := Export(filepath.Join(t.TempDir(), "x.onnx"), f, s)
		require.NoError(t, err, name)
		assert.LessOrEqual(t, check.Max(), 1e-5, name)
	}
}

// Large outputs are compared relative to their size, as PyTorch does; small ones
// as before. What was allowed is stored.
func TestRelativeTolerance(t *testing.T) {
	torchtest.Need(t)
	type tensor = *torch.Tensor
	torch.ManualSeed(5)
	m := nn.NewSequential(nn.NewLinear(256, 256, torch.CPU), nn.NewLinear(256, 64, torch.CPU))
	scaled := func(by float64) forward {
		return func(x tensor) tensor { return m.Forward(x.MulScalar(by)) }
	}
	path := filepath.Join(t.TempDir(), "x.onnx")
	s := Signature{Example: torch.Randn([]int{3, 256})}
	check, err := Export(path, scaled(1e5), s)
	require.NoError(t, err)
	assert.Greater(t, check.Max(), 1e-5, "the largest difference is still told: sums of 256 terms of some 1e5 are rounded by 1e-2")
	assert.Equal(t, 1.3e-6, check.RelativeTolerance)
	info, err := Inspect(path)
	require.NoError(t, err)
	assert.Contains(t, info.Metadata[checkKey], `"relative_tolerance":0.0000013,"tolerance":0.00001`)

	s.Tolerance = 1e-5 // alone, as it was
	_, err = Export(path, scaled(1e5), s)
	assert.ErrorContains(t, err, "more than the 1e-05 allowed")

	// Wrong by a ten-thousandth.
	for _, by := range []float64{1, 1e5} {
		calls := 0
		f := forward(func(x tensor) tensor {
			if calls++; calls > len(traceSizes) {
				return scaled(by)(x).MulScalar(1.0001)
			}
			return scaled(by)(x).MulScalar(1)
		})
		_, err = Export(path, f, Signature{Example: s.Example})
		assert.ErrorContains(t, err, "differ by", by)
	}

	// Integers must be equal, also where float64 rounds them to the same number.
	calls := 0
	_, err = Export(path, forward(func(x tensor) tensor {
		if calls++; calls > len(traceSizes) {
			return x.Add(torch.FromSlice([]int64{2}))
		}
		return x.Add(torch.FromSlice([]int64{1}))
	}), Signature{Example: torch.FromSlice([]int64{1 << 60, 1 << 61}, 2, 1)})
	assert.ErrorContains(t, err, "differ by")
}

func TestNoNetwork(t *testing.T) {
	torchtest.Need(t)
	_, err := Export("x.onnx", nil, Signature{Example: torch.Ones([]int{1})})
	assert.ErrorContains(t, err, "the network is nil")
}
