// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

// many is how many random numbers a case draws: their mean and their deviation are
// then known to 5 standard errors, which chance passes once in a million runs.
const many = 1 << 20

func createCases() []Case {
	shape := []int{batch, width}
	x := normal(shape...)
	exact := func(name, op string, run Runner, in ...Maker) Case {
		return Case{Name: name, Ops: []string{"aten::" + op}, In: in, Run: run}
	}
	random := func(name, op string, run Runner, in ...Maker) Case {
		return Case{Name: name, Ops: []string{"aten::" + op}, True: true, In: in, Run: run}
	}
	fill := func(f func(*torch.Tensor) *torch.Tensor) func(torch.Options) *torch.Tensor {
		return func(o torch.Options) *torch.Tensor { return f(torch.Empty([]int{many}, o)) }
	}
	return []Case{
		exact("zeros", "zeros", create(func(o torch.Options) *torch.Tensor { return torch.Zeros(shape, o) })),
		exact("ones", "ones", create(func(o torch.Options) *torch.Tensor { return torch.Ones(shape, o) })),
		exact("full", "full", create(func(o torch.Options) *torch.Tensor { return torch.Full(shape, 2.5, o) })),
		exact("empty", "empty.memory_format", create(func(o torch.Options) *torch.Tensor { return torch.Empty(shape, o).FillInPlace(1) })),
		exact("arange", "arange.start_step", create(func(o torch.Options) *torch.Tensor { return torch.Arange(0, 100, 0.5, o) })),
		exact("zeros like", "zeros_like", unary(torch.ZerosLike), x),
		exact("ones like", "ones_like", unary(torch.OnesLike), x),
		exact("empty like", "empty_like", unary(func(x *torch.Tensor) *torch.Tensor { return torch.EmptyLike(x).FillInPlace(1) }), x),
		exact("fill in place", "fill_.Scalar", unary(func(x *torch.Tensor) *torch.Tensor { return x.FillInPlace(2.5) }), x),
		exact("zero in place", "zero_", unary((*torch.Tensor).ZeroInPlace), x),
		exact("copy in place", "copy_", binary(func(a, b *torch.Tensor) *torch.Tensor { return a.CopyInPlace(b.T()) }), normal(width, batch), x),

		random("rand", "rand", create(func(o torch.Options) *torch.Tensor { return uniformly(torch.Rand([]int{many}, o), 0, 1) })),
		random("randn", "randn", create(func(o torch.Options) *torch.Tensor { return normally(torch.Randn([]int{many}, o), 0, 1) })),
		random("uniform in place", "uniform_", create(fill(func(x *torch.Tensor) *torch.Tensor {
			return uniformly(x.UniformInPlace(-2, 3), -2, 3)
		}))),
		random("normal in place", "normal_", create(fill(func(x *torch.Tensor) *torch.Tensor {
			return normally(x.NormalInPlace(1, 0.5), 1, 0.5)
		}))),
		{Name: "randperm", Ops: []string{"aten::randperm"}, True: true, Host: true, // it is always the CPU's
			Run: func(torch.Device, []*torch.Tensor) []*torch.Tensor {
				const n = 1000
				seen := [n]bool{}
				for _, i := range torch.ToSlice[int64](torch.Randperm(n)) {
					seen[i] = true
				}
				return one(torch.FromSlice(seen[:]))
			}},
	}
}

// uniformly says whether x is as uniform between lo and hi as chance has it.
func uniformly(x *torch.Tensor, lo, hi float64) *torch.Tensor {
	like := distributed(x, (lo+hi)/2, (hi-lo)/math.Sqrt(12), 1.8)
	return torch.Stack([]*torch.Tensor{like, x.Min().AddScalar(-lo).Lt(torch.ZerosLike(x.Min())), x.Max().AddScalar(-hi).Gt(torch.ZerosLike(x.Max()))}, 0).
		Eq(torch.FromSlice([]bool{true, false, false}).To(x.Device()))
}

// normally says whether x is as normal as chance has it, by its first two moments.
func normally(x *torch.Tensor, mean, std float64) *torch.Tensor { return distributed(x, mean, std, 3) }

// distributed says whether the mean and the standard deviation of x are those of a
// distribution with the given kurtosis, to 5 standard errors of many numbers.
func distributed(x *torch.Tensor, mean, std, kurtosis float64) *torch.Tensor {
	n := float64(x.Numel())
	off := func(measured *torch.Tensor, want, standardError float64) *torch.Tensor {
		return measured.AddScalar(-want).Abs().MulScalar(1 / (5 * standardError)).Lt(torch.OnesLike(measured))
	}
	return torch.Stack([]*torch.Tensor{
		off(x.Mean(), mean, std/math.Sqrt(n)),
		off(x.Std(0), std, std*math.Sqrt((kurtosis-1)/(4*n))),
	}, 0).All()
}
