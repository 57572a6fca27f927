// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
)

// Sequential visits so many samples from 0 on, as SequentialSampler does in PyTorch.
type Sequential int

// Order implements [Sampler].
func (n Sequential) Order(uint64, int) []int { return ascending(int(n)) }

// Shuffled visits so many samples in an order that [Order] draws, as RandomSampler does.
type Shuffled int

// Order implements [Sampler].
func (n Shuffled) Order(seed uint64, epoch int) []int { return Order(int(n), seed, epoch) }

// Weighted draws samples with probabilities in proportion to their weights, as
// WeightedRandomSampler does in PyTorch, by default with replacement.
type Weighted struct {
	Weights []float64 // of each sample; finite, not negative, not all 0
	Num     int       // samples in an epoch; 0 for as many as there are weights
	Once    bool      // each sample once at most (replacement=False): Num samples need as many positive weights
}

// Order implements [Sampler]. It panics where the weights or Num are not as above.
//
// Without replacement the samples with the largest log(u)/weight are drawn, largest first,
// u being uniform in (0, 1): P. Efraimidis, P. Spirakis, "Weighted random sampling with a
// reservoir", 2006.
func (w Weighted) Order(seed uint64, epoch int) []int {
	sums, total, positive := make([]float64, len(w.Weights)), 0.0, 0
	for i, x := range w.Weights {
		if !(x >= 0) || math.IsInf(x, 0) {
			panic(fmt.Sprintf("data: Weighted: weight %d is %g, it must be finite and not negative", i, x))
		}
		if x > 0 {
			positive++
		}
		total += x
		sums[i] = total
	}
	n := cmp.Or(w.Num, len(w.Weights))
	switch {
	case total == 0 || math.IsInf(total, 0):
		panic(fmt.Sprintf("data: Weighted: the sum of the weights is %g", total))
	case n < 0 || w.Once && n > positive:
		panic(fmt.Sprintf("data: Weighted: %d samples cannot be drawn of %d with positive weights", n, positive))
	}
	r := generator(seed, uint64(epoch)+1)
	if w.Once {
		keys := make([]float64, len(w.Weights))
		for i, x := range w.Weights {
			keys[i] = r.ExpFloat64() / x // infinite for a weight of 0
		}
		order := ascending(len(keys))
		slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(keys[i], keys[j]) })
		return order[:n]
	}
	order := make([]int, n)
	for i := range order {
		u := min(r.Float64()*total, math.Nextafter(total, 0)) // the product may be rounded to total
		order[i] = sort.Search(len(sums), func(i int) bool { return sums[i] > u })
	}
	return order
}

// ClassBalanced returns a sampler that draws each class equally often, given the class of
// each sample: the weight of a sample is 1 divided by the number of samples of its class.
func ClassBalanced[C comparable](classes []C) Weighted {
	size := map[C]int{}
	for _, c := range classes {
		size[c]++
	}
	weights := make([]float64, len(classes))
	for i, c := range classes {
		weights[i] = 1 / float64(size[c])
	}
	return Weighted{Weights: weights}
}

// Bucketed puts samples of similar length into one batch, so that little is padded: it
// shuffles the samples, sorts each stretch of Pool batches by length, and shuffles the
// batches, as torchtext's BucketIterator does with a Pool of 100. A batch that is not full
// is the last one.
type Bucketed struct {
	Lengths []int // of each sample
	Size    int   // of a batch, as the loop has it
	Pool    int   // batches that are sorted together; 0 for 100
}

// Order implements [Sampler].
func (b Bucketed) Order(seed uint64, epoch int) []int {
	if b.Size < 1 || b.Pool < 0 {
		panic(fmt.Sprintf("data: Bucketed: Size is %d and Pool is %d", b.Size, b.Pool))
	}
	n := len(b.Lengths)
	r, order := generator(seed, uint64(epoch)+1), ascending(n)
	shuffle(r, order)
	full := order[:n-n%b.Size]
	for pool := range slices.Chunk(full, b.Size*cmp.Or(b.Pool, 100)) {
		slices.SortStableFunc(pool, func(i, j int) int { return cmp.Compare(b.Lengths[i], b.Lengths[j]) })
	}
	batches := slices.Collect(slices.Chunk(full, b.Size))
	shuffle(r, batches)
	return append(slices.Concat(batches...), order[len(full):]...)
}

// Sharded gives each of several processes its part of another sampler's order: the
// positions Rank, Rank+Ranks, Rank+2·Ranks, …, as DistributedSampler does in PyTorch. Every
// process needs the same seed. All parts have the same length: where Ranks does not divide
// that of the order, its first samples come again at the end, or with DropLast its last
// ones are left out.
type Sharded struct {
	Of          Sampler
	Rank, Ranks int // 0 to Ranks-1
	DropLast    bool
}

// Order implements [Sampler].
func (s Sharded) Order(seed uint64, epoch int) []int {
	if s.Rank < 0 || s.Rank >= s.Ranks {
		panic(fmt.Sprintf("data: Sharded: there is no rank %d of %d", s.Rank, s.Ranks))
	}
	all := s.Of.Order(seed, epoch)
	length := len(all) / s.Ranks
	if !s.DropLast {
		length = (len(all) + s.Ranks - 1) / s.Ranks
	}
	part := make([]int, length)
	for i := range part {
		part[i] = all[(s.Rank+i*s.Ranks)%len(all)]
	}
	return part
}
