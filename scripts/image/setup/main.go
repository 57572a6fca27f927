// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command setup compiles the bridge in $ETUDE_HOME, for the image. It does what
// `etude setup` does, and is rebuilt less often.
package main

import (
	"context"

	"github.com/etude-ml/etude/scripts/image"
	"github.com/etude-ml/etude/torch/libtorch"
)

func main() {
	image.Program(func(ctx context.Context, o libtorch.Options) error {
		_, err := libtorch.Setup(ctx, o)
		return err
	})
}
