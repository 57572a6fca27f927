// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data_test

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
)

// Four songs of two excerpts each: both excerpts of a song stay on one side.
func ExampleSplit() {
	groups := []string{"a", "a", "b", "b", "c", "c", "d", "d"}
	train, val, err := data.Split(groups, 0.25, 42)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(train), len(val), groups[val[0]] == groups[val[1]])
	// Output: 6 2 true
}

// One sample in four serves validation, with as many of each class.
func ExampleSplitStratified() {
	classes := []string{"cat", "dog", "cat", "dog", "cat", "dog", "cat", "dog"}
	train, val, err := data.SplitStratified(classes, 0.25, 42)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(train), len(val), classes[val[0]] != classes[val[1]])
	// Output: 6 2 true
}

func ExampleKFold() {
	folds, err := data.KFold(6, 3, 42)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, fold := range folds {
		fmt.Println(len(fold.Train), len(fold.Val))
	}
	// Output:
	// 4 2
	// 4 2
	// 4 2
}

// Integer classes, and a second input by name.
func ExampleSet_Select() {
	if err := torch.Init(); err != nil {
		fmt.Println(err)
		return
	}
	torch.Scope(func() {
		all := &data.Set{
			X: torch.FromSlice([]float32{0, 1, 2, 3, 4, 5}, 3, 2), Y: torch.FromSlice([]int64{7, 8, 9}),
			More: map[string]*torch.Tensor{"lengths": torch.FromSlice([]int64{2, 1, 2})},
		}
		some := all.Select([]int{2, 0})
		defer some.Close()
		fmt.Println(some.X.Float32s(), torch.ToSlice[int64](some.Y), torch.ToSlice[int64](some.More["lengths"]))
	})
	// Output: [4 5 0 1] [9 7] [2 2]
}

func ExampleSamples() {
	if err := torch.Init(); err != nil {
		fmt.Println(err)
		return
	}
	samples := &data.Samples{}
	samples.Append("one.wav", "song", []float32{1, 2}, []float32{0})
	samples.Append("two.wav", "song", []float32{3, 4}, []float32{1})
	set := samples.Tensors(torch.CPU)
	defer set.Close()
	fmt.Println(set.X.Shape(), set.Y.Shape())
	// Output: [2 2] [2 1]
}
