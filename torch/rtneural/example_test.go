// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/rtneural"
)

// An amplifier's network is exported, and computes a stream sample by sample.
func Example() {
	if err := torch.Init(); err != nil {
		fmt.Println(err)
		return
	}
	folder, err := os.MkdirTemp("", "rtneural-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "amplifier.json")
	amplifier := nn.NewSequential(
		nn.NewGRU(1, 8, torch.CPU, nn.RecurrentConfig{BatchFirst: true}),
		nn.NewLinear(8, 1, torch.CPU),
	)
	check, err := rtneural.Export(path, amplifier, rtneural.Signature{
		Example: torch.Rand([]int{1, 100, 1}), // a sound of 100 samples, in a batch of one
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("within 1e-6 of libtorch:", check.MaxAbsDiff < 1e-6)

	stream, err := rtneural.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		fmt.Println(len(stream.Forward([]float64{0.5})), "sample")
	}
	// Output:
	// within 1e-6 of libtorch: true
	// 1 sample
	// 1 sample
	// 1 sample
}
