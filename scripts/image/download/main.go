// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command download fills $ETUDE_HOME with libtorch and ONNX Runtime, for the image.
// It is built without what changes often, so that its bytes, and the layer that it
// fills, stay the same.
package main

import (
	"github.com/etude-ml/etude/scripts/image"
	"github.com/etude-ml/etude/torch/libtorch"
)

func main() { image.Program(libtorch.Download) }
