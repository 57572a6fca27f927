// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package inspect_test

import (
	"fmt"

	"github.com/etude-ml/etude/torch/inspect"
)

// A reader that was given another kind of file names it in its error.
func ExampleOtherFile() {
	fmt.Println(inspect.OtherFile([]byte("\x89HDF\r\n\x1a\n")))
	// Output: it is an HDF5 file, of Keras perhaps, and not of torch.save
}
