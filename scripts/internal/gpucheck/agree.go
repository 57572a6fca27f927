// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// Difference is how far one side is from the other, at worst.
type Difference struct {
	Absolute float64 `json:"absolute"`
	// Relative is the largest |a-b| / (|b| + mean |b|), b being the CPU's tensor: the
	// mean keeps elements that happen to be near zero from counting as wholly wrong. It
	// is 1 where the CPU has nothing but zeros, and the other side has not.
	Relative float64 `json:"relative"`
}

// worse keeps the larger of two differences.
func (d *Difference) worse(o Difference) {
	d.Absolute, d.Relative = max(d.Absolute, o.Absolute), max(d.Relative, o.Relative)
}

// OpResult is what became of a [Case].
type OpResult struct {
	Case      string      `json:"case"`
	Ops       []string    `json:"ops"`
	Kind      string      `json:"kind"`
	Tolerance float64     `json:"tolerance"` // of the relative difference
	Forward   Difference  `json:"forward"`
	Gradient  *Difference `json:"gradient"` // null where none was compared
	// GradientTolerance is that of the gradient's relative difference.
	GradientTolerance float64 `json:"gradient_tolerance"`
	OK                bool    `json:"ok"`
	Problem           string  `json:"problem,omitempty"`
}

// side is what a case gave on one device.
type side struct{ results, grads []*torch.Tensor }

// Check runs a case on the CPU and on device d, and compares.
func (c *Case) Check(d torch.Device) OpResult {
	r := OpResult{Case: c.Name, Ops: c.Ops, Kind: c.Kind.String(), Tolerance: c.Kind.Tolerance(), GradientTolerance: max(c.Kind, c.GradKind).Tolerance()}
	err := torch.Try(func() {
		torch.Scope(func() {
			in := c.inputs()
			r.Problem = c.compare(&r, c.compute(torch.CPU, in), c.compute(d, in))
		})
	})
	if err != nil {
		r.Problem = err.Error()
	}
	r.OK = r.Problem == ""
	return r
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

// compute runs the case on d with copies of the inputs.
func (c *Case) compute(d torch.Device, in []*torch.Tensor) side {
	there := make([]*torch.Tensor, len(in))
	for i, x := range in {
		there[i] = x.Clone().To(d)
		if c.Grad && x.DType().IsFloating() {
			there[i].SetRequiresGrad(true)
		}
	}
	s := side{results: c.Run(d, there)}
	c.checkPlaces(d, s.results)
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

// checkPlaces panics unless the results are where they belong.
func (c *Case) checkPlaces(d torch.Device, results []*torch.Tensor) {
	if c.Host {
		d = torch.CPU
	}
	for i, y := range results {
		if have := y.Device(); have != d {
			panic(&torch.Error{Op: c.Name, Message: fmt.Sprintf("result %d is on %s, not on %s", i, have, d)})
		}
	}
}

// compare fills in the differences and says what is wrong, if anything.
func (c *Case) compare(r *OpResult, want, got side) string {
	var problems []error
	for i := range want.results {
		if err := r.Forward.of(want.results[i], got.results[i]); err != nil {
			problems = append(problems, fmt.Errorf("result %d: %w", i, err))
		}
		if c.True {
			for on, y := range map[string]*torch.Tensor{"the CPU": want.results[i], "the device": got.results[i]} {
				if slices.Contains(y.Float64s(), 0) {
					problems = append(problems, fmt.Errorf("what must hold on %s does not: %v", on, y.Float64s()))
				}
			}
		}
	}
	if limit := r.Tolerance; r.Forward.Relative > limit {
		problems = append(problems, fmt.Errorf("the results differ by %.1e; %.1e is the limit", r.Forward.Relative, limit))
	}
	if c.Grad {
		r.Gradient = new(Difference)
		some := false
		for i := range want.grads {
			if (want.grads[i] == nil) != (got.grads[i] == nil) {
				problems = append(problems, fmt.Errorf("one side has no gradient of input %d", i))
			} else if want.grads[i] != nil {
				some = true
				if err := r.Gradient.of(want.grads[i], got.grads[i]); err != nil {
					problems = append(problems, fmt.Errorf("gradient of input %d: %w", i, err))
				}
			}
		}
		if !some {
			problems = append(problems, errors.New("there is no gradient to compare"))
		}
		if limit := r.GradientTolerance; r.Gradient.Relative > limit {
			problems = append(problems, fmt.Errorf("the gradients differ by %.1e; %.1e is the limit", r.Gradient.Relative, limit))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return err.Error()
	}
	return ""
}

// of compares two tensors, b being the CPU's, and keeps the larger difference.
func (d *Difference) of(b, a *torch.Tensor) error {
	if !slices.Equal(a.Shape(), b.Shape()) || a.DType() != b.DType() {
		return fmt.Errorf("%s %v is not %s %v", a.DType(), a.Shape(), b.DType(), b.Shape())
	}
	diff, err := difference(b.Float64s(), a.Float64s())
	d.worse(diff)
	return err
}

// difference compares elements; those that are not finite must be the same.
func difference(want, got []float64) (Difference, error) {
	var d Difference
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
			return d, fmt.Errorf("element %d is %v, the CPU's is %v", i, a, b)
		default:
			off, relative := math.Abs(a-b), 1.0
			if size := math.Abs(b) + mean; size > 0 {
				relative = off / size
			}
			d.worse(Difference{off, relative}) // finite: JSON has nothing else
		}
	}
	return d, nil
}

func finite(x float64) bool { return !math.IsInf(x, 0) && !math.IsNaN(x) }
