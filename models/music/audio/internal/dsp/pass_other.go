// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build !amd64

package dsp

const hasAVX = false

func passAVX(y, b, c, d []complex128) { panic("dsp: there is no assembly for this processor") }
