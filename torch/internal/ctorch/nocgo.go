// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build !cgo

package ctorch

// Without a C compiler on PATH, or with CGO_ENABLED=0, the go command leaves every
// file with cgo out. This name is undefined, so the compiler prints it as its first error.
var _ = cgo_is_off__install_a_C_compiler_such_as_gcc_and_unset_CGO_ENABLED
