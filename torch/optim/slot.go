// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// slot describes a tensor that an optimizer remembers for each parameter. The tensor is
// made at the first step that needs it.
type slot[C comparable] struct {
	key string
	// scalar is set for a number, such as the count of steps: float32, without dimensions,
	// on the parameter's device, where the fused kernels want it. Other slots have the
	// parameter's shape and type.
	scalar bool
	// host keeps a scalar on the CPU, for rules that compute with its value in Go; no
	// device is waited for.
	host bool
	// shape returns the shape for p where it is not p's own; nil where p needs none.
	shape func(p *torch.Tensor) []int
	// fill sets the first value of t, which is zeros; nil leaves them.
	fill func(c *C, t *torch.Tensor)
	// when reports whether the settings need it; nil for always. If it is not nil,
	// the tensor may be None in a state dict.
	when func(c *C) bool
	// mayLack accepts a state dict without it.
	mayLack bool
}

// zeros makes a tensor for the slot of p. It belongs to no scope.
func (s *slot[C]) zeros(p *torch.Tensor) (t *torch.Tensor) {
	torch.Unscoped(func() {
		switch {
		case s.host:
			t = torch.Zeros([]int{})
		case s.scalar:
			t = torch.Zeros([]int{}, torch.Options{Device: p.Device()})
		case s.shape != nil:
			t = torch.Zeros(s.shape(p), torch.Options{Device: p.Device(), DType: p.DType()})
		default:
			t = torch.ZerosLike(p)
		}
	})
	return t
}

// skips reports whether p needs no such tensor.
func (s *slot[C]) skips(p *torch.Tensor) bool { return s.shape != nil && s.shape(p) == nil }

// begin makes the first value of p.
func (s *slot[C]) begin(c *C, p *torch.Tensor) *torch.Tensor {
	t := s.zeros(p)
	if s.fill != nil {
		s.fill(c, t)
	}
	return t
}

// load returns the value of p in a state dict, copied to p's type and device; nil for none.
func (s *slot[C]) load(p *torch.Tensor, d *torch.Dict) (*torch.Tensor, error) {
	if v, ok := d.Get(s.key); !ok && s.mayLack || ok && v == nil && s.when != nil || s.skips(p) {
		return nil, nil
	}
	t := s.zeros(p)
	if err := s.copy(t, d); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (s *slot[C]) copy(t *torch.Tensor, d *torch.Dict) error {
	if s.scalar { // in files of older versions it is a number
		r := &torch.DictReader{Dict: d, Subject: "state"}
		n := r.Number(s.key)
		if !(n >= 0) {
			r.Fail("%s is %v; it must not be negative", s.key, n)
		}
		if r.Err == nil {
			t.FillInPlace(n)
		}
		return r.Err
	}
	v, err := torch.Value[*torch.Tensor](d, s.key)
	if err != nil {
		return err
	}
	if have, want := v.Shape(), t.Shape(); !slices.Equal(have, want) {
		return fmt.Errorf("%s has the shape %v, the parameter's is %v", s.key, have, want)
	}
	return torch.Try(func() { torch.NoGrad(func() { t.CopyInPlace(v) }) })
}
