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

// mixed has n samples of four types: sample i has i in each tensor.
func mixed(n int) *Set {
	s := &Set{}
	torch.Unscoped(func() {
		x, y, mask, image := make([]float64, 2*n), make([]int64, n), make([]bool, n), make([]uint8, 6*n)
		for i := range n {
			x[2*i], x[2*i+1], y[i], mask[i], image[6*i] = float64(i), -float64(i), int64(i), i%2 == 1, uint8(i)
			s.Names, s.Groups = append(s.Names, string(rune('a'+i))), append(s.Groups, string(rune('A'+i/2)))
		}
		s.X, s.Y = torch.FromSlice(x, n, 2), torch.FromSlice(y)
		s.More = map[string]*torch.Tensor{"mask": torch.FromSlice(mask), "image": torch.FromSlice(image, n, 1, 2, 3)}
	})
	return s
}

// holds checks that the samples of s are those of mixed with these numbers.
func holds(t *testing.T, want []int, s *Set) {
	t.Helper()
	require.Equal(t, len(want), s.Len())
	require.Len(t, s.More, 2)
	x, y, mask, image := torch.ToSlice[float64](s.X), torch.ToSlice[int64](s.Y), torch.ToSlice[bool](s.More["mask"]), torch.ToSlice[uint8](s.More["image"])
	assert.Equal(t, []int{len(want), 1, 2, 3}, s.More["image"].Shape())
	for at, i := range want {
		assert.Equal(t, []any{float64(i), -float64(i), int64(i), i%2 == 1, uint8(i)}, []any{x[2*at], x[2*at+1], y[at], mask[at], image[6*at]})
		if s.Names != nil {
			assert.Equal(t, string(rune('a'+i))+string(rune('A'+i/2)), s.Names[at]+s.Groups[at])
		}
	}
}

func TestSelectAndConcat(t *testing.T) {
	torchtest.NoLeaks(t)
	all := mixed(6)
	defer all.Close()
	var some, none, both, copied *Set
	torch.Scope(func() {
		some, none = all.Select([]int{5, 0, 5}), all.Select(nil)
		both = Concat(some, none, all)
		copied = both.To(torch.CPU)
	})
	holds(t, []int{5, 0, 5}, some)
	holds(t, nil, none)
	holds(t, []int{5, 0, 5, 0, 1, 2, 3, 4, 5}, both)
	assert.Equal(t, []string{"f", "a", "f", "a", "b", "c", "d", "e", "f"}, both.Names)
	some.Names = nil
	unnamed := Concat(some, all)
	assert.Nil(t, unnamed.Names)
	assert.Len(t, unnamed.Groups, 9)
	assert.NotEqual(t, all.Identity(), both.Identity())
	for _, s := range []*Set{some, none, both, unnamed} {
		s.Close()
	}
	holds(t, []int{5, 0, 5, 0, 1, 2, 3, 4, 5}, copied)
	copied.Close()
}

func TestMap(t *testing.T) {
	torchtest.NoLeaks(t)
	all := mixed(7)
	defer all.Close()
	var lens []int
	made := all.Map(3, func(b Batch) Batch {
		lens = append(lens, b.Len)
		return Batch{X: b.X.MulScalar(2), More: map[string]*torch.Tensor{"was": b.X}}
	})
	defer made.Close()
	assert.Equal(t, []int{3, 3, 1}, lens)
	assert.Nil(t, made.Y)
	assert.Equal(t, all.X.Float64s(), made.More["was"].Float64s())
	assert.Equal(t, all.X.MulScalar(2).Float64s(), made.X.Float64s())
	assert.Equal(t, all.Names, made.Names)
	assert.Equal(t, all.Groups, made.Groups)
}

func TestMapMakesNoGraph(t *testing.T) {
	torchtest.NoLeaks(t)
	all := mixed(4)
	defer all.Close()
	all.X.SetRequiresGrad(true)
	made := all.Map(3, func(b Batch) Batch { return Batch{X: b.X.MulScalar(2)} })
	defer made.Close()
	assert.False(t, made.X.RequiresGrad())
}

func TestSetsRefuse(t *testing.T) {
	torchtest.NoLeaks(t)
	a, b, c, d, e := mixed(3), mixed(3), mixed(3), mixed(3), mixed(3)
	b.Y.Close()
	b.Y = nil
	c.X.Close()
	torch.Unscoped(func() { c.X = torch.FromSlice(make([]int32, 6), 3, 2) })
	d.More["image"].Close()
	delete(d.More, "image")
	e.More["other"] = e.More["image"]
	delete(e.More, "image")
	for want, f := range map[string]func(){
		"Select: position 1 names sample 3 of 3":                           func() { a.Select([]int{0, 3}) },
		"Select: position 0 names sample -1 of 3":                          func() { a.Select([]int{-1}) },
		"Concat: there are no sets":                                        func() { Concat() },
		"Concat: set 1 holds [X image mask], and set 0 [X Y image mask]":   func() { Concat(a, b) },
		"Concat: X is int32 in set 1, and float64 in set 0":                func() { Concat(a, c) },
		"Concat: set 2 holds [X Y mask], and set 0 [X Y image mask]":       func() { Concat(a, a, d) },
		"Concat: set 1 holds [X Y image mask], and set 0 [X Y mask other]": func() { Concat(e, a) },
		"Map: a batch became one without X":                                func() { a.Map(2, func(Batch) Batch { return Batch{} }) },
		"a batch of 2 samples became X of [1 2]":                           func() { a.Map(2, func(b Batch) Batch { return Batch{X: b.X.Narrow(0, 0, 1)} }) },
		"a batch of 0 samples; at least 1 is needed":                       func() { a.Map(0, func(b Batch) Batch { return b }) },
	} {
		require.ErrorContains(t, torch.Try(f), want)
	}
	for _, s := range []*Set{a, b, c, d, e} {
		s.Close()
	}
}

// A part of a set has the samples that Select copies.
func TestSubset(t *testing.T) {
	torchtest.NoLeaks(t)
	all := mixed(6)
	defer all.Close()
	idx := []int{4, 0, 4}
	some, part := all.Select(idx), Subset{Data: all, Indices: idx}
	defer some.Close()
	loader := &Loader{Data: part}
	require.Equal(t, 3, loader.Len())
	for batch, err := range loader.Epoch(Epoch{Size: 3}) {
		require.NoError(t, err)
		assert.Equal(t, some.X.Float64s(), batch.X.Float64s())
		assert.Equal(t, torch.ToSlice[int64](some.Y), torch.ToSlice[int64](batch.Y))
	}
	assert.Equal(t, []string{"e", "a", "e"}, []string{part.Name(0), part.Name(1), part.Name(2)})
	other := Subset{Data: all, Indices: []int{4, 0, 5}}
	assert.NotEqual(t, part.Identity(), other.Identity())
	assert.NotEqual(t, part.Identity(), Subset{Data: some, Indices: idx}.Identity())
	assert.Empty(t, Subset{Data: unnamed{}, Indices: idx}.Name(0))
}

type unnamed struct{}

func (unnamed) Len() int                   { return 9 }
func (unnamed) Sample(int) (Sample, error) { return Sample{}, nil }

// Sets stay on their device: only positions are copied there.
func TestSetsOnADevice(t *testing.T) {
	device := torchtest.Accelerator(t)
	torchtest.NoLeaks(t)
	host := mixed(6)
	defer host.Close()
	all := host.To(device)
	defer all.Close()
	before := torchtest.PretendTraffic()
	some := all.Select([]int{5, 0, 5})
	both := Concat(some, all)
	made := both.Map(4, func(b Batch) Batch { return Batch{X: b.X.MulScalar(2)} })
	assert.Equal(t, []torch.Device{device, device, device}, []torch.Device{some.Device(), both.Device(), made.Device()})
	if torchtest.IsPretend(device) {
		got := torchtest.PretendTraffic().Since(before)
		assert.Equal(t, torchtest.Traffic{ToDevice: 1, Calls: got.Calls}, got)
	}
	back := both.To(torch.CPU)
	holds(t, []int{5, 0, 5, 0, 1, 2, 3, 4, 5}, back)
	for _, s := range []*Set{some, both, made, back} {
		s.Close()
	}
}
