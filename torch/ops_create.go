// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Options say which type the elements of a new tensor have, and where they are. The zero value is
// float32 on the CPU.
type Options struct {
	DType  DType
	Device Device
}

func (a args) options(opts []Options) args {
	var o Options
	if len(opts) > 0 {
		o = opts[0]
	}
	return a.dtype(o.DType).none().device(o.Device).none() // dtype, layout, device, pin_memory
}

// Zeros returns a tensor of zeros.
func Zeros(shape []int, o ...Options) *Tensor {
	return on("aten::zeros").ints(shape...).options(o).one()
}

// Ones returns a tensor of ones.
func Ones(shape []int, o ...Options) *Tensor { return on("aten::ones").ints(shape...).options(o).one() }

// Full returns a tensor with x, a number, everywhere; as for all constructors here its
// type is that of the options, not that of x.
func Full(shape []int, x any, o ...Options) *Tensor {
	return on("aten::full").ints(shape...).scalar(x).options(o).one()
}

// Empty returns a tensor whose elements are not set: they hold what the memory held.
func Empty(shape []int, o ...Options) *Tensor {
	return on("aten::empty.memory_format").ints(shape...).options(o).one()
}

// Rand returns numbers uniform in [0, 1).
func Rand(shape []int, o ...Options) *Tensor { return on("aten::rand").ints(shape...).options(o).one() }

// Randn returns numbers of the standard normal distribution.
func Randn(shape []int, o ...Options) *Tensor {
	return on("aten::randn").ints(shape...).options(o).one()
}

// Randperm returns a permutation of 0 … n-1 as int64, from libtorch's generator.
func Randperm(n int) *Tensor {
	return on("aten::randperm").int(n).options([]Options{{DType: Int64}}).one()
}

// Arange returns start, start+step, … below end, all three numbers.
func Arange(start, end, step any, o ...Options) *Tensor {
	return on("aten::arange.start_step").scalar(start).scalar(end).scalar(step).options(o).one()
}

// ZerosLike returns zeros with the shape, type and device of t.
func ZerosLike(t *Tensor) *Tensor { return on("aten::zeros_like", t).one() }

// OnesLike returns ones with the shape, type and device of t.
func OnesLike(t *Tensor) *Tensor { return on("aten::ones_like", t).one() }

// EmptyLike returns a tensor of unset elements with the shape, type and device of t.
func EmptyLike(t *Tensor) *Tensor { return on("aten::empty_like", t).one() }
