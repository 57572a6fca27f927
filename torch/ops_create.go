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

// FullLike returns a tensor of x, a number, with the shape, type and device of t.
func FullLike(t *Tensor, x any) *Tensor { return on("aten::full_like", t).scalar(x).one() }

// RandLike returns numbers uniform in [0, 1) with the shape, type and device of t.
func RandLike(t *Tensor) *Tensor { return on("aten::rand_like", t).one() }

// RandnLike returns numbers of the standard normal distribution with the shape, type and
// device of t.
func RandnLike(t *Tensor) *Tensor { return on("aten::randn_like", t).one() }

// RandInt returns integers uniform in [low, high). DType is the type that it makes; the
// zero value is float32, as for all constructors here.
func RandInt(low, high int, shape []int, o ...Options) *Tensor {
	return on("aten::randint.low").int(low).int(high).ints(shape...).options(o).one()
}

// Multinomial draws n indices with the probabilities in the rows of t, which need not add
// up to 1: int64 [n], or [rows, n]. Without replacement no index comes twice in a row.
func (t *Tensor) Multinomial(n int, replacement bool) *Tensor {
	return on("aten::multinomial", t).int(n).bool(replacement).none().one()
}

// Bernoulli returns 1 with the probability that t holds, and 0 otherwise.
func (t *Tensor) Bernoulli() *Tensor { return on("aten::bernoulli", t).none().one() }

// Eye returns the matrix [n, m] with ones on its diagonal and zeros elsewhere.
func Eye(n, m int, o ...Options) *Tensor { return on("aten::eye.m").int(n).int(m).options(o).one() }

// Linspace returns n numbers from start to end, both included and evenly apart.
func Linspace(start, end any, n int, o ...Options) *Tensor {
	return on("aten::linspace").scalar(start).scalar(end).int(n).options(o).one()
}
