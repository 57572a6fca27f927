// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Split divides samples into training and validation by their groups: a group is
// never on both sides. groups holds the group of each sample; share, between 0
// and 1, is validation's part of the samples. Both results hold positions in
// groups, ascending, and together hold all of them.
//
// The different groups are sorted by name (by bytes) and shuffled; then groups
// go to validation, from the front, until it holds its share of the samples. The
// last group always stays in training. With fewer than two groups there is no
// such split, which is an error.
//
// The shuffle is Fisher and Yates' as rand.Shuffle of math/rand/v2 does it, for
// i from n-1 down to 1 a swap with a j in [0, i], over rand.NewPCG(seed, 0). A
// golden test keeps it so: the split for a given seed never changes.
func Split(groups []string, share float64, seed uint64) (train, val []int, err error) {
	if !(share > 0 && share < 1) {
		return nil, nil, fmt.Errorf("data: split: the share of validation is %g, it must lie between 0 and 1", share)
	}
	size := map[string]int{}
	for _, g := range groups {
		size[g]++
	}
	if len(size) < 2 {
		return nil, nil, fmt.Errorf("data: split: %d samples in %d groups: training and validation need a group each; add data, or give the labels finer groups",
			len(groups), len(size))
	}
	names := make([]string, 0, len(size))
	for g := range size {
		names = append(names, g)
	}
	slices.Sort(names)
	shuffle(seed, 0, len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })

	// 0.1 of 30 is 3, though as floats it is a little more.
	want, have := int(math.Ceil(share*float64(len(groups))-1e-9)), 0
	validation := map[string]bool{}
	for _, g := range names[:len(names)-1] {
		if have >= want {
			break
		}
		validation[g] = true
		have += size[g]
	}
	for i, g := range groups {
		if validation[g] {
			val = append(val, i)
		} else {
			train = append(train, i)
		}
	}
	return train, val, nil
}

// Order returns the order in which an epoch (0, 1, 2, …) visits n samples: a
// permutation of 0 to n-1 that depends on its arguments alone, so that a run
// continued in the middle of an epoch sees what it would have seen.
//
// It shuffles as [Split] does, over rand.NewPCG(seed, epoch+1).
func Order(n int, seed uint64, epoch int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	shuffle(seed, uint64(epoch)+1, n, func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

// shuffle numbers its streams: 0 is Split's, and epoch e has e+1.
func shuffle(seed, stream uint64, n int, swap func(i, j int)) {
	rand.New(rand.NewPCG(seed, stream)).Shuffle(n, swap)
}
