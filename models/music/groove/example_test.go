// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package groove_test

import (
	"fmt"

	"github.com/etude-ml/etude/models/music/groove"
)

func ExampleOutputNames() {
	names := groove.OutputNames()
	fmt.Println(len(names), names[0], names[len(names)-1])
	// Output: 32 velocity_0 offset_15
}
