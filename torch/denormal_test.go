// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

var tiny = float32(1e-39) // a variable, so that Go computes with it when the test runs

// Every thread that computes takes denormal numbers for zero while it is asked to, and none
// otherwise; Go's arithmetic never does.
func TestFlushDenormal(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, threads := range []int{1, 4, 2, 4} { // helpers are started and dismissed
		torch.Threads(threads, func() {
			torch.Scope(func() {
				x := torch.Full([]int{1 << 18}, tiny)
				see := func(want float32, where string) {
					t.Helper()
					for range 2 {
						got := x.MulScalar(1).Float32s()
						assert.Equal(t, []float32{want, want}, []float32{slices.Min(got), slices.Max(got)}, "%s, %d threads", where, threads)
					}
					assert.NotZero(t, tiny*0.5, "Go's own arithmetic")
				}
				see(tiny, "before")
				torch.FlushDenormal(true, func() {
					see(0, "inside")
					torch.FlushDenormal(false, func() { see(tiny, "switched off inside") })
					see(0, "inside again")
				})
				see(tiny, "after")

				torch.SetFlushDenormal(true)
				see(0, "in the process")
				torch.FlushDenormal(false, func() { see(tiny, "switched off in the process") })
				torch.SetFlushDenormal(false)
				see(tiny, "at the end")
			})
		})
	}
}

// Numbers that are not denormal keep their bits.
func ExampleFlushDenormal() {
	torch.Scope(func() {
		x := torch.FromSlice([]float32{1.5, 1e-38, 1e-40}, 3)
		torch.FlushDenormal(true, func() { fmt.Println(x.AddScalar(0).Float32s()) })
	})
	// Output:
	// [1.5 0 0]
}
