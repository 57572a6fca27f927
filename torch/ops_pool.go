// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// PoolOptions are those of AvgPool and MaxPool. A list has a number for each dimension of
// space.
type PoolOptions struct {
	Stride   []int // nil for the size of the window
	Padding  []int // before and after each dimension; nil for none
	Dilation []int // of MaxPool: distance of the window's elements; nil for 1
	Ceil     bool  // the last window may begin inside and end outside
	// ExcludePadding and Divisor are those of AvgPool: zeros of the padding do not count
	// in the mean; the sum is divided by this number instead (0 for none).
	ExcludePadding bool
	Divisor        int
}

// The operators by the number of dimensions.
var (
	avgPools          = [4]string{1: "aten::avg_pool1d", 2: "aten::avg_pool2d", 3: "aten::avg_pool3d"}
	maxPools          = [4]string{1: "aten::max_pool1d", 2: "aten::max_pool2d", 3: "aten::max_pool3d"}
	maxPoolsIndices   = [4]string{1: "aten::max_pool1d_with_indices", 2: "aten::max_pool2d_with_indices", 3: "aten::max_pool3d_with_indices"}
	adaptiveAvgPools  = [4]string{1: "aten::adaptive_avg_pool1d", 2: "aten::adaptive_avg_pool2d", 3: "aten::adaptive_avg_pool3d"}
	adaptiveMaxPools  = [4]string{1: "aten::adaptive_max_pool1d", 2: "aten::adaptive_max_pool2d", 3: "aten::adaptive_max_pool3d"}
	fractionalMaxPool = [4]string{2: "aten::fractional_max_pool2d", 3: "aten::fractional_max_pool3d"}
)

// AvgPool returns the means of windows of x [N, C, *] or [C, *]. window has the size of
// each of the 1 to 3 dimensions of space *.
func AvgPool(x *Tensor, window []int, o PoolOptions) *Tensor {
	a := on(dimensional("avg_pool", avgPools, len(window)), x).ints(window...).sizes(o.Stride).sizes(o.Padding).bool(o.Ceil).bool(!o.ExcludePadding)
	switch {
	case len(window) == 1 && o.Divisor != 0:
		a.refuse("only 2 and 3 dimensions have a divisor")
	case len(window) > 1 && o.Divisor != 0:
		a.int(o.Divisor)
	case len(window) > 1:
		a.none()
	}
	return a.one()
}

func maxPool(operators [4]string, x *Tensor, window []int, o PoolOptions) args {
	return on(dimensional("max_pool", operators, len(window)), x).ints(window...).sizes(o.Stride).sizes(o.Padding).sizes(o.Dilation).bool(o.Ceil)
}

// MaxPool returns the largest elements of windows, as AvgPool does the means.
func MaxPool(x *Tensor, window []int, o PoolOptions) *Tensor {
	return maxPool(maxPools, x, window, o).one()
}

// MaxPoolIndices is MaxPool with the places of the largest elements in x, numbered
// through all dimensions of space.
func MaxPoolIndices(x *Tensor, window []int, o PoolOptions) (values, indices *Tensor) {
	return maxPool(maxPoolsIndices, x, window, o).two()
}

// AdaptiveAvgPool returns the means of windows of x [N, C, *] or [C, *] that are chosen
// so that there are as many as size says for each of the 1 to 3 dimensions *.
func AdaptiveAvgPool(x *Tensor, size []int) *Tensor {
	return on(dimensional("adaptive_avg_pool", adaptiveAvgPools, len(size)), x).ints(size...).one()
}

// AdaptiveMaxPool returns the largest elements of such windows and their places.
func AdaptiveMaxPool(x *Tensor, size []int) (values, indices *Tensor) {
	return on(dimensional("adaptive_max_pool", adaptiveMaxPools, len(size)), x).ints(size...).two()
}

// FractionalMaxPool returns the largest elements of windows of x [N, C, *] or [C, *] and
// their places. The windows of 2 or 3 dimensions begin where samples [N, C, len(window)],
// random numbers from 0 to 1, say; there are as many as size says.
func FractionalMaxPool(x *Tensor, window, size []int, samples *Tensor) (values, indices *Tensor) {
	if len(window) == 1 {
		throw("fractional_max_pool", "there are 2 or 3 dimensions of space, not 1")
	}
	return on(dimensional("fractional_max_pool", fractionalMaxPool, len(window)), x).ints(window...).ints(size...).tensor(samples).two()
}

// MaxUnpool2d puts the elements of x [N, C, h, w] at the places that MaxPoolIndices gave
// in zeros of the given height and width.
func MaxUnpool2d(x, indices *Tensor, size []int) *Tensor {
	return on("aten::max_unpool2d", x, indices).ints(size...).one()
}

// MaxUnpool3d is MaxUnpool2d for three dimensions; it also wants the pool's settings.
func MaxUnpool3d(x, indices *Tensor, size, stride, padding []int) *Tensor {
	return on("aten::max_unpool3d", x, indices).ints(size...).ints(stride...).ints(padding...).one()
}
