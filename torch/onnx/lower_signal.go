// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import "github.com/etude-ml/etude/torch/internal/fail"

// lowerSTFT writes the spectra of frames, with PyTorch's order of dimensions.
func lowerSTFT(c *call) {
	x, n := c.tensor("self"), c.int("n_fft")
	if c.bool("normalized") || c.bool("align_to_window") {
		fail.With("%s: normalized and align_to_window cannot be exported: divide the result, or pad the signal", c.node.Op)
	}
	hop := int(c.numberOr("hop_length", float64(n/4)))
	length := int(c.numberOr("win_length", float64(n)))
	onesided := flag(!c.has("onesided") || c.bool("onesided"))
	window := c.optional("window")
	if window == nil {
		window = c.filled([]size{{fixed: length}}, x.dtype, 1)
	}
	w := c.in(window)
	if before := (n - length) / 2; length < n {
		w = c.add("Pad", []string{w, c.vector(before, n-length-before)})
	}
	c.batched(x, 2, func(y string) string {
		y = c.add("STFT", []string{c.unsqueeze(y, 2), c.integer(hop), w, c.integer(n)}, attrInt("onesided", onesided))
		return c.transpose(y, 0, 2, 1, 3)
	})
}

// parts returns the real and imaginary parts of complex numbers as the last dimension of a
// tensor of the file.
func (c *call) parts() string {
	x := c.tensor("self")
	if x.parts == "" {
		fail.With("%s: ONNX has no complex numbers, and only those of an STFT can be exported", c.node.Op)
	}
	return x.parts
}

func lowerViewAsReal(c *call) { c.set(0, c.parts()) }

// part writes the real parts of numbers, 0, or the imaginary ones of complex numbers, 1.
func part(i int) lowering {
	return func(c *call) {
		if x := c.tensor("self"); i == 0 && !x.dtype.IsComplex() {
			c.alias(0, x)
			return
		}
		c.set(0, c.gather(c.parts(), c.integer(i), -1))
	}
}

// lowerAbs writes magnitudes of numbers, also of complex ones.
func lowerAbs(c *call) {
	x := c.tensor("self")
	if !x.dtype.IsComplex() {
		node("Abs", "self")(c)
		return
	}
	c.set(0, c.formula(c.dtypeOf(0), "Sqrt(y)", map[string]string{
		"y": c.reduced("ReduceSum", c.add("Mul", []string{c.parts(), c.parts()}), false, len(x.shape)),
	}))
}
