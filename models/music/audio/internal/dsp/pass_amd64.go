// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dsp

import "golang.org/x/sys/cpu"

var hasAVX = cpu.X86.HasAVX

// passAVX does what pass.run does, two butterflies at a time.
//
//go:noescape
func passAVX(y, b, c, d []complex128)
