// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

var (
	opZeros     = &op{name: "aten::zeros"}
	opOnes      = &op{name: "aten::ones"}
	opFull      = &op{name: "aten::full"}
	opEmpty     = &op{name: "aten::empty", overload: "memory_format"}
	opRand      = &op{name: "aten::rand"}
	opRandn     = &op{name: "aten::randn"}
	opRandperm  = &op{name: "aten::randperm"}
	opArange    = &op{name: "aten::arange", overload: "start_step"}
	opZerosLike = &op{name: "aten::zeros_like"}
	opOnesLike  = &op{name: "aten::ones_like"}
	opEmptyLike = &op{name: "aten::empty_like"}
)

// Options say what elements a new tensor has and where. The zero value is
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
func Zeros(shape []int, o ...Options) *Tensor { return opZeros.on().ints(shape...).options(o).one() }

// Ones returns a tensor of ones.
func Ones(shape []int, o ...Options) *Tensor { return opOnes.on().ints(shape...).options(o).one() }

// Full returns a tensor with x, a number, everywhere; as for all constructors here its
// type is that of the options, not that of x.
func Full(shape []int, x any, o ...Options) *Tensor {
	return opFull.on().ints(shape...).scalar(x).options(o).one()
}

// Empty returns a tensor whose elements are whatever the memory held.
func Empty(shape []int, o ...Options) *Tensor { return opEmpty.on().ints(shape...).options(o).one() }

// Rand returns numbers uniform in [0, 1).
func Rand(shape []int, o ...Options) *Tensor { return opRand.on().ints(shape...).options(o).one() }

// Randn returns numbers of the standard normal distribution.
func Randn(shape []int, o ...Options) *Tensor { return opRandn.on().ints(shape...).options(o).one() }

// Randperm returns a permutation of 0 … n-1 as int64, from libtorch's generator.
func Randperm(n int) *Tensor {
	return opRandperm.on().int(n).options([]Options{{DType: Int64}}).one()
}

// Arange returns start, start+step, … below end, all three numbers.
func Arange(start, end, step any, o ...Options) *Tensor {
	return opArange.on().scalar(start).scalar(end).scalar(step).options(o).one()
}

// ZerosLike returns zeros with the shape, type and device of t.
func ZerosLike(t *Tensor) *Tensor { return opZerosLike.on(t).one() }

// OnesLike returns ones with the shape, type and device of t.
func OnesLike(t *Tensor) *Tensor { return opOnesLike.on(t).one() }

// EmptyLike returns a tensor of unset elements with the shape, type and device of t.
func EmptyLike(t *Tensor) *Tensor { return opEmptyLike.on(t).one() }
