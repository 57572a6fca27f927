// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command download fills $ETUDE_HOME with libtorch and ONNX Runtime, for the image.
// It is built without what changes often, so that its bytes, and the layer that it
// fills, stay the same.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/etude-ml/etude/torch/libtorch"
)

func main() {
	cuda := flag.Bool("cuda", false, "with all that NVIDIA GPUs need")
	flag.Parse()
	last := ""
	options := libtorch.Options{CUDA: *cuda, Progress: func(e libtorch.Event) {
		if line := e.String(); e.Done == e.Total && line != last {
			last = line
			fmt.Println(line)
		}
	}}
	if err := libtorch.Download(context.Background(), options); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
