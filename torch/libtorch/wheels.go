// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

// A wheel is a pinned package. They are taken without their dependencies, which
// are for Python, so that every byte that is installed is pinned here.
type wheel struct {
	name, version string
	sha256        string
	size          int64 // to download, in bytes
}

const (
	torchVersion       = "2.15.0"
	onnxRuntimeVersion = "1.32.0"
	onnxRuntimeFolder  = "onnxruntime-" + onnxRuntimeVersion
	onnxRuntimeFile    = "libonnxruntime.so." + onnxRuntimeVersion
)

// wheelFolder is the folder of a home that holds the unpacked torch wheel.
func wheelFolder(cuda bool) string {
	if cuda {
		return "libtorch-" + torchVersion + "-cuda"
	}
	return "libtorch-" + torchVersion + "-cpu"
}
