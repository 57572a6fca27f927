// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"hash/fnv"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// epsilon is the distance from 1 to the next float32.
const epsilon = 0x1p-23

// Kind says how near two devices have to come to each other.
type Kind int

// The kinds, from the strictest on. A tolerance is a share of an element's size
// plus the mean size of its tensor; see [Difference].
const (
	// Exact results are copies, comparisons, indices and shapes: nothing is
	// rounded, so nothing may differ.
	Exact Kind = iota
	// Pointwise results come from one element of each input. Both sides may err by
	// some units in the last place: NVIDIA's elementary functions by up to 4, the
	// CPU's vectorised ones by up to 4, and a gradient multiplies two or three of
	// them. 16 units are 1.9e-6.
	Pointwise
	// Sum results add up to some hundred products, each side in its own order: the
	// rounding of n additions grows with √n, and is 20 units for n = 512. 128 units
	// are 1.5e-5. TF32, which keeps 10 bits of a factor, would leave 5e-4, and is
	// found. The gradients of tanh, sigmoid and atanh are such, too: 1-y² turns a unit
	// in the last place of y near 1 into many of its own.
	Sum
	// Chain results are several sums one after the other, with functions in between,
	// as in the steps of an LSTM. 512 units are 6.1e-5.
	Chain
)

var kinds = []Kind{Exact, Pointwise, Sum, Chain}

// Tolerance returns the largest relative difference that is agreement.
func (k Kind) Tolerance() float64 {
	return [...]float64{Exact: 0, Pointwise: 16 * epsilon, Sum: 128 * epsilon, Chain: 512 * epsilon}[k]
}

// String returns the kind's name.
func (k Kind) String() string {
	return [...]string{Exact: "exact", Pointwise: "pointwise", Sum: "sum", Chain: "chain"}[k]
}

// Case is a computation that is to give the same on a device as on the CPU.
type Case struct {
	Name string
	Ops  []string // what it stands for: "aten::add.Tensor"
	Kind Kind
	// Grad has the gradients of all floating-point inputs compared too, with the
	// tolerance of GradKind if that is the larger.
	Grad     bool
	GradKind Kind
	// Host says that the results are the CPU's on every device: what the host reads.
	Host bool
	// True says that the results are bools, all of which must hold on both sides:
	// so random numbers are tested, which differ from device to device.
	True bool
	In   []Maker
	Run  Runner
}

// Maker makes an input on the CPU, with the default generator.
type Maker func() *torch.Tensor

// Runner computes results on device d from inputs there.
type Runner func(d torch.Device, in []*torch.Tensor) []*torch.Tensor

// Cases returns a case of every operator that Etude calls.
func Cases() []Case {
	return slices.Concat(createCases(), mathCases(), reduceCases(), lossCases(), layerCases(), shapeCases(), optimCases())
}

// seed makes a case's inputs independent of the other cases.
func (c *Case) seed() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(c.Name)) // it never fails
	return h.Sum64()
}

// normal makes numbers of the standard normal distribution.
func normal(shape ...int) Maker { return func() *torch.Tensor { return torch.Randn(shape) } }

// between makes numbers uniform in [lo, hi).
func between(lo, hi float64, shape ...int) Maker {
	return func() *torch.Tensor { return torch.Rand(shape).MulScalar(hi - lo).AddScalar(lo) }
}

// below makes n integers from 0 to limit-1; the first ones are all different.
func below(limit, n int) Maker {
	return func() *torch.Tensor {
		parts := make([]*torch.Tensor, 0, n/limit+1)
		for range n/limit + 1 {
			parts = append(parts, torch.Randperm(limit))
		}
		return torch.Cat(parts, 0).Narrow(0, 0, n)
	}
}

// given makes the values of a slice.
func given[T torch.Element](xs []T, shape ...int) Maker {
	return func() *torch.Tensor { return torch.FromSlice(xs, shape...) }
}

// shares makes rows that add up to 1.
func shares(rows, columns int) Maker {
	return func() *torch.Tensor { return torch.Randn([]int{rows, columns}).Softmax(1) }
}

// logShares makes the logarithms of such rows.
func logShares(rows, columns int) Maker {
	return func() *torch.Tensor { return torch.Randn([]int{rows, columns}).LogSoftmax(1) }
}

// unary, binary and ternary make a Runner of a function of tensors.
func unary(f func(x *torch.Tensor) *torch.Tensor) Runner {
	return func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor { return one(f(in[0])) }
}

func binary(f func(a, b *torch.Tensor) *torch.Tensor) Runner {
	return func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor { return one(f(in[0], in[1])) }
}

func ternary(f func(a, b, c *torch.Tensor) *torch.Tensor) Runner {
	return func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor { return one(f(in[0], in[1], in[2])) }
}

// create makes a Runner of a function that needs no tensors.
func create(f func(torch.Options) *torch.Tensor) Runner {
	return func(d torch.Device, _ []*torch.Tensor) []*torch.Tensor { return one(f(torch.Options{Device: d})) }
}

func one(t *torch.Tensor) []*torch.Tensor { return []*torch.Tensor{t} }
