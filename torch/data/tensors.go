// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// Set is samples as tensors of any types, all on one device. The first dimension of each
// counts the samples; the others are for the network to interpret, so a Set may also
// be put together by hand, with int64 classes [n] in Y for example.
type Set struct {
	X    *torch.Tensor
	Y    *torch.Tensor            // nil for inputs alone
	More map[string]*torch.Tensor // further inputs and targets by name, or nil

	Names, Groups []string // one per sample, or nil
	Fingerprint   string   // of the samples, see [Samples.Fingerprint]; "" lets [Set.Identity] hash the tensors
}

// Tensors copies the samples to device d: X [n, In], Y [n, Out], float32. The
// tensors belong to no scope: [Set.Close] frees them.
func (s *Samples) Tensors(d torch.Device) *Set {
	set := &Set{Names: s.Names, Groups: s.Groups, Fingerprint: s.Fingerprint()}
	torch.Scope(func() {
		x := torch.FromSlice(s.X, s.Len(), s.In)
		y := torch.FromSlice(s.Y, s.Len(), s.Out)
		torch.Unscoped(func() { set.X, set.Y = move(x, d), move(y, d) })
	})
	return set
}

// move copies t to d; To would return t itself on its own device.
func move(t *torch.Tensor, d torch.Device) *torch.Tensor {
	if t.Device() == d {
		return t.Clone()
	}
	return t.To(d)
}

// Len returns the number of samples.
func (s *Set) Len() int { return s.X.Size(0) }

// Device returns where the samples are.
func (s *Set) Device() torch.Device { return s.X.Device() }

// Close frees the tensors.
func (s *Set) Close() {
	for _, t := range s.tensors() {
		t.Close()
	}
}

// tensors yields X, Y if it is there, and those of More in the order of their names.
func (s *Set) tensors() iter.Seq2[string, *torch.Tensor] {
	return func(yield func(string, *torch.Tensor) bool) {
		if !yield("X", s.X) || s.Y != nil && !yield("Y", s.Y) {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(s.More)) {
			if !yield(name, s.More[name]) {
				return
			}
		}
	}
}

// Check reports a tensor that has another number of samples than X, or is on another
// device.
func (s *Set) Check() error {
	for name, t := range s.tensors() {
		if shape := t.Shape(); len(shape) == 0 || shape[0] != s.Len() || t.Device() != s.Device() {
			return fmt.Errorf("data: %d samples on %s, but %s is %v on %s", s.Len(), s.Device(), name, shape, t.Device())
		}
	}
	return nil
}

// Batch is some samples: X [Len, …], Y [Len, …], and each of More [Len, …]. What a set
// does not have is nil.
type Batch struct {
	X, Y *torch.Tensor
	More map[string]*torch.Tensor
	Len  int
}

// Batches yields the samples that order names, size at a time; the last batch
// may be smaller. A nil order is 0 to Len()-1, and its batches are views.
//
//	for batch := range set.Batches(64, data.Order(set.Len(), seed, epoch)) {
//		…
//	}
//
// The loop's body runs inside a [torch.Scope] of its own: the batch, and all
// that the body makes, is freed when the body ends, however it ends. The order
// goes to the device once, and no step waits for the device. Batches panics with
// a *torch.Error where size is not positive, order names a sample that is not there, or
// [Set.Check] finds an error. It is for range loops, not for iter.Pull, which leaves the goroutine.
func (s *Set) Batches(size int, order []int) iter.Seq[Batch] {
	return func(yield func(Batch) bool) {
		n := s.Len()
		mustFit(size, nil, n)
		if err := s.Check(); err != nil {
			throw("%s", err)
		}
		var index *torch.Tensor
		if order != nil {
			n = len(order)
			index = s.Index(order)
			defer index.Close()
		}
		for start := 0; start < n; start += size {
			length, more := min(size, n-start), false
			torch.Scope(func() {
				more = yield(s.batch(index, start, length))
			})
			if !more {
				return
			}
		}
	}
}

func (s *Set) batch(index *torch.Tensor, start, length int) Batch {
	if index != nil {
		return s.Gather(index.Narrow(0, start, length))
	}
	return s.part(length, func(t *torch.Tensor) *torch.Tensor { return t.Narrow(0, start, length) })
}

// Gather returns the batch of the samples whose numbers index holds: int64 [n], on the set's
// device.
func (s *Set) Gather(index *torch.Tensor) Batch {
	return s.part(index.Size(0), func(t *torch.Tensor) *torch.Tensor { return t.IndexSelect(0, index) })
}

// part returns the batch of what part makes of each tensor.
func (s *Set) part(length int, part func(*torch.Tensor) *torch.Tensor) Batch {
	b := Batch{X: part(s.X), Len: length}
	if s.Y != nil {
		b.Y = part(s.Y)
	}
	if s.More != nil {
		b.More = make(map[string]*torch.Tensor, len(s.More))
		for name, t := range s.More {
			b.More[name] = part(t)
		}
	}
	return b
}

// Index copies an order to the device, for [Set.Gather]: int64 [len(order)], in no scope. It
// panics where order names a sample that is not there.
func (s *Set) Index(order []int) (index *torch.Tensor) {
	mustFit(1, order, s.Len())
	wide := make([]int64, len(order))
	for i, at := range order {
		wide[i] = int64(at)
	}
	torch.Scope(func() {
		host := torch.FromSlice(wide)
		torch.Unscoped(func() { index = move(host, s.Device()) })
	})
	return index
}

// mustFit panics if there are no such batches of n samples.
func mustFit(size int, order []int, n int) {
	if size < 1 {
		throw("a batch of %d samples; at least 1 is needed", size)
	}
	for i, at := range order {
		if at < 0 || at >= n {
			throw("position %d of the order names sample %d of %d", i, at, n)
		}
	}
}

func throw(format string, args ...any) {
	panic(&torch.Error{Op: "Batches", Message: fmt.Sprintf(format, args...)})
}
