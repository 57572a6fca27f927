// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"fmt"
	"maps"
	"slices"
)

// Fold is one split of a cross-validation: positions of samples, ascending.
type Fold struct{ Train, Val []int }

// KFold divides n samples at random into k parts, whose sizes differ by one at most, and
// returns k splits: each part serves one of them for validation, and all others for
// training. k must be at least 2 and at most n. The sizes are those of scikit-learn's
// KFold.
//
//	for i, fold := range folds {
//		train, val := set.Select(fold.Train), set.Select(fold.Val)
//		…
//	}
func KFold(n, k int, seed uint64) ([]Fold, error) {
	part := make([]int, n)
	for at, i := range permutation(n, seed, 0) {
		part[i] = at % max(k, 1)
	}
	return folds(part, k)
}

// KFoldStratified divides samples as [KFold] does, and the samples of each class evenly
// among the parts: their numbers differ by one at most, and are those of scikit-learn's
// StratifiedKFold. Every class needs k samples; otherwise it is an error.
func KFoldStratified[C comparable](classes []C, k int, seed uint64) ([]Fold, error) {
	first, size := map[C]int{}, map[C]int{}
	for i, c := range classes {
		if size[c]++; size[c] == 1 {
			first[c] = i
		}
	}
	for c, n := range size {
		if n < k {
			return nil, fmt.Errorf("data: folds: class %v has %d samples, too few for each of %d parts; add data, or ask for fewer parts", c, n, k)
		}
	}
	// Dealt out class by class, the samples of a class go to all parts in turn.
	order := permutation(len(classes), seed, 0)
	slices.SortStableFunc(order, func(i, j int) int { return first[classes[i]] - first[classes[j]] })
	part := make([]int, len(classes))
	for at, i := range order {
		part[i] = at % max(k, 1)
	}
	return folds(part, k)
}

// KFoldGroups divides samples as [KFold] does, and never a group: groups holds the group
// of each sample. The groups are shuffled, and from the largest to the smallest each goes
// to the part that is smallest so far, as in scikit-learn's GroupKFold. There must be at
// least k groups.
func KFoldGroups(groups []string, k int, seed uint64) ([]Fold, error) {
	size := map[string]int{}
	for _, g := range groups {
		size[g]++
	}
	if len(size) < k {
		return nil, fmt.Errorf("data: folds: %d groups are too few for %d parts; give the samples finer groups, or ask for fewer parts", len(size), k)
	}
	names := slices.Sorted(maps.Keys(size))
	shuffle(generator(seed, 0), names)
	slices.SortStableFunc(names, func(a, b string) int { return size[b] - size[a] })
	have, partOfGroup := make([]int, max(k, 1)), map[string]int{}
	for _, g := range names {
		least := slices.Index(have, slices.Min(have))
		partOfGroup[g] = least
		have[least] += size[g]
	}
	part := make([]int, len(groups))
	for i, g := range groups {
		part[i] = partOfGroup[g]
	}
	return folds(part, k)
}

// folds returns a split for each part, where part holds the part of each sample.
func folds(part []int, k int) ([]Fold, error) {
	if k < 2 || k > len(part) {
		return nil, fmt.Errorf("data: folds: %d parts of %d samples; at least 2 parts are needed, and a sample for each", k, len(part))
	}
	list := make([]Fold, k)
	for at := range list {
		list[at].Train, list[at].Val = sides(len(part), func(i int) bool { return part[i] == at })
	}
	return list, nil
}
