// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/data/augment"
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

// tones makes samples of different lengths; it could read a file for each.
type tones struct{}

func (tones) Len() int { return 5 }

func (tones) Sample(i int) (data.Sample, error) {
	wave := make([]float32, 100*(i+1))
	for t := range wave {
		wave[t] = float32(math.Sin(float64(t) / float64(i+2)))
	}
	return data.Sample{X: data.FromSlice(wave), Y: data.Scalar(int64(i))}, nil
}

func ExampleLoader() {
	if err := torch.Init(); err != nil {
		fmt.Println(err)
		return
	}
	loader := &data.Loader{
		Data: tones{}, To: torch.CPU, Workers: 2,
		Pad: map[string]float64{"X": 0},
		Augment: func(r *rand.Rand, s *data.Sample) error {
			augment.Noise(r, data.ToSlice[float32](s.X), 10, 30)
			return nil
		},
	}
	sampler := data.Bucketed{Lengths: []int{100, 200, 300, 400, 500}, Size: 2}
	const seed, epoch = 1, 0
	for batch, err := range loader.Epoch(data.Epoch{Size: 2, Order: sampler.Order(seed, epoch), Seed: seed, Number: epoch}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(batch.Len, batch.X.Shape(), torch.ToSlice[int64](batch.More["X_lengths"]))
	}
	// Output:
	// 2 [2 200] [100 200]
	// 2 [2 400] [300 400]
	// 1 [1 500] [500]
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
