// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package operators lists a case of every operator that this module calls. The tests
// of package torch compare the cases with PyTorch's results, and the tests of devices
// and the check of a GPU compare them between the CPU and a device.
package operators

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// epsilon is the distance from 1 to the next float32.
const epsilon = 0x1p-23

// Kind classifies results by how much two devices may differ.
type Kind int

// The kinds, from the strictest on. A tolerance is a share of an element's size
// plus the mean size of its tensor; see [Difference].
const (
	// Exact results are copies, comparisons, indices and shapes: nothing is rounded,
	// so nothing may differ.
	Exact Kind = iota
	// Pointwise results come from one element of each input. Both sides may err by
	// some units in the last place: NVIDIA's elementary functions by up to 4, the
	// CPU's vectorised ones by up to 4, and a gradient multiplies two or three of
	// them. 16 units are 1.9e-6.
	Pointwise
	// Sum results add up to some hundred products, each side in its own order: the
	// rounding of n additions grows with √n and is 20 units for n = 512. 128 units are
	// 1.5e-5. TF32, which keeps 10 bits of a factor, would leave 5e-4 and is found.
	// The gradients of tanh, sigmoid and atanh belong here too: 1-y² turns a unit in
	// the last place of y near 1 into many of its own.
	Sum
	// Chain results are several sums one after the other, with functions in between,
	// as in the steps of an LSTM. 512 units are 6.1e-5.
	Chain
)

// Kinds returns all kinds, the strictest first.
func Kinds() []Kind { return []Kind{Exact, Pointwise, Sum, Chain} }

// Tolerance returns the largest relative difference that still counts as agreement.
func (k Kind) Tolerance() float64 { return [...]float64{0, 16, 128, 512}[k] * epsilon }

// String returns the kind's name.
func (k Kind) String() string { return [...]string{"exact", "pointwise", "sum", "chain"}[k] }

// Case is a computation that has to give the same on a device as on the CPU.
type Case struct {
	Name string
	Ops  []string // the operators that it checks: "aten::add.Tensor"
	Kind Kind
	// Grad compares the gradients of all floating-point inputs too, with the
	// tolerance of GradKind if that is the larger.
	Grad     bool
	GradKind Kind
	// Host says that the host reads the results, so that they are on the CPU for every
	// device.
	Host bool
	// True says that the results are bools that must all hold on both sides. This
	// checks random numbers, which differ between devices.
	True bool
	// Golden names the inputs of testdata/ops.json, and after "->" those of its outputs
	// that the results must equal ("-" for a result that is not there). Without "->"
	// the only result is called Name. It is empty if PyTorch's results are not there.
	Golden string
	In     []Maker
	Run    Runner
}

// Maker makes an input on the CPU with the default generator.
type Maker func() *torch.Tensor

// Runner computes results on device d from inputs there.
type Runner func(d torch.Device, in []*torch.Tensor) []*torch.Tensor

// Difference is the largest distance of one side from the other.
type Difference struct {
	Absolute float64 `json:"absolute"`
	// Relative is the largest |a-b| / (|b| + mean |b|), where b is the CPU's tensor.
	// The mean keeps elements that happen to be near zero from counting as wholly
	// wrong. It is 1 where the CPU has only zeros and the other side does not.
	Relative float64 `json:"relative"`
}

// Widen raises d to the larger of d and o.
func (d *Difference) Widen(o Difference) {
	d.Absolute, d.Relative = max(d.Absolute, o.Absolute), max(d.Relative, o.Relative)
}

// Compare widens d by the differences of two lists of elements, of which want is the
// CPU's. Elements that are not finite must be the same: JSON cannot hold them.
func (d *Difference) Compare(want, got []float64) error {
	finite := func(x float64) bool { return !math.IsInf(x, 0) && !math.IsNaN(x) }
	mean, n := 0.0, 0.0
	for _, b := range want {
		if finite(b) {
			mean, n = mean+math.Abs(b), n+1
		}
	}
	mean /= max(n, 1)
	for i, b := range want {
		a := got[i]
		switch {
		case a == b || math.IsNaN(a) && math.IsNaN(b):
		case !finite(a) || !finite(b):
			return fmt.Errorf("element %d is %v, the CPU's is %v", i, a, b)
		default:
			off, relative := math.Abs(a-b), 1.0
			if size := math.Abs(b) + mean; size > 0 {
				relative = off / size
			}
			d.Widen(Difference{off, relative})
		}
	}
	return nil
}

// compareTensors widens d by the differences of two tensors of one shape and type.
func (d *Difference) compareTensors(want, got *torch.Tensor) error {
	if !slices.Equal(got.Shape(), want.Shape()) || got.DType() != want.DType() {
		return fmt.Errorf("%s %v is not %s %v", got.DType(), got.Shape(), want.DType(), want.Shape())
	}
	return d.Compare(want.Float64s(), got.Float64s())
}

// Result is the outcome of a [Case].
type Result struct {
	Case      string      `json:"case"`
	Ops       []string    `json:"ops"`
	Kind      string      `json:"kind"`
	Tolerance float64     `json:"tolerance"` // of the relative difference
	Forward   Difference  `json:"forward"`
	Gradient  *Difference `json:"gradient"` // null where none was compared
	// GradientTolerance is the tolerance of the gradient's relative difference.
	GradientTolerance float64 `json:"gradient_tolerance"`
	OK                bool    `json:"ok"`
	Problem           string  `json:"problem,omitempty"`
}

// Check runs a case on the CPU and on device d and compares the two.
func (c *Case) Check(d torch.Device) Result {
	r := Result{Case: c.Name, Ops: c.Ops, Kind: c.Kind.String(), Tolerance: c.Kind.Tolerance(), GradientTolerance: max(c.Kind, c.GradKind).Tolerance()}
	var problem error
	err := torch.Try(func() {
		torch.Scope(func() {
			in := c.inputs()
			problem = c.compare(&r, c.compute(torch.CPU, in), c.compute(d, in))
		})
	})
	if err = errors.Join(err, problem); err != nil {
		r.Problem = err.Error()
	}
	r.OK = err == nil
	return r
}

// seed makes a case's inputs independent of the other cases.
func (c *Case) seed() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(c.Name)) // it never fails
	return h.Sum64()
}

func (c *Case) inputs() []*torch.Tensor {
	torch.ManualSeed(c.seed())
	in := make([]*torch.Tensor, len(c.In))
	torch.NoGrad(func() {
		for i, maker := range c.In {
			in[i] = maker()
		}
	})
	return in
}

// side holds what a case gave on one device.
type side struct{ results, grads []*torch.Tensor }

// compute runs the case on d with copies of the inputs.
func (c *Case) compute(d torch.Device, in []*torch.Tensor) (s side) {
	there := make([]*torch.Tensor, len(in))
	for i, x := range in {
		there[i] = x.Clone().To(d)
		if c.Grad && x.DType().IsFloating() {
			there[i].SetRequiresGrad(true)
		}
	}
	s.results = c.Run(d, there)
	place := d
	if c.Host {
		place = torch.CPU
	}
	for i, y := range s.results {
		if have := y.Device(); have != place {
			panic(&torch.Error{Op: c.Name, Message: fmt.Sprintf("result %d is on %s, not on %s", i, have, place)})
		}
	}
	if !c.Grad {
		return s
	}
	torch.ManualSeed(c.seed() + 1) // the same gradients come in on both sides
	for _, y := range s.results {
		if y.RequiresGrad() {
			y.BackwardWith(torch.Randn(y.Shape()).ToDType(y.DType()).To(d), true)
		}
	}
	for _, x := range there {
		if x.DType().IsFloating() {
			s.grads = append(s.grads, x.Grad())
		}
	}
	return s
}

// compare fills in the differences and returns what is wrong.
func (c *Case) compare(r *Result, want, got side) error {
	var problems []error
	fail := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	for i := range want.results {
		if err := r.Forward.compareTensors(want.results[i], got.results[i]); err != nil {
			fail("result %d: %w", i, err)
		}
		for on, y := range map[string]*torch.Tensor{"the CPU": want.results[i], "the device": got.results[i]} {
			if c.True && slices.Contains(y.Float64s(), 0) {
				fail("what must hold on %s does not: %v", on, y.Float64s())
			}
		}
	}
	if r.Forward.Relative > r.Tolerance {
		fail("the results differ by %.1e; %.1e is the limit", r.Forward.Relative, r.Tolerance)
	}
	if !c.Grad {
		return errors.Join(problems...)
	}
	r.Gradient = new(Difference)
	some := false
	for i, x := range want.grads {
		if (x == nil) != (got.grads[i] == nil) {
			fail("one side has no gradient of input %d", i)
		} else if x != nil {
			some = true
			if err := r.Gradient.compareTensors(x, got.grads[i]); err != nil {
				fail("gradient of input %d: %w", i, err)
			}
		}
	}
	if !some {
		fail("there is no gradient to compare")
	}
	if r.Gradient.Relative > r.GradientTolerance {
		fail("the gradients differ by %.1e; %.1e is the limit", r.Gradient.Relative, r.GradientTolerance)
	}
	return errors.Join(problems...)
}
