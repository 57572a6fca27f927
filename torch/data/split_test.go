// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// whole checks that train and val are ascending and together hold 0 to n-1.
func whole(t *testing.T, n int, train, val []int) {
	t.Helper()
	assert.True(t, slices.IsSorted(train) && slices.IsSorted(val))
	all := slices.Concat(train, val)
	slices.Sort(all)
	require.Len(t, all, n)
	for i, at := range all {
		require.Equal(t, i, at)
	}
}

func counts(classes, idx []int) []int {
	list := make([]int, slices.Max(classes)+1)
	for _, i := range idx {
		list[classes[i]]++
	}
	return list
}

// The sizes are scikit-learn's, also those of each class in each part.
func TestSplitsHaveScikitLearnsSizes(t *testing.T) {
	var golden struct {
		Random []struct {
			N, Val int
			Share  float64
		}
		Stratified []struct {
			Classes, Val []int
			Share        float64
		}
		Folds []struct {
			N, K  int
			Sizes []int
		}
		StratifiedFolds []struct {
			Classes []int
			K       int
			Val     [][]int
		} `json:"stratified_folds"`
		GroupFolds []struct {
			Groups []string
			K      int
			Sizes  []int
		} `json:"group_folds"`
	}
	torchtest.Golden(t, "testdata/splits.json", &golden)
	require.Equal(t, []int{48, 7, 26, 4, 4}, []int{len(golden.Random), len(golden.Stratified), len(golden.Folds), len(golden.StratifiedFolds), len(golden.GroupFolds)})
	for _, c := range golden.Random {
		train, val, err := SplitRandom(c.N, c.Share, 3)
		require.NoError(t, err)
		assert.Len(t, val, c.Val, "%+v", c)
		whole(t, c.N, train, val)
	}
	for _, c := range golden.Stratified {
		train, val, err := SplitStratified(c.Classes, c.Share, 3)
		require.NoError(t, err)
		assert.Equal(t, c.Val, counts(c.Classes, val))
		whole(t, len(c.Classes), train, val)
	}
	parts := func(n, k int, list []Fold, err error) (sizes []int) {
		require.NoError(t, err)
		require.Len(t, list, k)
		var vals []int
		for _, f := range list {
			whole(t, n, f.Train, f.Val)
			vals, sizes = append(vals, f.Val...), append(sizes, len(f.Val))
		}
		slices.Sort(vals)
		whole(t, n, nil, vals) // each sample is in validation once
		slices.Sort(sizes)
		return sizes
	}
	for _, c := range golden.Folds {
		list, err := KFold(c.N, c.K, 3)
		assert.Equal(t, c.Sizes, parts(c.N, c.K, list, err))
	}
	for _, c := range golden.StratifiedFolds {
		list, err := KFoldStratified(c.Classes, c.K, 3)
		parts(len(c.Classes), c.K, list, err)
		for i, f := range list {
			assert.Equal(t, c.Val[i], counts(c.Classes, f.Val))
		}
	}
	for _, c := range golden.GroupFolds {
		list, err := KFoldGroups(c.Groups, c.K, 3)
		assert.Equal(t, c.Sizes, parts(len(c.Groups), c.K, list, err))
		for _, f := range list {
			for _, i := range f.Val {
				assert.False(t, slices.ContainsFunc(f.Train, func(j int) bool { return c.Groups[i] == c.Groups[j] }))
			}
		}
	}
}

// Splits are functions of their seeds, and differ with them.
func TestSplitsFollowTheirSeeds(t *testing.T) {
	classes := make([]int, 90)
	groups := make([]string, 90)
	for i := range classes {
		classes[i], groups[i] = i%3, string(rune('A'+i/2))
	}
	for name, f := range map[string]func(seed uint64) any{
		"random":             func(seed uint64) any { _, val, _ := SplitRandom(90, 0.2, seed); return val },
		"stratified":         func(seed uint64) any { _, val, _ := SplitStratified(classes, 0.2, seed); return val },
		"k-fold":             func(seed uint64) any { list, _ := KFold(90, 4, seed); return list },
		"stratified k-fold":  func(seed uint64) any { list, _ := KFoldStratified(classes, 4, seed); return list },
		"k-fold over groups": func(seed uint64) any { list, _ := KFoldGroups(groups, 4, seed); return list },
	} {
		assert.Equal(t, f(5), f(5), name)
		assert.NotEqual(t, f(5), f(6), name)
	}
	// Validation over many seeds takes every sample about equally often: each of 90 is
	// drawn with probability 0.2, so 500 draws give 100 with a deviation of 9.
	often := make([]int, 90)
	for seed := range uint64(500) {
		_, val, _ := SplitStratified(classes, 0.2, seed)
		for _, i := range val {
			often[i]++
		}
	}
	assert.Greater(t, slices.Min(often), 100-5*9)
	assert.Less(t, slices.Max(often), 100+5*9)
}

func TestSplitsRefuse(t *testing.T) {
	two := []int{0, 0, 1, 1}
	for want, f := range map[string]func() error{
		"the share of validation is 1, it must lie between 0 and 1":             func() error { _, _, err := SplitRandom(9, 1, 1); return err },
		"a share of 0.9 of 5 samples leaves none for training":                  func() error { _, _, err := SplitRandom(5, 0.9, 1); return err },
		"a share of 0.5 of 0 samples":                                           func() error { _, _, err := SplitRandom(0, 0.5, 1); return err },
		"0 samples for training and 0 for validation":                           func() error { _, _, err := SplitStratified([]int{}, 0.5, 1); return err },
		"class b has one sample, 2":                                             func() error { _, _, err := SplitStratified([]string{"a", "a", "b"}, 0.5, 1); return err },
		"3 samples for training and 1 for validation cannot hold all 2 classes": func() error { _, _, err := SplitStratified(two, 0.25, 1); return err },
		"0 for validation cannot hold all 2 classes":                            func() error { _, _, err := SplitStratified(two, 1e-12, 1); return err },
		"1 parts of 9 samples":                                                  func() error { _, err := KFold(9, 1, 1); return err },
		"10 parts of 9 samples":                                                 func() error { _, err := KFold(9, 10, 1); return err },
		"0 parts of 2 samples":                                                  func() error { _, err := KFoldGroups([]string{"a", "b"}, 0, 1); return err },
		"class 1 has 2 samples, too few for each of 3 parts":                    func() error { _, err := KFoldStratified([]int{0, 0, 0, 1, 1}, 3, 1); return err },
		"-1 parts of 2 samples":                                                 func() error { _, err := KFoldStratified([]int{0, 1}, -1, 1); return err },
		"2 groups are too few for 3 parts":                                      func() error { _, err := KFoldGroups([]string{"a", "b", "b"}, 3, 1); return err },
	} {
		require.ErrorContains(t, f(), want)
	}
}
