// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package operators_test

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest/operators"
)

// Every case can be compared between the CPU and another device.
func ExampleCase_Check() {
	for _, c := range operators.All()[:2] {
		r := c.Check(torch.CPU)
		fmt.Println(r.Case, r.Ops, r.Kind, r.OK)
	}
	// Output:
	// Zeros [aten::zeros] exact true
	// Ones [aten::ones] exact true
}
