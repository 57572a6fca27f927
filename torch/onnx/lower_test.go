// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
	"github.com/etude-ml/etude/torch/torchtest"
)

// forward is a network without state.
type forward func(x *torch.Tensor) *torch.Tensor

func (f forward) Forward(x *torch.Tensor) *torch.Tensor { return f(x) }

// one is a network of one input and output, as functions are that take several.
func one(f forward) func([]*torch.Tensor) []*torch.Tensor {
	return func(in []*torch.Tensor) []*torch.Tensor { return []*torch.Tensor{f(in[0])} }
}

func call1(name string, values ...any) *torch.Tensor { return torch.Call(name, values...).Tensor() }

// unary are networks of one operator that takes nothing but its input.
func unary(names ...string) map[string]forward {
	cases := map[string]forward{}
	for _, name := range names {
		cases[name] = func(x *torch.Tensor) *torch.Tensor { return call1("aten::"+name, x) }
	}
	return cases
}

// cases are small networks on [batch, 4, 6], one or more for each entry of the
// table. The constants that they use are made once, outside, as parameters are.
func cases() map[string]forward {
	weight, bias := torch.Randn([]int{5, 6}), torch.Randn([]int{5})
	square, vector := torch.Randn([]int{4, 4}), torch.Randn([]int{6})
	batchless := torch.Randn([]int{4, 6})
	index := torch.FromSlice([]int64{3, 0, 0})
	rows := func(x *torch.Tensor) *torch.Tensor { return x.Select(1, 2) } // [batch, 6]
	hann := torch.HannWindow(8)
	type t = *torch.Tensor
	all := map[string]forward{
		"linear 2d":         func(x t) t { return torch.Linear(rows(x), weight, bias) },
		"linear 2d no bias": func(x t) t { return torch.Linear(rows(x), weight, nil) },
		"linear 3d":         func(x t) t { return torch.Linear(x, weight, bias) },
		"linear 3d no bias": func(x t) t { return torch.Linear(x, weight, nil) },
		"matmul":            func(x t) t { return x.Matmul(x.Transpose(1, 2)) },
		"matmul transposed": func(x t) t { return rows(x).Matmul(weight.T()) },
		"matmul 3d t":       func(x t) t { return x.Matmul(weight.Transpose(0, 1)) },
		"matmul t twice":    func(x t) t { return x.Matmul(weight.T().T().T()) },
		"mm":                func(x t) t { return call1("aten::mm", rows(x), weight.T()) },
		"mv":                func(x t) t { return call1("aten::mv", rows(x), vector) },
		"bmm":               func(x t) t { return call1("aten::bmm", x, x.Transpose(-1, -2)) },
		"addmm": func(x t) t {
			return call1("aten::addmm", bias, rows(x), weight.T(), torch.Named{"alpha": 0.5, "beta": 2})
		},
		"folded product": func(x t) t { return x.Add(square.Matmul(batchless)) },

		"add":           func(x t) t { return x.Add(batchless) },
		"add alpha":     func(x t) t { return call1("aten::add.Tensor", x, batchless, torch.Named{"alpha": 0.25}) },
		"add scalar":    func(x t) t { return x.AddScalar(1.5) },
		"sub":           func(x t) t { return batchless.Sub(x) },
		"sub scalar":    func(x t) t { return call1("aten::sub.Scalar", x, 2, 3) },
		"rsub":          func(x t) t { return call1("aten::rsub.Tensor", x, batchless) },
		"rsub scalar":   func(x t) t { return call1("aten::rsub.Scalar", x, 2, 0.5) },
		"mul":           func(x t) t { return x.Mul(x) },
		"mul scalar":    func(x t) t { return x.MulScalar(-3) },
		"div":           func(x t) t { return x.Div(batchless.Abs().AddScalar(1)) },
		"div scalar":    func(x t) t { return x.DivScalar(7) },
		"add integers":  func(x t) t { return x.ToDType(torch.Int64).Add(x) },
		"div integers":  func(x t) t { return x.ToDType(torch.Int64).DivScalar(4) },
		"maximum":       func(x t) t { return x.Maximum(batchless) },
		"minimum":       func(x t) t { return x.Minimum(batchless) },
		"max other":     func(x t) t { return call1("aten::max.other", x, batchless) },
		"min other":     func(x t) t { return call1("aten::min.other", x, batchless) },
		"pow":           func(x t) t { return x.Pow(3) },
		"pow tensor":    func(x t) t { return call1("aten::pow.Tensor_Tensor", x.Abs(), batchless.Abs()) },
		"where":         func(x t) t { return torch.Where(x.Gt(batchless), x, batchless) },
		"masked fill":   func(x t) t { return call1("aten::masked_fill.Scalar", x, x.Lt(batchless), -1) },
		"logic":         func(x t) t { return call1("aten::logical_and", x.Gt(batchless), call1("aten::logical_not", x.Lt(x))) },
		"or":            func(x t) t { return call1("aten::logical_or", x.Gt(batchless), x.Lt(x)) },
		"compare float": func(x t) t { return call1("aten::ge.Scalar", x.ToDType(torch.Int64), 0.5) },

		"square":       func(x t) t { return x.Square() },
		"log":          func(x t) t { return x.Abs().AddScalar(0.1).Log() },
		"sqrt":         func(x t) t { return x.Abs().Sqrt() },
		"reciprocal":   func(x t) t { return call1("aten::reciprocal", x.Abs().AddScalar(0.5)) },
		"atanh":        func(x t) t { return x.Tanh().MulScalar(0.9).Atanh() },
		"tanh of ints": func(x t) t { return x.ToDType(torch.Int64).Tanh() },
		"gelu tanh":    func(x t) t { return call1("aten::gelu", x, torch.Named{"approximate": "tanh"}) },
		"leaky_relu":   func(x t) t { return call1("aten::leaky_relu", x, 0.2) },
		"masked nan":   func(x t) t { return x.MaskedFill(x.Lt(batchless), math.NaN()).IsNaN() },
		"clamp":        func(x t) t { return x.Clamp(-0.5, 0.25) },
		"clamp low":    func(x t) t { return call1("aten::clamp", x, -0.5) },
		"clamp_min":    func(x t) t { return call1("aten::clamp_min", x, 0.1) },
		"clamp_max":    func(x t) t { return call1("aten::clamp_max", x, 0.1) },
		"hardtanh":     func(x t) t { return call1("aten::hardtanh", x, -0.3, 0.4) },
		"softmax":      func(x t) t { return x.Softmax(-1) },
		"softmax 0":    func(x t) t { return x.Add(x.Select(0, 0).Select(0, 0).Select(0, 0).Softmax(0)) },
		"softmax 1":    func(x t) t { return x.Softmax(1) },
		"log_softmax":  func(x t) t { return x.LogSoftmax(2) },
		"_softmax":     func(x t) t { return call1("aten::_softmax", x, -1, false) },
		"_log_softmax": func(x t) t { return call1("aten::_log_softmax", x, -1, false) },
		"in place":     func(x t) t { return call1("aten::relu_", x.Neg().AddScalarInPlace(0.5)) },

		"reshape":         func(x t) t { return x.Reshape(x.Size(0), 24) },
		"reshape -1":      func(x t) t { return x.Reshape(-1, 3) },
		"reshape joins":   func(x t) t { return x.Reshape(x.Size(0)*4, 2, 3) },
		"reshape splits":  func(x t) t { return x.Reshape(-1, 6).Reshape(x.Size(0), 2, 2, 6) },
		"view":            func(x t) t { return x.View(x.Size(0), 2, 12) },
		"view_as":         func(x t) t { return call1("aten::view_as", x, x.Reshape(-1, 24)) },
		"reshape_as":      func(x t) t { return call1("aten::reshape_as", x, x.Reshape(-1, 24)) },
		"_unsafe_view":    func(x t) t { return call1("aten::_unsafe_view", x, []int{x.Size(0), 24}) },
		"flatten":         func(x t) t { return call1("aten::flatten.using_ints", x, 1) },
		"unflatten":       func(x t) t { return call1("aten::unflatten.int", x, 2, []int{2, -1}) },
		"batch moves":     func(x t) t { return x.Permute(1, 0, 2).Reshape(2, 2, x.Size(0), 6).Select(0, 1).Transpose(0, 1) },
		"permute":         func(x t) t { return x.Permute(0, 2, 1) },
		"t":               func(x t) t { return rows(x).T().T().AddScalar(0) },
		"squeeze":         func(x t) t { return call1("aten::squeeze", batchless.Unsqueeze(0)).Add(x) },
		"squeeze.dim":     func(x t) t { return x.Unsqueeze(2).Squeeze(2) },
		"squeeze nothing": func(x t) t { return x.Squeeze(1) },
		"squeeze.dims":    func(x t) t { return call1("aten::squeeze.dims", x.Unsqueeze(1).Unsqueeze(-1), []int{1, -1}) },
		"expand":          func(x t) t { return rows(x).Unsqueeze(1).Expand(-1, 3, -1) },
		"expand batch":    func(x t) t { return batchless.Tanh().Expand(x.Size(0), 4, 6).Mul(x) },
		"expand_as":       func(x t) t { return call1("aten::expand_as", batchless, x).Add(x) },
		"repeat":          func(x t) t { return call1("aten::repeat", x, []int{1, 2, 1}) },
		"repeat more":     func(x t) t { return call1("aten::repeat", x, []int{2, 1, 1, 1}).Select(0, 1) },
		"cat":             func(x t) t { return torch.Cat([]t{x, x.Neg(), batchless.Expand(x.Size(0), 4, 6)}, -1) },
		"stack":           func(x t) t { return torch.Stack([]t{x, x.Neg()}, 2) },

		"narrow":           func(x t) t { return x.Narrow(2, 1, 3) },
		"narrow batch":     func(x t) t { return torch.Cat([]t{x, x}, 0).Narrow(0, x.Size(0), x.Size(0)) },
		"narrow from end":  func(x t) t { return x.Narrow(2, -4, 3) },
		"slice":            func(x t) t { return call1("aten::slice.Tensor", x, 2, 1, -1, 2) },
		"slice all":        func(x t) t { return call1("aten::slice.Tensor", x, -1) },
		"select":           func(x t) t { return x.Select(1, -1) },
		"chunk":            func(x t) t { c := x.Chunk(3, 2); return c[0].Mul(c[2]) },
		"chunk one":        func(x t) t { return x.Chunk(1, 2)[0].Neg() },
		"split":            func(x t) t { c := x.Split(4, 2); return torch.Cat([]t{c[1], c[0]}, 2) },
		"split.sizes":      func(x t) t { return torch.Call("aten::split.sizes", x, []int{1, 3}, 1).Tensors()[1] },
		"split_with_sizes": func(x t) t { return torch.Call("aten::split_with_sizes", x, []int{1, 3}, 1).Tensors()[1] },
		"unbind":           func(x t) t { return torch.Call("aten::unbind.int", x, 1).Tensors()[3] },
		"index_select":     func(x t) t { return x.IndexSelect(1, index) },
		"embedding":        func(x t) t { return torch.Embedding(weight, x.Abs().ToDType(torch.Int64), -1) },
		"flip":             func(x t) t { return x.Flip(1, -1) },

		"stft": func(x t) t {
			return call1("aten::view_as_real", x.Reshape(-1, 24).STFT(torch.STFTOptions{Size: 8, Hop: 3, Length: 8, Window: hann}))
		},
		"stft of a vector": func(x t) t {
			y := x.Reshape(-1).STFT(torch.STFTOptions{Size: 8, Hop: 24, Length: 5, Window: hann.Narrow(0, 0, 5)})
			return y.Real().Sub(y.Imag()).Square().Add(y.Abs())
		},
		"stft plain": func(x t) t {
			return call1("aten::stft", x.Reshape(-1, 24), 8, torch.Named{"return_complex": true, "onesided": false}).Abs()
		},

		"mean":        func(x t) t { return x.Sub(x.Mean(1).Unsqueeze(1)) },
		"mean keep":   func(x t) t { return call1("aten::mean.dim", x, []int{-1}, true) },
		"mean of all": func(x t) t { return x.MulScalar(0).Add(batchless.Mul(x.Select(0, 0)).Mean()) },
		"sum":         func(x t) t { return x.Sum(1, 2) },
		"sum of all":  func(x t) t { return x.Add(x.MulScalar(0).Sum()) },
		"sum bools":   func(x t) t { return x.Gt(batchless).Sum(1) },
		"amax":        func(x t) t { return call1("aten::amax", x, []int{1}) },
		"amin":        func(x t) t { return call1("aten::amin", x, []int{1}, true) },
		"argmax":      func(x t) t { return x.Argmax(-1) },

		"zeros":      func(x t) t { return x.Add(torch.Zeros([]int{x.Size(0), 1, 6})) },
		"zeros_like": func(x t) t { return x.Add(torch.ZerosLike(x)) },
		"new_zeros":  func(x t) t { return torch.Cat([]t{x, call1("aten::new_zeros", x, []int{x.Size(0), 2, 6})}, 1) },
		"zero_":      func(x t) t { return x.Add(x.Neg().ZeroInPlace()) },
		"ones": func(x t) t {
			return torch.Cat([]t{x, torch.Ones([]int{2 * x.Size(0), 4, 6})}, 0).Narrow(0, 1, x.Size(0))
		},
		"ones_like": func(x t) t { return x.Add(torch.OnesLike(x)) },
		"new_ones":  func(x t) t { return x.Add(call1("aten::new_ones", x, []int{6})) },
		"full":      func(x t) t { return x.Add(torch.Full([]int{x.Size(0) + 2, 4, 6}, 2.5).Narrow(0, 2, x.Size(0))) },
		"full_like": func(x t) t { return x.Add(call1("aten::full_like", x, 3)) },
		"new_full":  func(x t) t { return x.Add(call1("aten::new_full", x, []int{4, 1}, 3)) },
		"fill_":     func(x t) t { return x.Mul(x.Clone().FillInPlace(2)) },
		"copy_":     func(x t) t { return torch.Zeros([]int{x.Size(0), 4, 6}).CopyInPlace(x.Neg()) },
		"arange":    func(x t) t { return x.Mul(torch.Arange(0, 6, 1)) },

		"identities": func(x t) t {
			x = call1("aten::alias", x.Detach().Clone().Contiguous())
			x = call1("aten::feature_dropout", torch.Dropout(x, 0.5, false), 0.5, false)
			return call1("aten::type_as", call1("aten::to.other", x, batchless), batchless).To(torch.CPU)
		},
		"casts": func(x t) t {
			x = call1("aten::to.dtype_layout", x.MulScalar(10).ToDType(torch.Int32), torch.Named{"dtype": torch.Float64})
			return call1("aten::_to_copy", x, torch.Named{"dtype": torch.Float32})
		},
		"cast of a constant": func(x t) t { return x.Mul(batchless.ToDType(torch.Float64)) },
		"layer_norm":         func(x t) t { return torch.LayerNorm(x, []int{6}, vector, batchless.Select(0, 1), 1e-5) },
		"layer_norm plain":   func(x t) t { return torch.LayerNorm(x, []int{4, 6}, nil, nil, 1e-3) },
		"lstm": func(x t) t {
			return lstm(x, 6, 5, 1, torch.LSTMOptions{Bias: true, BatchFirst: true})
		},
	}
	for _, op := range []string{"eq", "gt", "ge", "lt", "le"} {
		all[op] = func(x t) t { return call1("aten::"+op+".Tensor", x, batchless) }
		all[op+" scalar"] = func(x t) t { return call1("aten::"+op+".Scalar", x, 0) }
	}
	for name, f := range unary("tanh", "sigmoid", "relu", "neg", "abs", "exp", "erf", "sin", "cos", "floor", "ceil", "silu", "gelu", "elu") {
		all[name] = f
	}
	return all
}

// lstm runs x through an LSTM with weights that are the same in every call.
func lstm(x *torch.Tensor, in, hidden, layers int, o torch.LSTMOptions) *torch.Tensor {
	y, _, _ := lstmFrom(x, nil, in, hidden, layers, o)
	return y
}

var lstmParams = map[string][]*torch.Tensor{}

func lstmFrom(x, h0 *torch.Tensor, in, hidden, layers int, o torch.LSTMOptions) (y, h, c *torch.Tensor) {
	o.Layers = layers
	directions := 1
	if o.Bidirectional {
		directions = 2
	}
	key := fmt.Sprint(in, hidden, layers, o)
	if lstmParams[key] == nil {
		torch.Unscoped(func() {
			for l := range layers * directions {
				width := in
				if l >= directions {
					width = hidden * directions
				}
				for _, shape := range [][]int{{4 * hidden, width}, {4 * hidden, hidden}, {4 * hidden}, {4 * hidden}} {
					if len(shape) == 2 || o.Bias {
						lstmParams[key] = append(lstmParams[key], torch.Randn(shape).MulScalar(0.5))
					}
				}
			}
		})
	}
	batch := x.Size(1)
	if o.BatchFirst {
		batch = x.Size(0)
	}
	zeros := torch.Zeros([]int{layers * directions, batch, hidden})
	if h0 == nil {
		h0 = zeros
	}
	return torch.LSTM(x, h0, zeros, lstmParams[key], o)
}

// inPlace returns the name of the in-place form of a row's operator.
func inPlace(row string) string {
	base, overload, _ := strings.Cut(row, ".")
	return strings.TrimSuffix(base+"_."+overload, ".")
}

// aliasCases are networks of the other names of operators, with arguments that fit.
func aliasCases() map[string]forward {
	type t = *torch.Tensor
	m := torch.Rand([]int{4, 6}).AddScalar(0.1)
	square := torch.Randn([]int{6, 6})
	mode := torch.Named{"rounding_mode": "floor"}
	arguments := []func(x t) []any{
		func(x t) []any { return []any{x} }, func(x t) []any { return []any{x, m} }, func(x t) []any { return []any{x, 0.5} },
		func(x t) []any { return []any{x, square} }, func(x t) []any { return []any{[]t{x, x}, 1} }, func(x t) []any { return []any{x, []int{1}} },
		func(x t) []any { return []any{x, []int{1}, []int{2}} }, func(x t) []any { return []any{x, 1, 2} },
		func(x t) []any { return []any{x, m, mode} }, func(x t) []any { return []any{x, 0.5, mode} },
	}
	all := map[string]forward{}
	for row := range table {
		base, _, _ := strings.Cut(strings.TrimPrefix(row, "aten::"), ".")
		if !slices.ContainsFunc(slices.Collect(maps.Values(aliases)), func(s string) bool { return slices.Contains(strings.Fields(s), base) }) {
			continue
		}
		for _, a := range arguments {
			f := forward(func(x t) t {
				x = x.Sigmoid()
				if strings.HasSuffix(base, "cosh") {
					x = x.AddScalar(1.5)
				}
				return call1(row, a(x)...)
			})
			if torch.Try(func() { f(torch.Rand([]int{2, 4, 6})) }) == nil {
				all[row] = f
				break
			}
		}
	}
	return all
}

// TestTable writes a network for each entry of the table, in every opset or in the oldest,
// the newest and 18, where most changed their form. Python's onnx accepts all files, and ONNX
// Runtime agrees with libtorch at each batch size, to 1e-5. It runs the same nodes only once:
// that another opset reads them in another way is for the full test, which
// $ETUDE_TEST_ONNX_OPSETS asks for.
func TestTable(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and nothing in it is concurrent")
	}
	torchtest.Need(t)
	torch.ManualSeed(1)
	dir := t.TempDir()
	seen := map[string]bool{}
	var paths []string
	example := torch.Randn([]int{3, 4, 6})
	all, more := cases(), operatorCases()
	maps.Copy(more, aliasCases())
	maps.Copy(all, more)
	full, compared := os.Getenv("ETUDE_TEST_ONNX_OPSETS") != "", 0
	for name, f := range all {
		err := torch.Try(func() {
			for _, n := range torch.Trace(one(f), example).Nodes {
				seen[row(&n)] = true
			}
		})
		if !assert.NoError(t, err, name) {
			continue
		}
		opsets := []int{13, 14, 15, 16, 17, 18, 19, 20, 21}
		if more[name] != nil && !full {
			opsets = []int{13, 18, 21} // the default is in TestCalls
		}
		ran := map[string]bool{}
		for _, opset := range opsets {
			e, err := newExporter(f, one(f), Signature{Example: example, Opset: opset})
			require.NoError(t, err)
			file, err := e.build()
			if err != nil && opset < maxOpset && strings.Contains(err.Error(), "opset") {
				continue // the error says that a later one is needed
			}
			if !assert.NoError(t, err, name) {
				continue
			}
			data := file.Marshal()
			nodes := string((&pb.Model{Graph: file.Graph}).Marshal())
			if full || !ran[nodes] {
				ran[nodes] = true
				check, err := e.compare(data)
				if assert.NoError(t, err, "%s, opset %d", name, opset) {
					assert.Len(t, check.MaxAbsDiff, 3)
					compared++
				}
			}
			paths = append(paths, filepath.Join(dir, fmt.Sprintf("%s %d.onnx", name, opset)))
			require.NoError(t, os.WriteFile(paths[len(paths)-1], data, 0o600))
		}
	}
	for _, op := range slices.Concat(slices.Collect(maps.Keys(table)), slices.Collect(maps.Keys(kept))) {
		if torch.Try(func() { torch.SchemaOf(op) }) != nil && torch.Try(func() { torch.SchemaOf(inPlace(op)) }) != nil {
			continue // another name of an operator that has the overload under one name only
		}
		assert.True(t, seen[op] || op == "aten::lstm.input", "no network tests %s", op)
	}
	slices.Sort(paths)
	torchtest.RunPython(t, "testdata/check.py", paths...)
	t.Logf("%d networks in %d files, %d of which ran", len(all), len(paths), compared)
}
