// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt"
)

// A checkpoint of plain values; tensors stand in it just so. In Python:
//
//	torch.load("last.pt", weights_only=True)
func ExampleSave() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "last.pt")

	checkpoint := torch.NewDict(
		"epoch", 3,
		"betas", torch.Tuple{0.9, 0.999},
		"metrics", torch.NewDict("val_loss", []any{0.5, 0.25}),
	)
	if err := pt.Save(path, checkpoint); err != nil {
		panic(err)
	}
	loaded, err := pt.LoadDict(path)
	if err != nil {
		panic(err)
	}
	epoch, err := torch.Value[int](loaded, "epoch")
	fmt.Println(epoch, err, loaded.Keys())

	fmt.Println(pt.Write(os.Stdout, torch.NewDict("metrics", torch.NewDict("val_loss", float32(1)))))
	// Output:
	// 3 <nil> [epoch betas metrics]
	// pt: cannot write: metrics.val_loss: a Go float32 cannot be stored; use *torch.Dict, []any, torch.Tuple, *torch.Tensor, int, int64, float64, bool, string, []byte or nil
}

// Inspect needs no libtorch.
func ExampleInspect() {
	info, err := pt.Inspect(context.Background(), "testdata/checkpoint.pt")
	if err != nil {
		fmt.Println(err)
		return
	}
	t := info.Tensors[0]
	fmt.Println(t.Name, t.DType, t.Shape, t.Bytes, t.SHA256[:8])
	fmt.Println(info.Values.Get("metrics.val_loss"))
	// Output:
	// model_state_dict.fc1.weight float32 [4 3] 48 cf39d16d
	// [0.5 0.25] true
}
