// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"errors"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestCallConverts(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
		floats := func(r torch.Result) []float32 { return r.Tensor().Float32s() }

		assert.Equal(t, []float32{4, 5, 6, 1, 2, 3}, floats(torch.Call("aten::roll", x, []int{1}, []int{0})))
		assert.Equal(t, []float32{4, 5, 6, 1, 2, 3}, floats(torch.Call("roll", x, 1, []int64{0})), "one int for int[1], no namespace")
		assert.Equal(t, []float32{3, 6, 9, 12, 15, 18}, floats(torch.Call("aten::add.Tensor", x, x, torch.Named{"alpha": 2})))
		assert.Equal(t, []float32{2, 3, 4, 5, 6, 7}, floats(torch.Call("aten::add.Scalar", x, int8(1))))
		assert.Equal(t, []float32{1, 3, 5}, floats(torch.Call("aten::arange.start_step", 1, 6, 2.0, torch.Named{"dtype": torch.Float32})))
		assert.Equal(t, torch.Float64, torch.Call("aten::zeros", []int{2}, torch.Named{"dtype": torch.Float64, "device": "cpu"}).Tensor().DType())
		assert.Equal(t, torch.CPU, torch.Call("aten::zeros", []int{2}, torch.Named{"device": torch.CPU}).Tensor().Device())
		assert.Equal(t, []float32{2.5, 2.5, 3.5, 3.5}, floats(torch.Call("aten::upsample_nearest1d",
			torch.FromSlice([]float32{2.5, 3.5}, 1, 1, 2), []int{4}, nil)), "float? omitted by nil")
		assert.Equal(t, []float32{0.5, 1}, floats(torch.Call("aten::pow.Tensor_Scalar", torch.FromSlice([]float32{0.25, 1}), 0.5)))

		parts := torch.Call("aten::split_with_sizes", x, []int{1, 2}, torch.Named{"dim": 1}).Tensors()
		require.Len(t, parts, 2)
		assert.Equal(t, []float32{2, 3, 5, 6}, parts[1].Float32s())

		top := torch.Call("aten::topk", x, 1)
		assert.Equal(t, 2, top.Len())
		assert.Equal(t, []int64{2, 2}, torch.ToSlice[int64](top.TensorAt(1)))

		// Tensor?[]: rows 1, 0 of every column.
		picked := torch.Call("aten::index.Tensor", x, []*torch.Tensor{nil, torch.FromSlice([]int64{1, 0})})
		assert.Equal(t, []float32{2, 1, 5, 4}, floats(picked))

		assert.Equal(t, []float32{3, 9}, floats(torch.Call("aten::einsum", "ij,kj->i",
			[]*torch.Tensor{x.Narrow(1, 0, 2), torch.Ones([]int{1, 2})})))

		each := torch.Call("aten::_foreach_add.ScalarList", []*torch.Tensor{x, x}, []float64{1, 10}).Tensors()
		assert.Equal(t, 11.0, each[1].Min().Item())
		assert.Equal(t, []float32{1, 2}, floats(torch.Call("aten::clamp", torch.FromSlice([]float32{0, 2}), 1, nil)))
		assert.True(t, torch.Call("aten::is_nonzero", torch.Scalar[float32](1)).Bool())
		assert.Equal(t, 3, torch.Call("aten::size.int", x, 1).Int())
		assert.InDelta(t, 2.5, torch.Call("aten::item", torch.Scalar[float64](2.5)).Float(), 0)
	})
}

func TestCallRefuses(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.Ones([]int{2, 3})
		for want, f := range map[string]func(){
			`roll: argument "shifts": expected int[1], given string`:                  func() { torch.Call("aten::roll", x, "1") },
			`roll: takes 3 positional arguments, got 4`:                               func() { torch.Call("aten::roll", x, 1, 0, 2) },
			`roll: argument "shifts" of type int[1] is missing`:                       func() { torch.Call("aten::roll", x) },
			`roll: argument "self": expected Tensor, given nil`:                       func() { torch.Call("aten::roll", nil, 1) },
			`add.Tensor: takes 2 positional arguments, got 3; keyword-only ones go`:   func() { torch.Call("aten::add.Tensor", x, x, 1) },
			`add.Tensor: has no argument "beta"`:                                      func() { torch.Call("aten::add.Tensor", x, x, torch.Named{"beta": 1}) },
			`add.Tensor: argument "other" is given twice`:                             func() { torch.Call("aten::add.Tensor", x, x, torch.Named{"other": x}) },
			`add: say which overload: aten::add.`:                                     func() { torch.Call("aten::add", x, x) },
			`add.Nothing: say which overload: aten::add.`:                             func() { torch.Call("aten::add.Nothing", x, x) },
			`nothing: libtorch 2.`:                                                    func() { torch.Call("aten::nothing", x) },
			`zeros: argument "dtype": expected ScalarType?, given int`:                func() { torch.Call("aten::zeros", []int{2}, torch.Named{"dtype": 6}) },
			`zeros: argument "size": expected int[], given torch.DType`:               func() { torch.Call("aten::zeros", torch.Float32) },
			`cat: argument "tensors": tensor 1 is nil`:                                func() { torch.Call("aten::cat", []*torch.Tensor{x, nil}) },
			`softmax.int: argument "dim": expected int, given float64`:                func() { torch.Call("aten::softmax.int", x, 1.5) },
			`dropout: argument "train": expected bool, given int`:                     func() { torch.Call("aten::dropout", x, 0.5, 1) },
			`matmul: [2 3] × [2 3]: `:                                                 func() { x.Matmul(x) },
			`argument "other" is a nil tensor`:                                        func() { x.Add(nil) },
			`randn.generator: argument "generator": type Generator? is not supported`: func() { torch.Call("aten::randn.generator", []int{2}, torch.Named{"generator": 3}) },
			`zeros: there is no device with the number 300`:                           func() { torch.Call("aten::zeros", []int{2}, torch.Named{"device": "meta:300"}) },
			`topk: there is no result 2 of 2`:                                         func() { torch.Call("aten::topk", x, 1).At(2) },
			`mean: [2 3]: Dimension out of range`:                                     func() { torch.Call("aten::mean.dim", x, []int{5}) },
		} {
			err := torch.Try(f)
			var e *torch.Error
			if assert.ErrorAs(t, err, &e, want) {
				assert.Contains(t, err.Error(), want)
				assert.NotEmpty(t, e.Message)
			}
		}
	})
}

func TestTryTurnsOnlyItsOwnPanics(t *testing.T) {
	assert.NoError(t, torch.Try(func() {}))
	mine := errors.New("mine")
	assert.PanicsWithValue(t, mine, func() { _ = torch.Try(func() { panic(mine) }) })
	err := torch.Try(func() { panic(&torch.Error{Op: "aten::matmul", Shapes: [][]int{{64, 128}, {256, 64}}, Message: "no"}) })
	assert.EqualError(t, err, "torch: matmul: [64 128] × [256 64]: no")
}

func TestTrace(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x, w := torch.Ones([]int{2, 3}), torch.Ones([]int{4, 3})
		assert.False(t, torch.Tracing())
		g := torch.Trace(func(in []*torch.Tensor) []*torch.Tensor {
			assert.True(t, torch.Tracing())
			var y *torch.Tensor
			torch.Scope(func() { y = torch.Linear(in[0], w, nil).Keep() })
			y.AddScalarInPlace(1)
			return []*torch.Tensor{y.Softmax(-1)}
		}, x)
		require.Len(t, g.Nodes, 3)
		assert.Equal(t, []torch.ValueID{0}, g.Inputs)
		assert.Equal(t, "aten::linear", g.Nodes[0].Op)
		assert.Equal(t, g.Inputs[0], g.Nodes[0].Args["input"])
		assert.Nil(t, g.Nodes[0].Args["bias"])
		assert.Equal(t, "aten::add_", g.Nodes[1].Op)
		assert.Equal(t, g.Nodes[0].Results[0], g.Nodes[1].Args["self"])
		assert.Equal(t, 1, g.Nodes[1].Args["alpha"], "a default")
		assert.Equal(t, g.Nodes[1].Results[0], g.Nodes[2].Args["self"], "in place makes a new value")
		assert.NotEqual(t, g.Nodes[0].Results[0], g.Nodes[1].Results[0])
		assert.Equal(t, -1, g.Nodes[2].Args["dim"])
		assert.Equal(t, g.Nodes[2].Results, g.Outputs)
		require.Len(t, g.Captured, 1)
		for id, c := range g.Captured {
			assert.Equal(t, g.Nodes[0].Args["weight"], id)
			assert.Equal(t, w.Storage().ID, c.Storage().ID)
			c.Close()
		}
	})
}

func TestDict(t *testing.T) {
	d := torch.NewDict("b", 1, "a", "x", 3, 2.5)
	d.Set("b", 2)
	assert.Equal(t, []any{"b", "a", 3}, d.Keys())
	n, err := torch.Value[int](d, "b")
	assert.NoError(t, err)
	assert.Equal(t, 2, n)
	_, err = torch.Value[int](d, "a")
	assert.ErrorContains(t, err, `key "a" holds string, not int`)
	_, err = torch.Value[int](d, "c")
	assert.ErrorContains(t, err, `key "c" is missing`)
	d.Set("none", nil)
	none, err := torch.Value[any](d, "none")
	assert.NoError(t, err)
	assert.Nil(t, none)
	_, err = torch.Value[int](d, "none")
	assert.ErrorContains(t, err, `key "none" holds <nil>, not int`)
	d.Delete("none")
	d.Delete("a")
	assert.Equal(t, []any{"b", 3}, d.Keys())
}

// Keys of Python that Go cannot compare differ by type and content.
func TestDictKeys(t *testing.T) {
	keys := []any{nil, torch.Tuple{"a", 1}, torch.Tuple{"a", "1"}, []byte("a"), "a", torch.Float32, torch.CPU, big.NewInt(7), 7, torch.Tuple{}, []byte{}}
	d := torch.NewDict()
	for i, k := range keys {
		d.Set(k, i)
	}
	assert.Equal(t, keys, d.Keys())
	for i, k := range []any{nil, torch.Tuple{"a", 1}, torch.Tuple{"a", "1"}, []byte("a"), "a", torch.Float32, torch.CPU, big.NewInt(7), 7, torch.Tuple{}, []byte{}} {
		v, ok := d.Get(k)
		assert.True(t, ok && v == i, "%v", k)
	}
	d.Delete(torch.Tuple{"a", 1})
	assert.Len(t, d.Keys(), len(keys)-1)
	for _, k := range []any{int32(7), []any{1}, torch.NewDict()} {
		_, ok := d.Get(k)
		assert.False(t, ok)
		assert.ErrorContains(t, torch.Try(func() { d.Set(k, 1) }), "a key of type")
	}
}
