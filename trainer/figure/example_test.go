// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package figure_test

import (
	"fmt"

	"github.com/etude-ml/etude/trainer/figure"
)

// Ticks stand on round numbers, whatever the range.
func ExampleTicks() {
	p := figure.New("epoch", "loss", 10, 8)
	p.Y.Tick.Marker = figure.Ticks{Most: 4}
	for _, t := range p.Y.Tick.Marker.Ticks(0.013, 0.083) {
		fmt.Println(t.Label)
	}
	// Output:
	// 0.02
	// 0.04
	// 0.06
	// 0.08
}
