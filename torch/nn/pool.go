// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

// The pools work on windows of 1 to 3 dimensions of space: [N, C, *] or [C, *] to the
// same with another size of *. With windows of given size, a dimension of L elements
// becomes one of ⌊(L + 2·padding - dilation·(kernel - 1) - 1)/stride⌋ + 1, or ⌈…⌉ with
// CeilMode, where a window that would begin in the padding at the end is left out.

// PoolConfig holds settings of [AvgPool], [MaxPool] and [LPPool] that are rarely changed.
// A list has a number for each dimension of space, or one for all of them. The zero value
// is PyTorch's default.
type PoolConfig struct {
	Stride   []int // nil for the kernel, so that windows do not overlap
	Padding  []int // before and after each dimension, at most half of the kernel; nil for none; not of LPPool
	CeilMode bool  // count windows that begin inside and end outside
	Dilation []int // of MaxPool: the distance of a window's elements; nil for 1
	// ExcludePadding and DivisorOverride are those of AvgPool. The mean does not count
	// the zeros of the padding (PyTorch's count_include_pad=False); the sum is divided
	// by this number (0 for none), only in 2 and 3 dimensions.
	ExcludePadding  bool
	DivisorOverride int
}

// windows returns the kernel and the settings of a pool, with a number for each of n
// dimensions.
func windows(op string, kernel []int, n int, settings []PoolConfig) ([]int, PoolConfig) {
	must(op, kernel != nil, "the kernel has no size")
	c := optional(settings, PoolConfig{})
	kernel = each(op, "the kernel", kernel, n, 1, 1)
	if c.Stride == nil {
		c.Stride = kernel
	}
	c.Stride = each(op, "Stride", c.Stride, n, 1, 1)
	c.Padding = each(op, "Padding", c.Padding, n, 0, 0)
	c.Dilation = each(op, "Dilation", c.Dilation, n, 1, 1)
	for i, p := range c.Padding {
		must(op, p <= kernel[i]/2, "Padding is %v; it can be at most half of the kernel %v", c.Padding, kernel)
	}
	return kernel, c
}

// AvgPool is the mean of each window.
type AvgPool struct {
	Kernel, Stride, Padding []int // a number for each dimension
	CeilMode                bool
	ExcludePadding          bool
	DivisorOverride         int
}

// NewAvgPool1d returns an AvgPool of sequences [N, C, L].
func NewAvgPool1d(kernel int, c ...PoolConfig) *AvgPool { return newAvgPool([]int{kernel}, 1, c) }

// NewAvgPool2d returns an AvgPool of images [N, C, H, W].
func NewAvgPool2d(kernel []int, c ...PoolConfig) *AvgPool { return newAvgPool(kernel, 2, c) }

// NewAvgPool3d returns an AvgPool of volumes [N, C, D, H, W].
func NewAvgPool3d(kernel []int, c ...PoolConfig) *AvgPool { return newAvgPool(kernel, 3, c) }

func newAvgPool(kernel []int, n int, c []PoolConfig) *AvgPool {
	kernel, config := windows(layerName("AvgPool", n), kernel, n, c)
	must("nn.AvgPool1d", config.DivisorOverride == 0 || n > 1, "only AvgPool2d and AvgPool3d have a DivisorOverride")
	return &AvgPool{kernel, config.Stride, config.Padding, config.CeilMode, config.ExcludePadding, config.DivisorOverride}
}

// Forward returns the means of the windows of x.
func (l *AvgPool) Forward(x *torch.Tensor) *torch.Tensor {
	spatial(layerName("AvgPool", len(l.Kernel)), x, len(l.Kernel))
	return torch.AvgPool(x, l.Kernel, torch.PoolOptions{
		Stride: l.Stride, Padding: l.Padding, Ceil: l.CeilMode, ExcludePadding: l.ExcludePadding, Divisor: l.DivisorOverride,
	})
}

// MaxPool is the largest element of each window. The padding counts as -∞.
type MaxPool struct {
	Kernel, Stride, Padding, Dilation []int // a number for each dimension
	CeilMode                          bool
}

// NewMaxPool1d returns a MaxPool of sequences [N, C, L].
func NewMaxPool1d(kernel int, c ...PoolConfig) *MaxPool { return newMaxPool([]int{kernel}, 1, c) }

// NewMaxPool2d returns a MaxPool of images [N, C, H, W].
func NewMaxPool2d(kernel []int, c ...PoolConfig) *MaxPool { return newMaxPool(kernel, 2, c) }

// NewMaxPool3d returns a MaxPool of volumes [N, C, D, H, W].
func NewMaxPool3d(kernel []int, c ...PoolConfig) *MaxPool { return newMaxPool(kernel, 3, c) }

func newMaxPool(kernel []int, n int, c []PoolConfig) *MaxPool {
	kernel, config := windows(layerName("MaxPool", n), kernel, n, c)
	return &MaxPool{kernel, config.Stride, config.Padding, config.Dilation, config.CeilMode}
}

func (l *MaxPool) options(x *torch.Tensor) torch.PoolOptions {
	spatial(layerName("MaxPool", len(l.Kernel)), x, len(l.Kernel))
	return torch.PoolOptions{Stride: l.Stride, Padding: l.Padding, Dilation: l.Dilation, Ceil: l.CeilMode}
}

// Forward returns the largest elements of the windows of x.
func (l *MaxPool) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.MaxPool(x, l.Kernel, l.options(x))
}

// ForwardIndices is Forward that also returns where the elements stand in x, numbered
// through all dimensions of space, for [MaxUnpool].
func (l *MaxPool) ForwardIndices(x *torch.Tensor) (y, indices *torch.Tensor) {
	return torch.MaxPoolIndices(x, l.Kernel, l.options(x))
}

// MaxUnpool puts the results of a [MaxPool] back to where they came from, among zeros.
type MaxUnpool struct {
	Kernel, Stride, Padding []int // those of the pool, a number for each dimension
}

// NewMaxUnpool1d undoes a MaxPool1d. Of the settings, only Stride and Padding count.
func NewMaxUnpool1d(kernel int, c ...PoolConfig) *MaxUnpool { return newMaxUnpool([]int{kernel}, 1, c) }

// NewMaxUnpool2d undoes a MaxPool2d; see NewMaxUnpool1d.
func NewMaxUnpool2d(kernel []int, c ...PoolConfig) *MaxUnpool { return newMaxUnpool(kernel, 2, c) }

// NewMaxUnpool3d undoes a MaxPool3d; see NewMaxUnpool1d.
func NewMaxUnpool3d(kernel []int, c ...PoolConfig) *MaxUnpool { return newMaxUnpool(kernel, 3, c) }

func newMaxUnpool(kernel []int, n int, c []PoolConfig) *MaxUnpool {
	kernel, config := windows(layerName("MaxUnpool", n), kernel, n, c)
	return &MaxUnpool{kernel, config.Stride, config.Padding}
}

// Forward returns zeros with the elements of x at indices. A dimension of L elements
// becomes one of (L - 1)·stride + kernel - 2·padding.
func (l *MaxUnpool) Forward(x, indices *torch.Tensor) *torch.Tensor { return l.ForwardSize(x, indices) }

// ForwardSize is Forward to that size of each dimension of space: a stride maps several
// sizes to one, and this says which it was.
func (l *MaxUnpool) ForwardSize(x, indices *torch.Tensor, size ...int) *torch.Tensor {
	n := len(l.Kernel)
	op := layerName("MaxUnpool", n)
	shape, usual := spatial(op, x, n), make([]int, n)
	for i := range n {
		usual[i] = (shape[len(shape)-n+i]-1)*l.Stride[i] + l.Kernel[i] - 2*l.Padding[i]
	}
	if size == nil {
		size = usual
	} else if len(size) != n {
		throw(op, "the size %v has no number for each of the %d dimensions of space", size, n)
	}
	for i, m := range size {
		must(op, m > usual[i]-l.Stride[i] && m < usual[i]+l.Stride[i], "the size of dimension %d is %d; from this input it can be %d to %d", i, m, usual[i]-l.Stride[i]+1, usual[i]+l.Stride[i]-1)
	}
	switch n {
	case 1:
		return torch.MaxUnpool2d(x.Unsqueeze(-1), indices.Unsqueeze(-1), append(size, 1)).Squeeze(-1)
	case 2:
		return torch.MaxUnpool2d(x, indices, size)
	}
	return torch.MaxUnpool3d(x, indices, size, l.Stride, l.Padding)
}

// LPPool is the p-norm of each window, (Σ xᵖ)^(1/p) for p = NormType, and the largest
// absolute value for a NormType of +∞.
type LPPool struct {
	NormType       float64
	Kernel, Stride []int // a number for each dimension
	CeilMode       bool
}

// NewLPPool1d returns an LPPool of sequences [N, C, L].
func NewLPPool1d(norm float64, kernel int, c ...PoolConfig) *LPPool {
	return newLPPool(norm, []int{kernel}, 1, c)
}

// NewLPPool2d returns an LPPool of images [N, C, H, W].
func NewLPPool2d(norm float64, kernel []int, c ...PoolConfig) *LPPool {
	return newLPPool(norm, kernel, 2, c)
}

// NewLPPool3d returns an LPPool of volumes [N, C, D, H, W].
func NewLPPool3d(norm float64, kernel []int, c ...PoolConfig) *LPPool {
	return newLPPool(norm, kernel, 3, c)
}

func newLPPool(norm float64, kernel []int, n int, c []PoolConfig) *LPPool {
	op := layerName("LPPool", n)
	must(op, norm != 0 && !math.IsNaN(norm), "the norm is %v; it must not be zero", norm)
	kernel, config := windows(op, kernel, n, c)
	return &LPPool{norm, kernel, config.Stride, config.CeilMode}
}

// Forward returns the norms of the windows of x. Where a norm is zero, so is its gradient.
func (l *LPPool) Forward(x *torch.Tensor) *torch.Tensor {
	spatial(layerName("LPPool", len(l.Kernel)), x, len(l.Kernel))
	o := torch.PoolOptions{Stride: l.Stride, Ceil: l.CeilMode}
	switch {
	case math.IsInf(l.NormType, 1):
		return torch.MaxPool(x.Abs(), l.Kernel, o)
	case math.IsInf(l.NormType, -1):
		return torch.MaxPool(x.Abs().Neg(), l.Kernel, o).Neg()
	}
	elements := 1
	for _, k := range l.Kernel {
		elements *= k
	}
	mean := torch.AvgPool(x.Pow(l.NormType), l.Kernel, o)
	return mean.Sign().Mul(mean.Abs().Relu()).MulScalar(elements).Pow(1 / l.NormType)
}

// AdaptiveAvgPool is the mean of each window, where the windows are chosen so that there
// are OutputSize of them. Its numbers are for each dimension; -1 is the size of the input.
type AdaptiveAvgPool struct{ OutputSize []int }

// NewAdaptiveAvgPool1d returns an AdaptiveAvgPool of sequences [N, C, L].
func NewAdaptiveAvgPool1d(size int) *AdaptiveAvgPool {
	return &AdaptiveAvgPool{adaptive("AdaptiveAvgPool", []int{size}, 1)}
}

// NewAdaptiveAvgPool2d returns an AdaptiveAvgPool of images [N, C, H, W].
func NewAdaptiveAvgPool2d(size []int) *AdaptiveAvgPool {
	return &AdaptiveAvgPool{adaptive("AdaptiveAvgPool", size, 2)}
}

// NewAdaptiveAvgPool3d returns an AdaptiveAvgPool of volumes [N, C, D, H, W].
func NewAdaptiveAvgPool3d(size []int) *AdaptiveAvgPool {
	return &AdaptiveAvgPool{adaptive("AdaptiveAvgPool", size, 3)}
}

func adaptive(kind string, size []int, n int) []int {
	must(layerName(kind, n), size != nil, "the output has no size")
	return each(layerName(kind, n), "the size", size, n, -1, 0)
}

// outputs returns size with x's own for -1.
func outputs(kind string, x *torch.Tensor, size []int) []int {
	shape := spatial(layerName(kind, len(size)), x, len(size))
	whole := make([]int, len(size))
	for i, n := range size {
		if whole[i] = n; n < 0 {
			whole[i] = shape[len(shape)-len(size)+i]
		}
	}
	return whole
}

// Forward returns the means of the windows of x.
func (l *AdaptiveAvgPool) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.AdaptiveAvgPool(x, outputs("AdaptiveAvgPool", x, l.OutputSize))
}

// AdaptiveMaxPool is the largest element of each window, chosen as in [AdaptiveAvgPool].
type AdaptiveMaxPool struct{ OutputSize []int }

// NewAdaptiveMaxPool1d returns an AdaptiveMaxPool of sequences [N, C, L].
func NewAdaptiveMaxPool1d(size int) *AdaptiveMaxPool {
	return &AdaptiveMaxPool{adaptive("AdaptiveMaxPool", []int{size}, 1)}
}

// NewAdaptiveMaxPool2d returns an AdaptiveMaxPool of images [N, C, H, W].
func NewAdaptiveMaxPool2d(size []int) *AdaptiveMaxPool {
	return &AdaptiveMaxPool{adaptive("AdaptiveMaxPool", size, 2)}
}

// NewAdaptiveMaxPool3d returns an AdaptiveMaxPool of volumes [N, C, D, H, W].
func NewAdaptiveMaxPool3d(size []int) *AdaptiveMaxPool {
	return &AdaptiveMaxPool{adaptive("AdaptiveMaxPool", size, 3)}
}

// Forward returns the largest elements of the windows of x.
func (l *AdaptiveMaxPool) Forward(x *torch.Tensor) *torch.Tensor {
	y, _ := l.ForwardIndices(x)
	return y
}

// ForwardIndices is Forward that also returns where the elements stand in x; see
// [MaxPool.ForwardIndices].
func (l *AdaptiveMaxPool) ForwardIndices(x *torch.Tensor) (y, indices *torch.Tensor) {
	return torch.AdaptiveMaxPool(x, outputs("AdaptiveMaxPool", x, l.OutputSize))
}

// FractionalMaxPool is the largest element of each window, where windows begin at random
// steps, drawn at each call from x's device: there are OutputSize of them, or OutputRatio
// times the size of the input. From "Fractional max-pooling", Graham, 2014.
type FractionalMaxPool struct {
	Kernel      []int // a number for each dimension
	OutputSize  []int
	OutputRatio []float64
	// RandomSamples [N, C, dimensions] are the random numbers, from 0 to 1, if they are
	// not to be drawn.
	RandomSamples *torch.Tensor `torch:"_random_samples,buffer"`
}

// NewFractionalMaxPool2d returns a FractionalMaxPool of images [N, C, H, W]. Either size
// or ratio is nil.
func NewFractionalMaxPool2d(kernel, size []int, ratio []float64) *FractionalMaxPool {
	return newFractionalMaxPool("nn.FractionalMaxPool2d", kernel, size, ratio, 2)
}

// NewFractionalMaxPool3d returns a FractionalMaxPool of volumes [N, C, D, H, W]; see
// NewFractionalMaxPool2d.
func NewFractionalMaxPool3d(kernel, size []int, ratio []float64) *FractionalMaxPool {
	return newFractionalMaxPool("nn.FractionalMaxPool3d", kernel, size, ratio, 3)
}

func newFractionalMaxPool(op string, kernel, size []int, ratio []float64, n int) *FractionalMaxPool {
	must(op, kernel != nil && (size == nil) != (ratio == nil), "give a kernel, and either a size or a ratio of the output")
	l := &FractionalMaxPool{Kernel: each(op, "the kernel", kernel, n, 1, 1)}
	if size != nil {
		l.OutputSize = each(op, "the size", size, n, 1, 1)
		return l
	}
	l.OutputRatio = perDimension(op, "the ratio", ratio, n)
	for _, r := range ratio {
		must(op, r > 0 && r < 1, "the ratio is %v; it must be above 0 and below 1", ratio)
	}
	return l
}

// Forward returns the largest elements of the windows of x.
func (l *FractionalMaxPool) Forward(x *torch.Tensor) *torch.Tensor {
	y, _ := l.ForwardIndices(x)
	return y
}

// ForwardIndices is Forward that also returns where the elements stand in x; see
// [MaxPool.ForwardIndices].
func (l *FractionalMaxPool) ForwardIndices(x *torch.Tensor) (y, indices *torch.Tensor) {
	n := len(l.Kernel)
	shape := spatial(layerName("FractionalMaxPool", len(l.Kernel)), x, n)
	at := len(shape) - n
	size := l.OutputSize
	if size == nil {
		size = make([]int, n)
		for i, r := range l.OutputRatio {
			size[i] = int(float64(shape[at+i]) * r)
		}
	}
	samples := l.RandomSamples
	if samples == nil {
		batch := 1
		if at == 2 {
			batch = shape[0]
		}
		samples = torch.Rand([]int{batch, shape[at-1], n}, torch.Options{DType: x.DType(), Device: x.Device()})
	}
	return torch.FractionalMaxPool(x, l.Kernel, size, samples)
}
