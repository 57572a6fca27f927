// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package ctorch is the only package that calls libtorch, through the bridge
// whose C interface is bridge/ct.h.
//
// It knows handles, frames and errors; what a tensor is to a Go programmer is
// the business of package torch. The rules of the boundary are at the top of
// ct.h. [Ref] makes it safe to close a tensor while others use it.
package ctorch
