// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch_test

import (
	"context"
	"fmt"

	"github.com/etude-ml/etude/torch/libtorch"
)

// A program that finds out what is missing before it touches a tensor.
func ExampleDoctor() {
	report := libtorch.Doctor(context.Background())
	for _, part := range report.Parts {
		fmt.Println(part.Name, part.Status, part.Mend)
	}
}
