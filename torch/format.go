// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// PyTorch's settings for printing (torch.set_printoptions).
const (
	printPrecision = 4    // digits after the point
	printThreshold = 1000 // with more elements only the corners are shown
	printEdge      = 3    // entries at each end of a dimension of which corners are shown
	printWidth     = 80   // characters on a line
)

// String describes the tensor, with its elements when they are few.
func (t *Tensor) String() string { return format(t) }

// format writes t as PyTorch does (torch/_tensor_str.py). Of a tensor without strides, as
// a sparse one, it shows no elements.
func format(t *Tensor) string {
	switch {
	case t == nil:
		return "<nil>"
	case t.Closed():
		return "tensor(closed)"
	case t.ref.Empty():
		return "tensor(zero value)"
	}
	const prefix = "tensor("
	info := t.describe("String")
	dtype, device := dtypeOf(info.DType), t.Device()
	text, suffixes := "...", []string{}
	if device != CPU {
		name := device.String()
		if info.DeviceIndex < 0 {
			name, _, _ = strings.Cut(name, ":")
		}
		suffixes = append(suffixes, "device='"+name+"'")
	}
	size := "size=(" + strings.Join(convertEach(info.Sizes, strconv.Itoa), ", ") + ")"
	if len(info.Sizes) == 1 {
		size = "size=(" + strconv.Itoa(info.Sizes[0]) + ",)"
	}
	hidden := dtype == Float32 || dtype == Complex64 || dtype == Int64 || dtype == Bool
	switch {
	case !info.IsStrided || device.Type == deviceMeta:
		suffixes = append(suffixes, size)
		hidden = dtype == Float32
	case info.Numel == 0:
		text = "[]"
		if len(info.Sizes) != 1 {
			suffixes = append(suffixes, size)
		}
		hidden = dtype == Float32
	default:
		NoGrad(func() { Scope(func() { text = elementsText(t.Detach(), len(prefix)) }) })
	}
	if !hidden {
		suffixes = append(suffixes, "dtype=torch."+dtype.String())
	}
	if name := t.gradFn(); name != "" {
		suffixes = append(suffixes, "grad_fn=<"+name+">")
	} else if info.RequiresGrad {
		suffixes = append(suffixes, "requires_grad=True")
	}
	return addSuffixes(prefix+text, suffixes, len(prefix))
}

func (t *Tensor) gradFn() string {
	h := t.enter("grad_fn")
	defer t.ref.Leave()
	name, err := ctorch.GradFn(h)
	if err != nil {
		return "Invalid" // PyTorch's word for a graph that a change in place has broken
	}
	return name
}

func addSuffixes(text string, suffixes []string, indent int) string {
	line := len(text) - strings.LastIndexByte(text, '\n') + 1
	for _, s := range suffixes {
		if line+len(s)+2 > printWidth {
			text += ",\n" + strings.Repeat(" ", indent) + s
			line = indent + len(s)
		} else {
			text += ", " + s
			line += len(s) + 2
		}
	}
	return text + ")"
}

// elementsText writes the elements, which begin in column indent.
func elementsText(t *Tensor, indent int) string {
	shape := t.Shape()
	summarize := t.Numel() > printThreshold
	if summarize {
		t = corners(t)
	}
	if t.DType().IsComplex() {
		raw := on("aten::resolve_conj", t.ToDType(Complex128)).one().Bytes()
		re, im := make([]float64, len(raw)/16), make([]float64, len(raw)/16)
		for i := range re {
			re[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[16*i:]))
			im[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[16*i+8:]))
		}
		left, width := formatFloats(re)
		right, more := formatFloats(im)
		for i, s := range right {
			s = strings.TrimLeft(s, " ") + "j"
			if s[0] != '-' {
				s = "+" + s
			}
			left[i] += s
		}
		return layOut(left, shape, width+more+3, indent, summarize)
	}
	var texts []string
	width := 1
	switch d := t.DType(); {
	case d.IsFloating():
		texts, width = formatFloats(t.Float64s())
		return layOut(texts, shape, width+2, indent, summarize)
	case d == Bool:
		texts = convertEach(ToSlice[bool](t), func(b bool) string { return map[bool]string{true: "True", false: "False"}[b] })
	case d == UInt64:
		texts = convertEach(ToSlice[uint64](t), func(x uint64) string { return strconv.FormatUint(x, 10) })
	default:
		texts = convertEach(ToSlice[int64](t.ToDType(Int64)), func(x int64) string { return strconv.FormatInt(x, 10) })
	}
	for _, s := range texts {
		width = max(width, len(s))
	}
	return layOut(convertEach(texts, func(s string) string { return pad(s, width) }), shape, width+2, indent, summarize)
}

func pad(s string, width int) string { return strings.Repeat(" ", max(0, width-len(s))) + s }

// corners leaves the ends of each dimension that is longer than both of them.
func corners(t *Tensor) *Tensor {
	for d, n := range t.Shape() {
		if n > 2*printEdge {
			t = Cat([]*Tensor{t.Narrow(d, 0, printEdge), t.Narrow(d, n-printEdge, printEdge)}, d)
		}
	}
	return t
}

// formatFloats writes all numbers in one way and to one width.
func formatFloats(xs []float64) (texts []string, width int) {
	whole, any := true, false
	least, most := math.Inf(1), 0.0
	for _, x := range xs {
		if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
			continue
		}
		any = true
		whole = whole && x == math.Ceil(x)
		least, most = min(least, math.Abs(x)), max(most, math.Abs(x))
	}
	verb, precision, point := byte('f'), printPrecision, ""
	switch {
	case any && (most/least > 1000 || most > 1e8 || least < 1e-4):
		verb = 'e'
	case whole:
		precision, point = 0, "."
	}
	texts = convertEach(xs, func(x float64) string {
		switch {
		case math.IsNaN(x):
			return "nan"
		case math.IsInf(x, 0):
			return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(x, 'f', 0, 64), "+"))
		}
		return strconv.FormatFloat(x, verb, precision, 64) + point
	})
	width = 1
	for i, x := range xs {
		// Zeros, infinities and NaN take what place there is.
		if x != 0 && !math.IsInf(x, 0) && !math.IsNaN(x) {
			width = max(width, len(texts[i]))
		}
	}
	return convertEach(texts, func(s string) string { return pad(s, width) }), width
}

// layOut writes texts as nested lists. With summarize the texts are those of the corners;
// entry is how many characters one takes with comma and space.
func layOut(texts []string, shape []int, entry, indent int, summarize bool) string {
	if len(shape) == 0 {
		return texts[0]
	}
	n, cut := shape[0], summarize && shape[0] > 2*printEdge
	if cut {
		n = 2 * printEdge
	}
	if len(shape) == 1 {
		if cut {
			texts = append(append(append([]string{}, texts[:printEdge]...), " ..."), texts[printEdge:]...)
		}
		perLine := max(1, (printWidth-indent)/entry)
		var lines []string
		for i := 0; i < len(texts); i += perLine {
			lines = append(lines, strings.Join(texts[i:min(i+perLine, len(texts))], ", "))
		}
		return "[" + strings.Join(lines, ",\n"+strings.Repeat(" ", indent+1)) + "]"
	}
	step := len(texts) / n
	var slices []string
	for i := range n {
		if cut && i == printEdge {
			slices = append(slices, "...")
		}
		slices = append(slices, layOut(texts[i*step:(i+1)*step], shape[1:], entry, indent+1, summarize))
	}
	return "[" + strings.Join(slices, ","+strings.Repeat("\n", len(shape)-1)+strings.Repeat(" ", indent+1)) + "]"
}
