// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package operators

import (
	"math"
	"strings"

	"github.com/etude-ml/etude/torch"
)

// tensor shortens the functions of the table.
type tensor = *torch.Tensor

// list is a function's tensors, all inputs or all results.
type list = []*torch.Tensor

// Inputs have the sizes of the networks: a batch of 64 and layers up to 512 wide.
const (
	batch = 64
	width = 128
)

// op makes a case that runs a function and compares no gradients. The function's type
// says how it takes the inputs. ops are separated by spaces and lack "aten::".
func op(name, ops string, kind Kind, f any, in ...Maker) Case {
	c := Case{Name: name, Kind: kind, In: in}
	for op := range strings.FieldsSeq(ops) {
		c.Ops = append(c.Ops, "aten::"+op)
	}
	switch f := f.(type) {
	case func(x tensor) tensor:
		c.Run = func(_ torch.Device, in list) list { return list{f(in[0])} }
	case func(a, b tensor) tensor:
		c.Run = func(_ torch.Device, in list) list { return list{f(in[0], in[1])} }
	case func(a, b, c tensor) tensor:
		c.Run = func(_ torch.Device, in list) list { return list{f(in[0], in[1], in[2])} }
	case func(in list) list:
		c.Run = func(_ torch.Device, in list) list { return f(in) }
	case func(o torch.Options) tensor:
		c.Run = func(d torch.Device, _ list) list { return list{f(torch.Options{Device: d})} }
	case func(d torch.Device, in list) list:
		c.Run = f
	default:
		panic("operators: no such function: " + name)
	}
	return c
}

// grad compares gradients too, with the tolerance of kind.
func (c Case) grad(kind Kind) Case {
	c.Grad, c.GradKind = true, kind
	return c
}

// as names the inputs and outputs in PyTorch's file; see [Case.Golden].
func (c Case) as(golden string) Case {
	c.Golden = golden
	return c
}

// onHost says that the host reads the results.
func (c Case) onHost() Case {
	c.Host = true
	return c
}

// holds says that the results must be true.
func (c Case) holds() Case {
	c.True = true
	return c
}

// Inputs that many cases take.
var (
	x, y, row = normal(batch, width), normal(batch, width), normal(width)
	cube      = normal(6, 16, 32)
	away      = between(0.1, 3, batch, width) // from zero
	divisor   = between(0.5, 2, width)
	special   = given([]float32{1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 0})
)

// normal makes numbers of the standard normal distribution.
func normal(shape ...int) Maker { return func() tensor { return torch.Randn(shape) } }

// between makes numbers uniform in [lo, hi).
func between(lo, hi float64, shape ...int) Maker {
	return func() tensor { return torch.Rand(shape).MulScalar(hi - lo).AddScalar(lo) }
}

// below makes n integers from 0 to limit-1; the first ones are all different.
func below(limit, n int) Maker {
	return func() tensor {
		parts := make(list, 0, n/limit+1)
		for range n/limit + 1 {
			parts = append(parts, torch.Randperm(limit))
		}
		return torch.Cat(parts, 0).Narrow(0, 0, n)
	}
}

// given makes the values of a slice.
func given[T torch.Element](xs []T, shape ...int) Maker {
	return func() tensor { return torch.FromSlice(xs, shape...) }
}

// shares makes rows that add up to 1.
func shares() tensor { return torch.Randn([]int{batch, width}).Softmax(1) }

// logShares makes the logarithms of such rows.
func logShares() tensor { return torch.Randn([]int{batch, width}).LogSoftmax(1) }

// many is how many random numbers a case draws: their mean and their deviation are
// then known to 5 standard errors, which chance passes once in a million runs.
const many = 1 << 20

// uniformly reports whether x is as uniform between lo and hi as chance has it.
func uniformly(x tensor, lo, hi float64) tensor {
	like := distributed(x, (lo+hi)/2, (hi-lo)/math.Sqrt(12), 1.8)
	return torch.Stack(list{like, x.Min().AddScalar(-lo).Lt(torch.ZerosLike(x.Min())), x.Max().AddScalar(-hi).Gt(torch.ZerosLike(x.Max()))}, 0).
		Eq(torch.FromSlice([]bool{true, false, false}).To(x.Device()))
}

// distributed reports whether the mean and the standard deviation of x are those of a
// distribution with the given kurtosis, to 5 standard errors of many numbers.
func distributed(x tensor, mean, std, kurtosis float64) tensor {
	n := float64(x.Numel())
	off := func(measured tensor, want, standardError float64) tensor {
		return measured.AddScalar(-want).Abs().MulScalar(1 / (5 * standardError)).Lt(torch.OnesLike(measured))
	}
	return torch.Stack(list{
		off(x.Mean(), mean, std/math.Sqrt(n)),
		off(x.Std(0), std, std*math.Sqrt((kurtosis-1)/(4*n))),
	}, 0).All()
}
