// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package wholefile_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/torch/wholefile"
)

// A writer that fails leaves the file as it was.
func ExampleReplace() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "settings.json")
	fmt.Println(wholefile.Write(path, []byte("old")))

	err := wholefile.Replace(path, func(w io.Writer) error {
		io.WriteString(w, "half of the new")
		return errors.New("the disk is full")
	})
	fmt.Println(err != nil)
	content, _ := os.ReadFile(path)
	fmt.Println(string(content))
	// Output:
	// <nil>
	// true
	// old
}

// Check lets a writer test a file before it gets its name.
func ExampleCheck() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.onnx")
	err := wholefile.Check(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "a model")
		return err
	}, func(temp string) error {
		return errors.New("ONNX Runtime computes something else")
	})
	_, missing := os.Stat(path)
	fmt.Println(err != nil, errors.Is(missing, os.ErrNotExist))
	// Output: true true
}
