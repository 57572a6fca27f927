// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package safetensors_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/safetensors"
)

func Example() {
	if err := torch.Init(); err != nil {
		fmt.Println(err)
		return
	}
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")
	weights := torch.NewDict("fc.weight", torch.Ones([]int{2, 3}))
	if err := safetensors.Save(path, weights, map[string]string{"format": "pt"}); err != nil {
		fmt.Println(err)
		return
	}
	info, err := safetensors.Inspect(context.Background(), path) // does not need libtorch
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range info.Tensors {
		fmt.Println(t.Name, t.DType, t.Shape)
	}
	// Output: fc.weight float32 [2 3]
}
