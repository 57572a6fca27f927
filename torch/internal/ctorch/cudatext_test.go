// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ctorch

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The texts are libtorch 2.15's, as its source puts them together.
func TestTextsOfCUDA(t *testing.T) {
	const advice = "\nCUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect." +
		"\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\nDevice-side assertion tracking was not enabled by user.\n"
	for _, c := range []struct {
		text string
		want []string // the beginning, and other parts
	}{
		{"CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 8.35 GiB is free." +
			" If reserved but unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation." +
			"  See documentation for Memory Management  (https://docs.pytorch.org/docs/stable/notes/cuda.html)",
			[]string{"CUDA out of memory. Tried to allocate 20.00 GiB. ", " to avoid fragmentation. A smaller batch needs less"}},
		{"CUDA error: device-side assert triggered" + advice,
			[]string{"CUDA error: device-side assert triggered: a class or an index is out of range", "CUDA_LAUNCH_BLOCKING=1 names it", "any more"}},
		{"CUDA error: an illegal memory access was encountered" + advice,
			[]string{"CUDA error: an illegal memory access was encountered. An operator before", "any more"}},
		{"CUDA error: no kernel image is available for execution on the device" + advice,
			[]string{"CUDA error: no kernel image is available for execution on the device: this libtorch", "--device cpu"}},
		{"CUDA error: operation not permitted when stream is capturing" + advice,
			[]string{"CUDA error: operation not permitted when stream is capturing"}},
		{"mat1 and mat2 shapes cannot be multiplied", []string{"mat1 and mat2 shapes cannot be multiplied"}},
	} {
		got := cudaText(c.text)
		assert.NotContains(t, got, "\n")
		assert.NotContains(t, got, "stacktrace")
		assert.NotContains(t, got, "https:")
		assert.True(t, strings.HasPrefix(got, c.want[0]), got)
		for _, part := range c.want {
			assert.Contains(t, got, part)
		}
	}
}
