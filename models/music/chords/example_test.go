// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords_test

import (
	"fmt"

	"github.com/etude-ml/etude/models/music/chords"
)

// In C major, the same chord has one class in Harte's syntax and as lead sheets write it.
func ExampleParse() {
	for _, name := range []string{"C:min7", "Cm7", "Db:maj", "N"} {
		chord, err := chords.Parse(name)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(name, chord.Class(0), chords.ClassName(chord.Class(0)))
	}
	// Output:
	// C:min7 1 i
	// Cm7 1 i
	// Db:maj 5 bII
	// N 60 N
}
