// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// Conv is a convolution, strictly a cross-correlation, over 1 to 3 dimensions of space:
//
//	y[n, o] = bias[o] + Σ_c weight[o, c] ⋆ x[n, c]
//
// Shape: [N, in, *] or [in, *] to [N, out, *] or [out, *], where a dimension of L
// elements becomes one of ⌊(L + 2·padding - dilation·(kernel - 1) - 1)/stride⌋ + 1.
//
// Parameters, in order: weight [out, in/groups, kernel…], bias [out]. Both are drawn
// from [-b, b), b = 1/√(in/groups·kernel…).
type Conv struct {
	Stride, Padding, Dilation []int // a number for each dimension
	Same                      bool
	Groups                    int
	PaddingMode               string
	Weight                    *torch.Tensor
	Bias                      *torch.Tensor // nil for none
}

// ConvConfig holds settings that are rarely changed. A list has a number for each
// dimension of space, or one for all of them. The zero value is PyTorch's default.
type ConvConfig struct {
	Stride   []int // nil for 1
	Padding  []int // before and after each dimension; nil for none, PyTorch's "valid"
	Same     bool  // PyTorch's padding "same": as much as keeps the size; the stride must be 1
	Dilation []int // distance of the kernel's elements; nil for 1
	Groups   int   // parts of the channels that do not see each other; 0 stands for 1
	// PaddingMode says what the padding holds: "zeros", also if it is empty, or the input
	// that is mirrored ("reflect"), whose border is repeated ("replicate") or that
	// begins anew ("circular").
	PaddingMode string
	NoBias      bool
	DType       torch.DType // of the parameters
}

// NewConv1d returns a convolution of sequences [N, in, L], on device d.
func NewConv1d(in, out, kernel int, d torch.Device, c ...ConvConfig) *Conv {
	return newConv("nn.Conv1d", in, out, []int{kernel}, 1, d, c)
}

// NewConv2d returns a convolution of images [N, in, H, W], on device d.
func NewConv2d(in, out int, kernel []int, d torch.Device, c ...ConvConfig) *Conv {
	return newConv("nn.Conv2d", in, out, kernel, 2, d, c)
}

// NewConv3d returns a convolution of volumes [N, in, D, H, W], on device d.
func NewConv3d(in, out int, kernel []int, d torch.Device, c ...ConvConfig) *Conv {
	return newConv("nn.Conv3d", in, out, kernel, 3, d, c)
}

var paddingModes = []string{"", "zeros", "reflect", "replicate", "circular"}

func newConv(op string, in, out int, kernel []int, n int, d torch.Device, c []ConvConfig) *Conv {
	config := optional(c, ConvConfig{})
	must(op, slices.Contains(paddingModes, config.PaddingMode), "there is no PaddingMode %q, but %q", config.PaddingMode, paddingModes[1:])
	l := &Conv{
		Stride:   each(op, "Stride", config.Stride, n, 1, 1),
		Padding:  each(op, "Padding", config.Padding, n, 0, 0),
		Dilation: each(op, "Dilation", config.Dilation, n, 1, 1),
		Same:     config.Same, Groups: max(config.Groups, 1), PaddingMode: config.PaddingMode,
	}
	must(op, !l.Same || config.Padding == nil && slices.Max(l.Stride) == 1, "Same does without Padding and with a Stride of 1")
	l.Weight, l.Bias = convParameters(op, out, in, out, kernel, n, d, config)
	return l
}

// convParameters makes the parameters of a convolution whose weight has so many rows and,
// over all groups, columns.
func convParameters(op string, rows, columns, out int, kernel []int, n int, d torch.Device, c ConvConfig) (weight, bias *torch.Tensor) {
	positive(op, "the number of channels", min(rows, columns))
	groups := cmp.Or(c.Groups, 1)
	positive(op, "Groups", groups)
	must(op, rows%groups == 0 && columns%groups == 0, "%d and %d channels cannot be divided into %d groups", columns, rows, groups)
	must(op, kernel != nil, "the kernel has no size")
	shape := append([]int{rows, columns / groups}, each(op, "the kernel", kernel, n, 1, 1)...)
	weight = newParameter(d, c.DType, func(w *torch.Tensor) { KaimingUniform(w, math.Sqrt(5)) }, shape...)
	if !c.NoBias {
		in, _ := fans(op, weight)
		bias = uniformParameter(d, c.DType, 1/math.Sqrt(float64(in)), out)
	}
	return weight, bias
}

// Forward returns the convolution of x.
func (l *Conv) Forward(x *torch.Tensor) *torch.Tensor {
	n := l.Weight.Dim() - 2
	op := layerName("Conv", n)
	channels(op, spatial(op, x, n), n, l.Weight.Size(1)*l.Groups)
	o := torch.ConvOptions{Stride: l.Stride, Padding: l.Padding, Dilation: l.Dilation, Same: l.Same, Groups: l.Groups}
	if l.PaddingMode != "" && l.PaddingMode != "zeros" {
		x = x.Pad(l.paddings(n), l.PaddingMode, 0)
		o.Padding, o.Same = nil, false
	}
	return torch.Conv(x, l.Weight, l.Bias, o)
}

// paddings returns how much stands before and after each dimension, the last one first.
func (l *Conv) paddings(n int) (pad []int) {
	for i := n - 1; i >= 0; i-- {
		before, after := l.Padding[i], l.Padding[i]
		if l.Same {
			total := l.Dilation[i] * (l.Weight.Size(2+i) - 1)
			before = total / 2
			after = total - before
		}
		pad = append(pad, before, after)
	}
	return pad
}

// ConvTranspose is a transposed convolution over 1 to 3 dimensions of space: it maps as
// the gradient of a [Conv] from out to in channels does. From "A guide to convolution
// arithmetic for deep learning", Dumoulin and Visin, 2016.
//
// Shape: [N, in, *] or [in, *] to [N, out, *] or [out, *], where a dimension of L elements
// becomes one of (L - 1)·stride - 2·padding + dilation·(kernel - 1) + outputPadding + 1.
//
// Parameters, in order: weight [in, out/groups, kernel…], bias [out]. Both are drawn
// from [-b, b), b = 1/√(out/groups·kernel…).
type ConvTranspose struct {
	Stride, Padding, OutputPadding, Dilation []int // a number for each dimension
	Groups                                   int
	Weight                                   *torch.Tensor
	Bias                                     *torch.Tensor // nil for none
}

// ConvTransposeConfig holds settings that are rarely changed; see [ConvConfig].
type ConvTransposeConfig struct {
	Stride        []int // nil for 1
	Padding       []int // how much is cut off before and after each dimension; nil for 0
	OutputPadding []int // how much longer each dimension is at its end; nil for 0
	Dilation      []int // nil for 1
	Groups        int   // 0 stands for 1
	NoBias        bool
	DType         torch.DType // of the parameters
}

// NewConvTranspose1d returns a transposed convolution of sequences [N, in, L], on device d.
func NewConvTranspose1d(in, out, kernel int, d torch.Device, c ...ConvTransposeConfig) *ConvTranspose {
	return newConvTranspose("nn.ConvTranspose1d", in, out, []int{kernel}, 1, d, c)
}

// NewConvTranspose2d returns a transposed convolution of images [N, in, H, W], on device d.
func NewConvTranspose2d(in, out int, kernel []int, d torch.Device, c ...ConvTransposeConfig) *ConvTranspose {
	return newConvTranspose("nn.ConvTranspose2d", in, out, kernel, 2, d, c)
}

// NewConvTranspose3d returns a transposed convolution of volumes [N, in, D, H, W], on device d.
func NewConvTranspose3d(in, out int, kernel []int, d torch.Device, c ...ConvTransposeConfig) *ConvTranspose {
	return newConvTranspose("nn.ConvTranspose3d", in, out, kernel, 3, d, c)
}

func newConvTranspose(op string, in, out int, kernel []int, n int, d torch.Device, c []ConvTransposeConfig) *ConvTranspose {
	config := optional(c, ConvTransposeConfig{})
	l := &ConvTranspose{
		Stride:        each(op, "Stride", config.Stride, n, 1, 1),
		Padding:       each(op, "Padding", config.Padding, n, 0, 0),
		OutputPadding: each(op, "OutputPadding", config.OutputPadding, n, 0, 0),
		Dilation:      each(op, "Dilation", config.Dilation, n, 1, 1),
		Groups:        cmp.Or(config.Groups, 1),
	}
	l.Weight, l.Bias = convParameters(op, in, out, out, kernel, n, d, ConvConfig{Groups: l.Groups, NoBias: config.NoBias, DType: config.DType})
	return l
}

// Forward returns the transposed convolution of x.
func (l *ConvTranspose) Forward(x *torch.Tensor) *torch.Tensor { return l.forward(x, l.OutputPadding) }

// ForwardSize is Forward to an output with that size of each dimension of space, in place
// of OutputPadding: a stride maps several sizes to one, and this says which it was.
func (l *ConvTranspose) ForwardSize(x *torch.Tensor, size ...int) *torch.Tensor {
	n := l.Weight.Dim() - 2
	op := layerName("ConvTranspose", n)
	shape := spatial(op, x, n)
	must(op, len(size) == n, "the size %v has no number for each of the %d dimensions of space", size, n)
	extra := make([]int, n)
	for i := range n {
		least := (shape[len(shape)-n+i]-1)*l.Stride[i] - 2*l.Padding[i] + l.Dilation[i]*(l.Weight.Size(2+i)-1) + 1
		extra[i] = size[i] - least
		must(op, extra[i] >= 0 && extra[i] < l.Stride[i], "the size of dimension %d is %d; from this input it can be %d to %d", i, size[i], least, least+l.Stride[i]-1)
	}
	return l.forward(x, extra)
}

func (l *ConvTranspose) forward(x *torch.Tensor, extra []int) *torch.Tensor {
	n := l.Weight.Dim() - 2
	op := layerName("ConvTranspose", n)
	channels(op, spatial(op, x, n), n, l.Weight.Size(0))
	return torch.ConvTranspose(x, l.Weight, l.Bias, torch.ConvOptions{
		Stride: l.Stride, Padding: l.Padding, OutputPadding: extra, Dilation: l.Dilation, Groups: l.Groups,
	})
}
