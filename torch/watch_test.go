// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Watch reports the operators that Trace records, with their values at the time of the
// call, those of lists and in place too; and gradients are as without it.
func TestWatch(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.FromSlice([]float32{1, 4, 9, 16}).SetRequiresGrad(true)
		f := func() *torch.Tensor {
			y := x.Sqrt()
			halves := torch.Call("aten::split.Tensor", y, 2).Tensors()
			return halves[1].Clone().AddScalarInPlace(1).Mul(halves[0]).Sum()
		}
		var seen, traced []string
		torch.Watch(func() { f().Backward() }, func(c torch.WatchedCall) {
			var values []string
			assert.NotEmpty(t, c.Inputs)
			for _, r := range c.Results {
				values = append(values, fmt.Sprint(r.Detach().Float32s()))
			}
			seen = append(seen, fmt.Sprint(c.Op, values))
			assert.Contains(t, c.Caller, "watch_test.go:")
		})
		for _, n := range torch.Trace(func([]*torch.Tensor) []*torch.Tensor { return []*torch.Tensor{f()} }).Nodes {
			traced = append(traced, n.Op)
		}
		assert.Equal(t, []string{
			"aten::sqrt[[1 2 3 4]]", "aten::split.Tensor[[1 2] [3 4]]", "aten::clone[[3 4]]", "aten::add_.Scalar[[4 5]]",
			"aten::mul.Tensor[[4 10]]", "aten::sum[[14]]",
		}, seen[:6])
		assert.Len(t, traced, 6)
		assert.InDeltaSlice(t, []float32{2, 1.25, 1. / 6, 0.25}, x.Grad().Float32s(), 1e-6)
	})
}
