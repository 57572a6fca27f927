// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection_test

import (
	"fmt"

	"github.com/etude-ml/etude/models/dataset/collection"
)

func ExampleNames() {
	fmt.Println(collection.Names())
	// Output: [deam pmemo emopia vgmidi maestro groove billboard emodb]
}
