// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

var samplers = []Sampler{
	Sequential(10), Shuffled(10),
	Weighted{Weights: []float64{1, 2, 0, 3}}, Weighted{Weights: []float64{1, 2, 0, 3}, Num: 9}, Weighted{Weights: []float64{1, 2, 0, 3}, Num: 2, Once: true},
	ClassBalanced([]string{"a", "b", "a", "a"}),
	Bucketed{Lengths: []int{5, 2, 9, 9, 1, 3, 4, 8, 2, 2}, Size: 3}, Bucketed{Lengths: []int{5, 2, 9, 9, 1, 3, 4, 8, 2, 2}, Size: 3, Pool: 1},
	Sharded{Of: Shuffled(10), Ranks: 3}, Sharded{Of: Shuffled(10), Rank: 1, Ranks: 3},
}

// An order is a function of seed and epoch, and all epochs have the same length.
func TestSamplers(t *testing.T) {
	for _, s := range samplers {
		text := fmt.Sprintf("%T%v", s, s)
		seen := map[string]bool{}
		for seed := range uint64(3) {
			for epoch := range 3 {
				order := s.Order(seed, epoch)
				assert.Equal(t, order, s.Order(seed, epoch), text)
				assert.Len(t, order, len(s.Order(0, 0)), text)
				seen[fmt.Sprint(order)] = true
			}
		}
		if s == Sampler(Sequential(10)) {
			assert.Len(t, seen, 1)
		} else {
			assert.Greater(t, len(seen), 3, text)
		}
	}
	assert.Equal(t, Order(10, 3, 4), Shuffled(10).Order(3, 4))
}

// near fails the test if a draw's share of many is more than five standard deviations
// from its probability, which happens by chance once in two million times.
func near(t *testing.T, probability, share float64, draws int, text string) {
	t.Helper()
	assert.InDelta(t, probability, share, 5*math.Sqrt(probability*(1-probability)/float64(draws)), text)
}

func TestWeighted(t *testing.T) {
	weights := []float64{1, 0, 2, 3, 0, 4}
	const draws = 200_000
	count := make([]int, len(weights))
	for epoch := range 20 {
		for _, i := range (Weighted{Weights: weights, Num: draws / 20}).Order(5, epoch) {
			count[i]++
		}
	}
	for i, w := range weights {
		near(t, w/10, float64(count[i])/draws, draws, fmt.Sprint("sample ", i))
	}

	// Without replacement the pair (i, j) has the probability wᵢ/W · wⱼ/(W-wᵢ), as in
	// torch.multinomial.
	const epochs = 50_000
	pairs := map[[2]int]int{}
	for epoch := range epochs {
		order := Weighted{Weights: weights, Num: 2, Once: true}.Order(6, epoch)
		pairs[[2]int(order)]++
	}
	for i, a := range weights {
		for j, b := range weights {
			if i != j {
				near(t, a/10*b/(10-a), float64(pairs[[2]int{i, j}])/epochs, epochs, fmt.Sprint("pair ", i, j))
			} else {
				assert.Zero(t, pairs[[2]int{i, j}])
			}
		}
	}
	all := Weighted{Weights: weights, Num: 4, Once: true}.Order(1, 1)
	assert.ElementsMatch(t, []int{0, 2, 3, 5}, all)

	for want, w := range map[string]Weighted{
		"weight 1 is -1":           {Weights: []float64{1, -1}},
		"weight 0 is NaN":          {Weights: []float64{math.NaN()}},
		"the sum of the weights":   {Weights: []float64{0, 0}},
		"3 samples cannot be":      {Weights: []float64{1, 1, 0}, Once: true},
		"weight 0 is +Inf":         {Weights: []float64{math.Inf(1)}},
		"-1 samples cannot be":     {Weights: []float64{1}, Num: -1},
		"sum of the weights is +I": {Weights: []float64{math.MaxFloat64, math.MaxFloat64}},
	} {
		func() {
			defer func() { assert.Contains(t, recover(), want) }()
			w.Order(0, 0)
		}()
	}
}

func TestClassBalanced(t *testing.T) {
	classes := []string{"a", "b", "a", "a", "c", "a", "b", "a"}
	count := map[string]int{}
	const epochs = 10_000
	for epoch := range epochs {
		for _, i := range ClassBalanced(classes).Order(9, epoch) {
			count[classes[i]]++
		}
	}
	draws := epochs * len(classes)
	for class, n := range count {
		near(t, 1.0/3, float64(n)/float64(draws), draws, class)
	}
}

func TestBucketed(t *testing.T) {
	lengths := make([]int, 1003)
	for i := range lengths {
		lengths[i] = i * 7919 % 100
	}
	waste := func(order []int) (padding int) {
		for batch := range slices.Chunk(order, 10) {
			longest := 0
			for _, i := range batch {
				longest = max(longest, lengths[i])
			}
			for _, i := range batch {
				padding += longest - lengths[i]
			}
		}
		return padding
	}
	b := Bucketed{Lengths: lengths, Size: 10}
	order := b.Order(1, 2)
	sorted := slices.Sorted(slices.Values(order))
	assert.Equal(t, Sequential(len(lengths)).Order(0, 0), sorted, "every sample comes once")
	assert.Less(t, waste(order), waste(Order(len(lengths), 1, 2))/10)
	// Batches of ten neighbours in a sorted list of 1,000 of 0 to 99: the range is one or two.
	for batch := range slices.Chunk(order[:1000], 10) {
		low, high := lengths[batch[0]], lengths[batch[9]]
		assert.LessOrEqual(t, high-low, 2)
	}
	assert.NotEqual(t, order[1000:], b.Order(1, 3)[1000:], "the samples of the short batch change")
	short := Bucketed{Lengths: lengths[:25], Size: 10, Pool: 1}
	assert.Len(t, short.Order(1, 1), 25)
	assert.Panics(t, func() { Bucketed{Lengths: lengths}.Order(0, 0) })
}

// Shards are PyTorch's, and those of a shuffled order share no sample.
func TestSharded(t *testing.T) {
	var golden struct {
		Shards []struct {
			N, Ranks int
			DropLast bool `json:"drop_last"`
			Parts    [][]int
		}
	}
	torchtest.Golden(t, "testdata/loader.json", &golden)
	require.NotEmpty(t, golden.Shards)
	for _, c := range golden.Shards {
		for rank, want := range c.Parts {
			got := Sharded{Of: Sequential(c.N), Rank: rank, Ranks: c.Ranks, DropLast: c.DropLast}.Order(0, 0)
			assert.Equal(t, want, got, "%+v", c)
		}
	}
	var all []int
	for rank := range 4 {
		all = append(all, Sharded{Of: Shuffled(12), Rank: rank, Ranks: 4}.Order(8, 1)...)
	}
	slices.Sort(all)
	assert.Equal(t, Sequential(12).Order(0, 0), all)
	assert.Empty(t, Sharded{Of: Sequential(0), Ranks: 2}.Order(0, 0))
	assert.Panics(t, func() { Sharded{Of: Sequential(4), Rank: 2, Ranks: 2}.Order(0, 0) })
}
