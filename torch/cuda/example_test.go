// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cuda_test

import (
	"fmt"

	"github.com/etude-ml/etude/torch/cuda"
)

// The memory of each GPU; a machine without one prints why.
func ExampleMemoryInfo() {
	if err := cuda.Available(); err != nil {
		fmt.Println(err)
		return
	}
	for i := range cuda.DeviceCount() {
		free, total, err := cuda.MemoryInfo(i)
		fmt.Println(i, free, total, err)
	}
}
