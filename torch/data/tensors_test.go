// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// ten has samples whose input is (i, -i) and whose target is 10·i.
func ten() *Samples {
	s := &Samples{}
	for i := range 10 {
		f := float32(i)
		s.Append(string(rune('a'+i)), string(rune('a'+i/2)), []float32{f, -f}, []float32{10 * f})
	}
	return s
}

func TestBatches(t *testing.T) {
	torchtest.NoLeaks(t)
	set := ten().Tensors(torch.CPU)
	defer set.Close()
	assert.Equal(t, []int{10, 2}, set.X.Shape())
	assert.Equal(t, []int{10, 1}, set.Y.Shape())
	assert.Equal(t, 10, set.Len())
	assert.Equal(t, ten().Fingerprint(), set.Fingerprint)

	order := []int{9, 0, 8, 1, 7, 2, 6, 3, 5, 4}
	for _, order := range [][]int{nil, order, order[4:], {3, 3, 3}, {}} {
		want := order
		if order == nil {
			want = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
		}
		var seen []int
		for b := range set.Batches(4, order) {
			require.Equal(t, min(4, len(want)-len(seen)), b.Len)
			require.Equal(t, []int{b.Len, 2}, b.X.Shape())
			x, y := b.X.Float32s(), b.Y.Float32s()
			for i := range b.Len {
				at := want[len(seen)]
				assert.Equal(t, []float32{float32(at), -float32(at), 10 * float32(at)}, []float32{x[2*i], x[2*i+1], y[i]})
				seen = append(seen, at)
			}
		}
		assert.Len(t, seen, len(want), "the last batch is kept")
	}
}

func TestBatchesFreeTheirBody(t *testing.T) {
	torchtest.NoLeaks(t)
	set := ten().Tensors(torch.CPU)
	defer set.Close()
	before := torch.Live().Tensors
	var kept *torch.Tensor
	for b := range set.Batches(3, Order(10, 1, 0)) {
		kept = b.X.MulScalar(2)
		assert.False(t, kept.Closed())
		if b.Len == 3 {
			continue
		}
	}
	assert.True(t, kept.Closed())
	assert.Equal(t, before, torch.Live().Tensors)

	for range set.Batches(3, Order(10, 1, 0)) {
		break
	}
	assert.Equal(t, before, torch.Live().Tensors, "after break")
	err := torch.Try(func() {
		for b := range set.Batches(3, Order(10, 1, 0)) {
			b.X.Matmul(b.Y)
		}
	})
	require.ErrorContains(t, err, "matmul")
	assert.Equal(t, before, torch.Live().Tensors, "after a panic")
}

func TestSetsLiveOutsideScopes(t *testing.T) {
	torchtest.NoLeaks(t)
	var set *Set
	torch.Scope(func() { set = ten().Tensors(torch.CPU) })
	assert.Equal(t, 10, set.Len())
	set.Close()
	assert.True(t, set.X.Closed() && set.Y.Closed())
}

func TestBatchesRefuse(t *testing.T) {
	torchtest.Need(t)
	set := ten().Tensors(torch.CPU)
	defer set.Close()
	for _, c := range []struct {
		size  int
		order []int
		want  string
	}{
		{0, nil, "a batch of 0 samples"},
		{4, []int{0, 10}, "position 1 of the order names sample 10 of 10"},
		{4, []int{-1}, "sample -1"},
	} {
		err := torch.Try(func() {
			for range set.Batches(c.size, c.order) {
				t.Error("yields")
			}
		})
		require.ErrorContains(t, err, c.want)
	}
}

// An epoch copies its order to the device, and nothing after that.
func TestBatchesTouchTheHostOnce(t *testing.T) {
	device := torchtest.Accelerator(t)
	torchtest.NoLeaks(t)
	set := ten().Tensors(device)
	defer set.Close()
	assert.Equal(t, device, set.Device())
	before := torchtest.PretendTraffic()
	for b := range set.Batches(3, Order(10, 1, 0)) {
		assert.Equal(t, device, b.X.Device())
	}
	if torchtest.IsPretend(device) {
		got := torchtest.PretendTraffic().Since(before)
		assert.Equal(t, torchtest.Traffic{ToDevice: 1, Calls: got.Calls}, got)
	}
}
