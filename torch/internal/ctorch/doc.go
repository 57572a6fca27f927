// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package ctorch is the only package that calls libtorch, through the bridge
// whose C interface is bridge/ct.h.
//
// It knows handles, frames and errors; package torch makes tensors of them. The rules
// of the boundary are at the top of ct.h. [Ref] makes it safe to close a tensor while
// others use it.
package ctorch
