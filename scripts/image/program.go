// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package image

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/etude-ml/etude/torch/libtorch"
)

// Program is the main function of download and setup. It calls work with the options of
// the command line, and ends the process with exit code 1 if work fails.
func Program(work func(context.Context, libtorch.Options) error) {
	cuda := flag.Bool("cuda", false, "with all that NVIDIA GPUs need")
	flag.Parse()
	last := ""
	options := libtorch.Options{CUDA: *cuda, Progress: func(e libtorch.Event) {
		if line := e.String(); e.Done == e.Total && line != last { // one line a wheel
			last = line
			fmt.Println(line)
		}
	}}
	if err := work(context.Background(), options); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
