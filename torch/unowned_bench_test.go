// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"fmt"
	"testing"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// BenchmarkDropped measures the cost of a tensor that is dropped outside any scope, where its
// bytes are counted and the garbage collector frees it, and of one that a scope frees.
func BenchmarkDropped(b *testing.B) {
	torchtest.Need(b)
	for _, n := range []int{1, 1 << 10, 10 << 20} {
		b.Run(fmt.Sprintf("unscoped/%d", n), func(b *testing.B) {
			for b.Loop() {
				torch.Empty([]int{n})
			}
		})
		b.Run(fmt.Sprintf("scoped/%d", n), func(b *testing.B) {
			for b.Loop() {
				torch.Scope(func() { torch.Empty([]int{n}) })
			}
		})
	}
}
