// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics_test

import (
	"fmt"

	"github.com/etude-ml/etude/models/music/dynamics"
)

func ExampleOutputNames() {
	names := dynamics.OutputNames()
	fmt.Println(len(names), names[0], names[len(names)-1])
	// Output: 16 velocity_mean pedal_changes
}
