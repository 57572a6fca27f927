// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"strconv"
	"strings"
)

// maxPrinted is how many elements String shows; beyond, it shows none.
const maxPrinted = 64

func format(t *Tensor) string {
	if t == nil {
		return "<nil>"
	}
	if t.Closed() {
		return "tensor(closed)"
	}
	var b strings.Builder
	shape, dtype, device := t.Shape(), t.DType(), t.Device()
	b.WriteString("tensor(")
	if n := t.Numel(); n > 0 && n <= maxPrinted && dtype != Complex32 && dtype != Complex64 && dtype != Complex128 {
		elements(&b, t.Float64s(), shape, dtype)
		b.WriteString(", ")
	}
	fmt.Fprintf(&b, "shape=%v, dtype=%v", shape, dtype)
	if device != CPU {
		fmt.Fprintf(&b, ", device=%v", device)
	}
	b.WriteString(")")
	return b.String()
}

func elements(b *strings.Builder, xs []float64, shape []int, d DType) {
	if len(shape) == 0 {
		if d == Bool {
			b.WriteString(strconv.FormatBool(xs[0] != 0))
			return
		}
		b.WriteString(strconv.FormatFloat(xs[0], 'g', 6, 64))
		return
	}
	b.WriteByte('[')
	step := len(xs) / shape[0]
	for i := range shape[0] {
		if i > 0 {
			b.WriteByte(' ')
		}
		elements(b, xs[i*step:(i+1)*step], shape[1:], d)
	}
	b.WriteByte(']')
}
