// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package bridge holds the C++ sources that stand between Go and libtorch.
//
// They are embedded, not compiled by Go: [github.com/etude-ml/etude/torch/libtorch]
// compiles them against the libtorch it finds, and ctorch loads the result.
package bridge

import (
	"embed"
	"io/fs"
)

// ABI is CT_ABI of ct.h; a test compares them. The CUDA bridge has its own, which
// ctorch checks when it loads it.
const ABI = 8

//go:embed cpp
var embedded embed.FS

// Files holds the bridge (*.cpp, *.h at the top), the CUDA bridge (cuda/) and
// the pretend accelerator that tests use (pretend/). A program that never calls
// it does not contain them.
func Files() fs.FS {
	files, err := fs.Sub(embedded, "cpp")
	if err != nil {
		panic(err) // the pattern above names the folder
	}
	return files
}
