// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build !amd64

package dsp

const hasAVX = false

const noAssembly = "dsp: there is no assembly for this processor"

func passAVX(y, b, c, d []complex128)    { panic(noAssembly) }
func dot16AVX(a, b *[16]float64) float64 { panic(noAssembly) }
