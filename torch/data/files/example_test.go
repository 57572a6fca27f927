// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/data/files"
)

// A table with a class to predict, a missing value and a split that keeps the shares of
// the classes.
func ExampleReadCSV() {
	if err := torch.Init(); err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "iris.csv")
	text := "petal length,petal width,species\n1.4,0.2,setosa\n4.7,,versicolor\n1.5,0.2,setosa\n4.5,1.5,versicolor\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	iris, err := files.ReadCSV(path, files.Columns{
		Targets: []string{"species"}, Classes: map[string][]string{"species": nil},
		Fill: map[string]string{"petal width": files.Mean},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer iris.Close()
	fmt.Println(iris.Inputs, iris.X.Shape(), iris.Classes["species"], torch.ToSlice[int64](iris.Y))
	fmt.Printf("%+v\n", iris.Filled)

	train, val, err := data.SplitStratified(torch.ToSlice[int64](iris.Y), 0.5, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(train), len(val))
	// Output:
	// [petal length petal width] [4 2] [setosa versicolor] [0 1 0 1]
	// [{Column:petal width With:0.6333333 Count:1}]
	// 2 2
}

// Images in folders that are named after their classes, resized and in grey.
func ExampleReadImages() {
	if err := torch.Init(); err != nil {
		fmt.Println(err)
		return
	}
	set, err := files.ReadImages("testdata/images", files.Images{Size: [2]int{32, 32}, Grey: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer set.Close()
	fmt.Println(set.X.Shape(), set.X.DType(), set.Classes["class"], torch.ToSlice[int64](set.Y))
	fmt.Println(set.Skipped[0].Name, len(set.Skipped))
	// Output:
	// [5 1 32 32] float32 [Zebra cat empty] [0 0 0 1 1]
	// cat/notes.txt 5
}

// The same images, read while a network trains.
func ExampleOpenImages() {
	if err := torch.Init(); err != nil {
		fmt.Println(err)
		return
	}
	folder, err := files.OpenImages("testdata/images", files.Images{Size: [2]int{32, 32}, Grey: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	loader := &data.Loader{Data: folder, MaxSkip: 1}
	for batch, err := range loader.Epoch(data.Epoch{Size: folder.Len()}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(batch.X.Shape(), torch.ToSlice[int64](batch.Y))
	}
	fmt.Println(loader.Skipped()[0].Name)
	// Output:
	// [5 1 32 32] [0 0 0 1 1]
	// cat/bad.png (sample 5)
}
