// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command setup compiles the bridge in $ETUDE_HOME, for the image. It does what
// `etude setup` does, and is rebuilt less often.
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
	if _, err := libtorch.Setup(context.Background(), options); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
