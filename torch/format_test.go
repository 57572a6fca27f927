// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Tensors print as in PyTorch, to the last character.
func TestPrintsAsPyTorch(t *testing.T) {
	torchtest.NoLeaks(t)
	var file struct {
		Cases []json.RawMessage
	}
	text, err := os.ReadFile("testdata/prints.json") // made by gen_prints.py
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &file))
	require.Greater(t, len(file.Cases), 250)
	for _, raw := range file.Cases {
		var c struct {
			Shape       []int
			Values      []any
			Ramp        float64
			DType, Text string
		}
		require.NoError(t, json.Unmarshal(raw, &[]any{&c.Shape, &c.Values, &c.Ramp, &c.DType, &c.Text}))
		torch.Scope(func() {
			n := 1
			for _, s := range c.Shape {
				n *= s
			}
			xs := make([]float64, n)
			for i := range xs {
				switch v := c.Values[i%len(c.Values)].(type) {
				case float64:
					xs[i] = v
				case string:
					xs[i], err = strconv.ParseFloat(v, 64)
					require.NoError(t, err)
				}
				xs[i] += float64(i) * c.Ramp
			}
			d, err := torch.ParseDType(c.DType)
			require.NoError(t, err)
			x := torch.FromSlice(xs, c.Shape...)
			if d.IsComplex() {
				slices.Reverse(xs)
				x = torch.Call("aten::complex", x, torch.FromSlice(xs, c.Shape...)).Tensor()
			}
			assert.Equal(t, c.Text, x.ToDType(d).String(), "%v %v %v %s", c.Shape, c.Values, c.Ramp, c.DType)
		})
	}
}

func TestPrintsWhatIsNotInTheGoldenFile(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.FromSlice([]float32{1, 2}).SetRequiresGrad(true)
		assert.Equal(t, "tensor([1., 2.], requires_grad=True)", x.String())
		assert.Equal(t, "tensor([2., 3.], grad_fn=<AddBackward1>)", x.AddScalar(1).String(), "the name in libtorch of add.Scalar")
		assert.Equal(t, "tensor(..., device='meta', size=(2, 3), dtype=torch.int64)",
			torch.Call("aten::zeros", []int{2, 3}, torch.Named{"device": "meta", "dtype": torch.Int64}).Tensor().String())
		assert.Equal(t, "tensor([0., 0.])", torch.Call("aten::_efficientzerotensor", []int{2}).Tensor().String())
		assert.Equal(t, "tensor([-1., -2.])", torch.Call("aten::_neg_view", x.Detach()).Tensor().String())
		assert.Equal(t, "tensor([0., 0., 0.,  ..., 0., 0., 0.])", torch.Zeros([]int{1}).Expand(1<<50).String(), "the corners alone are read")
		assert.Equal(t, "tensor(zero value)", new(torch.Tensor).String())
		assert.Equal(t, "<nil>", (*torch.Tensor)(nil).String())
	})
}
