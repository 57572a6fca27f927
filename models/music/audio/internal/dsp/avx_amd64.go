// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dsp

import "golang.org/x/sys/cpu"

var hasAVX = cpu.X86.HasAVX

// passAVX does what pass.run does, two butterflies at a time.
//
//go:noescape
func passAVX(y, b, c, d []complex128)

// dot16AVX does what dot16 does.
//
//go:noescape
func dot16AVX(a, b *[16]float64) float64
