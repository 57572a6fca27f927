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

func TestIndexRefuses(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.Zeros([]int{2, 3})
		for want, f := range map[string]func(){
			"3 indices for a tensor of 2 dimensions": func() { x.Index(0, 1, 2) },
			"expected an int, a torch.Slice":         func() { x.Index("0") },
			"a bound is an int or nil, given string": func() { x.Index(torch.Slice("0")) },
			"takes start, end and step, got 4":       func() { torch.Slice(1, 2, 3, 4) },
			"slice step must be positive":            func() { x.Index(torch.Slice(nil, nil, -1)) },
			"out of range":                           func() { x.Index(2) },
			"no mode \"bilinear\" for a tensor of":   func() { x.Interpolate(torch.InterpolateOptions{Mode: "bilinear", Size: []int{4}}) },
			"set either Size or Scale":               func() { x.Unsqueeze(0).Interpolate(torch.InterpolateOptions{Mode: "nearest"}) },
			"mode \"nearest\" does not have AlignCor": func() {
				x.Unsqueeze(0).Interpolate(torch.InterpolateOptions{Mode: "nearest", Size: []int{4}, AlignCorners: true})
			},
			"no mode \"cubic\" with padding \"zeros\"": func() { x.GridSample(x, "cubic", "zeros", false) },
		} {
			assert.ErrorContains(t, torch.Try(f), want)
		}
	})
}

func TestIndexOfNothingIsAView(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.Zeros([]int{2, 3})
		view := x.Index()
		view.FillInPlace(1)
		view.Close()
		assert.Equal(t, float64(6), x.Sum().Item(), "the view shares the elements of x, which stays open")
	})
}

func ExampleTensor_Index() {
	x := torch.Arange(0, 12, 1).Reshape(3, 4)
	fmt.Println(x.Index(-1))
	fmt.Println(x.Index(torch.Ellipsis, torch.Slice(nil, nil, 2)))
	fmt.Println(x.Index(torch.FromSlice([]int64{2, 0}), torch.Slice(1, 3)))
	fmt.Println(x.IndexPutInPlace(0, x.GtScalar(3)))
	// Output:
	// tensor([ 8.,  9., 10., 11.])
	// tensor([[ 0.,  2.],
	//         [ 4.,  6.],
	//         [ 8., 10.]])
	// tensor([[ 9., 10.],
	//         [ 1.,  2.]])
	// tensor([[0., 1., 2., 3.],
	//         [0., 0., 0., 0.],
	//         [0., 0., 0., 0.]])
}
