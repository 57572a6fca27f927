// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command etude trains small music networks on libtorch and hands them over as
// PyTorch and ONNX files. `etude --help` explains how.
package main

import (
	"os"

	"github.com/etude-ml/etude/scripts/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
