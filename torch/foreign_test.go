// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Inside Foreign libtorch itself says what is called. That must be what this package records
// where it makes the calls, with every kind of argument and result: lists, numbers in the place
// of tensors, types, devices, texts, None, in place, operators that call others.
func TestForeignIsTracedAsOwnCallsAre(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		w, b := torch.Ones([]int{4, 3}), torch.Ones([]int{4})
		places, inside := torch.FromSlice([]int64{3, 2, 1, 0}), 0
		graph := func(call func(func())) *torch.Graph {
			g := torch.Trace(func(in []*torch.Tensor) []*torch.Tensor {
				var y *torch.Tensor
				call(func() {
					inside++
					assert.True(t, torch.Tracing())
					y = torch.Linear(in[0], w, nil)
					torch.Scope(func() { y = y.AddScalarInPlace(1).Add(b).Keep() })
					torch.Foreign(func() { y = y.Softmax(-1) })
					parts := torch.Call("aten::split_with_sizes", y, []int{1, 3}, 1).Tensors()
					y = torch.Call("aten::cat", []*torch.Tensor{parts[1], parts[0]}, 1).Tensor()
					y = torch.Call("aten::mul.Tensor", y, 2.5).Tensor()
					y = torch.Call("aten::index.Tensor", y, []*torch.Tensor{nil, places}).Tensor()
					y = torch.Call("aten::gelu", y, torch.Named{"approximate": "tanh"}).Tensor()
					y = torch.Call("aten::sum.dim_IntList", y, nil, torch.Named{"dtype": torch.Float64}).Tensor()
					y = y.Add(torch.Call("aten::full", []int{2}, 3.5, torch.Named{"device": torch.CPU}).Tensor())
				})
				return []*torch.Tensor{y.Neg()}
			}, torch.Ones([]int{2, 3}))
			g.Close()
			g.Captured = nil
			for i := range g.Nodes {
				g.Nodes[i].Caller = ""
			}
			return g
		}
		want, got := graph(func(f func()) { f() }), graph(torch.Foreign)
		require.Len(t, want.Nodes, 13)
		assert.Equal(t, 2, inside)
		// What differs are defaults that only libtorch fills in.
		for _, n := range slices.Concat(want.Nodes, got.Nodes) {
			for k, v := range n.Args {
				if v == nil || v == false {
					delete(n.Args, k)
				}
			}
		}
		assert.Equal(t, want, got)
	})
}

func TestForeignIsWatched(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.Ones([]int{2})
		var seen []string
		torch.Watch(func() {
			torch.Foreign(func() {
				y := x.Sqrt()
				torch.Call("aten::_foreach_add_.Scalar", []*torch.Tensor{y}, 1.5) // it returns nothing
				y.Sum()
			})
			x.Exp()
		}, func(c torch.WatchedCall) {
			x.Detach() // is not seen
			seen = append(seen, fmt.Sprint(c.Op, len(c.Inputs), c.Results[0].Detach().Float32s()))
		})
		assert.Equal(t, []string{
			"aten::sqrt1 [2.5 2.5]", "aten::_foreach_add_.Scalar1 [2.5 2.5]", "aten::sum1 [5]", "aten::exp1 [2.7182817 2.7182817]",
		}, seen, "values are those at the end of Foreign")
	})
}

// What cannot be told of is an error, never a gap.
func TestForeignRefuses(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.Ones([]int{2})
		assert.PanicsWithError(t, "torch: Foreign: aten::_foreach_add.ScalarList has a GenericList, which the bridge does not carry", func() {
			torch.Trace(func(in []*torch.Tensor) []*torch.Tensor {
				torch.Foreign(func() { torch.Call("aten::_foreach_add.ScalarList", in, []float64{2}) })
				return in
			}, x)
		})
	})
}

// A panic in the function reaches the caller; afterwards calls are traced as before.
func TestForeignEndsWithAPanic(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.Ones([]int{2})
		g := torch.Trace(func(in []*torch.Tensor) []*torch.Tensor {
			err := torch.Try(func() {
				torch.Foreign(func() { in[0].Exp().Matmul(torch.Ones([]int{3})) })
			})
			assert.ErrorContains(t, err, "matmul")
			return []*torch.Tensor{in[0].Log()}
		}, x)
		require.Len(t, g.Nodes, 1)
		assert.Equal(t, "aten::log", g.Nodes[0].Op)
	})
}

// The tensor that other code gets is the same one, with its gradient, and lives as long as
// either side holds it.
func TestATen(t *testing.T) {
	torch.Scope(func() {
		x := torch.Zeros([]int{2}).SetRequiresGrad(true)
		p := x.ATen() // nobody deletes it here
		y := torch.FromATen(p)
		assert.NotSame(t, x, y)
		torch.NoGrad(func() { y.FillInPlace(3) })
		y.Sum().Backward()
		x.Close()
		assert.Equal(t, []float32{3, 3}, y.Float32s())
		assert.Equal(t, []float32{1, 1}, torch.FromATen(p).Grad().Float32s())
		none := torch.FromATen(torch.FromSlice([]int64{}, 0, 3).ATen())
		assert.Equal(t, fmt.Sprint(torch.Int64, []int{0, 3}), fmt.Sprint(none.DType(), none.Shape()))
	})
	assert.PanicsWithError(t, "torch: FromATen: the pointer is nil", func() { torch.FromATen(nil) })
}
