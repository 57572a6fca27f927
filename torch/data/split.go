// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"fmt"
	"maps"
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
	want, err := partOf(len(groups), share)
	if err != nil {
		return nil, nil, err
	}
	size := map[string]int{}
	for _, g := range groups {
		size[g]++
	}
	if len(size) < 2 {
		return nil, nil, fmt.Errorf("data: split: %d samples in %d groups: training and validation need a group each; add data, or give the labels finer groups",
			len(groups), len(size))
	}
	names := slices.Sorted(maps.Keys(size))
	shuffle(generator(seed, 0), names)

	have, validation := 0, map[string]bool{}
	for _, g := range names[:len(names)-1] {
		if have >= want {
			break
		}
		validation[g] = true
		have += size[g]
	}
	train, val = sides(len(groups), func(i int) bool { return validation[groups[i]] })
	return train, val, nil
}

// SplitRandom divides n samples into training and validation, each sample by itself.
// For samples that belong together, such as the clips of a song, use [Split].
//
// share, between 0 and 1, is validation's part of the samples, rounded up as
// scikit-learn's train_test_split rounds it. Both results are ascending. It is an error
// if no sample remains for training.
func SplitRandom(n int, share float64, seed uint64) (train, val []int, err error) {
	want, err := partOf(n, share)
	if err != nil {
		return nil, nil, err
	}
	if want >= n {
		return nil, nil, fmt.Errorf("data: split: a share of %g of %d samples leaves none for training; add data, or ask for less", share, n)
	}
	validation := map[int]bool{}
	for _, i := range permutation(n, seed, 0)[:want] {
		validation[i] = true
	}
	train, val = sides(n, func(i int) bool { return validation[i] })
	return train, val, nil
}

// SplitStratified divides samples as [SplitRandom] does, and keeps the shares of the
// classes in both parts: classes holds the class of each sample, and each class gives
// validation its share, rounded so that the sizes add up, as scikit-learn's
// StratifiedShuffleSplit does. Every class needs two samples, and both parts at least as
// many samples as there are classes; otherwise it is an error.
func SplitStratified[C comparable](classes []C, share float64, seed uint64) (train, val []int, err error) {
	n := len(classes)
	want, err := partOf(n, share)
	if err != nil {
		return nil, nil, err
	}
	members, names := map[C][]int{}, []C(nil)
	for _, i := range permutation(n, seed, 0) {
		c := classes[i]
		if members[c] == nil {
			names = append(names, c)
		}
		members[c] = append(members[c], i)
	}
	for _, c := range names {
		if len(members[c]) == 1 {
			return nil, nil, fmt.Errorf("data: split: class %v has one sample, %d; it cannot be in both parts: add a sample, or leave it out", c, members[c][0])
		}
	}
	if want < max(len(names), 1) || n-want < len(names) {
		return nil, nil, fmt.Errorf("data: split: %d samples for training and %d for validation cannot hold all %d classes; add data, or change the share of %g",
			n-want, want, len(names), share)
	}
	// Each class gives its share rounded down, and those that this costs most one more.
	slices.SortStableFunc(names, func(a, b C) int { return want*len(members[b])%n - want*len(members[a])%n })
	more := want
	for _, c := range names {
		more -= want * len(members[c]) / n
	}
	validation := map[int]bool{}
	for at, c := range names {
		gives := want * len(members[c]) / n
		if at < more {
			gives++
		}
		for _, i := range members[c][:gives] {
			validation[i] = true
		}
	}
	train, val = sides(n, func(i int) bool { return validation[i] })
	return train, val, nil
}

// partOf returns how many of n samples a share is, rounded up.
func partOf(n int, share float64) (int, error) {
	if !(share > 0 && share < 1) {
		return 0, fmt.Errorf("data: split: the share of validation is %g, it must lie between 0 and 1", share)
	}
	// 0.1 of 30 is 3, though as floats it is a little more.
	return int(math.Ceil(share*float64(n) - 1e-9)), nil
}

// sides lists the samples on each side, ascending.
func sides(n int, validation func(int) bool) (train, val []int) {
	for i := range n {
		if validation(i) {
			val = append(val, i)
		} else {
			train = append(train, i)
		}
	}
	return train, val
}

// Order returns the order in which an epoch (0, 1, 2, …) visits n samples: a
// permutation of 0 to n-1 that depends on its arguments alone, so that a run
// continued in the middle of an epoch sees what it would have seen.
//
// It shuffles as [Split] does, over rand.NewPCG(seed, epoch+1).
func Order(n int, seed uint64, epoch int) []int { return permutation(n, seed, uint64(epoch)+1) }

// permutation returns 0 to n-1, shuffled.
func permutation(n int, seed, stream uint64) []int {
	order := ascending(n)
	shuffle(generator(seed, stream), order)
	return order
}

// ascending returns 0 to n-1.
func ascending(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// generator numbers its streams: 0 is that of splits, and epoch e has e+1.
func generator(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

func shuffle[T any](r *rand.Rand, list []T) {
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}
