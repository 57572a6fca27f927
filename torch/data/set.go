// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// Select copies the samples at idx, in that order, as a split returns them; an index may
// come twice. Names and groups come along. An index out of range panics.
//
//	train, val, err := data.SplitRandom(set.Len(), 0.2, seed)
//	… set.Select(train), set.Select(val) …
//
// The new tensors belong to no scope, as those of all methods here.
func (s *Set) Select(idx []int) *Set {
	for at, i := range idx {
		if i < 0 || i >= s.Len() {
			panic(&torch.Error{Op: "Select", Message: fmt.Sprintf("position %d names sample %d of %d", at, i, s.Len())})
		}
	}
	index := s.Index(idx)
	defer index.Close()
	out := s.change(func(_ string, of func(*Set) *torch.Tensor) *torch.Tensor { return of(s).IndexSelect(0, index) })
	pick := func(texts []string) (list []string) {
		if texts != nil {
			list = make([]string, len(idx))
			for at, i := range idx {
				list[at] = texts[i]
			}
		}
		return list
	}
	out.Names, out.Groups = pick(s.Names), pick(s.Groups)
	return out
}

// Concat copies the samples of sets, in that order, to one set on their device. All need
// the same tensors, of the same types, that differ in their numbers of samples only;
// otherwise it panics with a *torch.Error. Names and groups are kept if all sets have them.
func Concat(sets ...*Set) *Set {
	if len(sets) == 0 {
		panic(&torch.Error{Op: "Concat", Message: "there are no sets"})
	}
	first := sets[0]
	for i, s := range sets {
		if have, want := s.holds(), first.holds(); !slices.Equal(have, want) {
			panic(&torch.Error{Op: "Concat", Message: fmt.Sprintf("set %d holds %v, and set 0 %v", i, have, want)})
		}
	}
	out := first.change(func(name string, of func(*Set) *torch.Tensor) *torch.Tensor {
		list := make([]*torch.Tensor, len(sets))
		for i, s := range sets {
			list[i] = of(s)
			if have, want := list[i].DType(), list[0].DType(); have != want {
				panic(&torch.Error{Op: "Concat", Message: fmt.Sprintf("%s is %s in set %d, and %s in set 0", name, have, i, want)})
			}
		}
		return torch.Cat(list, 0)
	})
	texts := func(of func(*Set) []string) (list []string) {
		for _, s := range sets {
			if of(s) == nil {
				return nil
			}
			list = append(list, of(s)...)
		}
		return list
	}
	out.Names = texts(func(s *Set) []string { return s.Names })
	out.Groups = texts(func(s *Set) []string { return s.Groups })
	return out
}

// Map returns the set that f makes of the samples, size at a time and without gradients:
// features of inputs, for example, that do not change while a network trains. f returns
// as many samples as it was given, which keep their names and groups, or Map panics with
// a *torch.Error.
func (s *Set) Map(size int, f func(Batch) Batch) *Set {
	var parts []*Set
	defer func() {
		for _, p := range parts {
			p.Close()
		}
	}()
	torch.NoGrad(func() {
		for b := range s.Batches(size, nil) {
			made := f(b)
			if made.X == nil {
				panic(&torch.Error{Op: "Map", Message: "a batch became one without X"})
			}
			part := &Set{X: made.X, Y: made.Y, More: made.More}
			for name, t := range part.tensors() {
				if t.Dim() == 0 || t.Size(0) != b.Len {
					panic(&torch.Error{Op: "Map", Message: fmt.Sprintf("a batch of %d samples became %s of %v", b.Len, name, t.Shape())})
				}
			}
			parts = append(parts, part.To(part.Device()))
		}
	})
	out := Concat(parts...)
	out.Names, out.Groups = s.Names, s.Groups
	return out
}

// To copies the set to device d, also if it is there already.
func (s *Set) To(d torch.Device) *Set {
	out := s.change(func(_ string, of func(*Set) *torch.Tensor) *torch.Tensor { return move(of(s), d) })
	out.Names, out.Groups, out.Fingerprint = s.Names, s.Groups, s.Fingerprint
	return out
}

// Fill copies a batch over the samples of the set and reports whether that can be done: they
// hold tensors of the same names, types, shapes and strides. Otherwise nothing is copied.
func (s *Set) Fill(b Batch) bool {
	from := &Set{X: b.X, Y: b.Y, More: b.More}
	if !slices.Equal(from.layout(), s.layout()) {
		return false
	}
	s.X.CopyInPlace(b.X)
	if s.Y != nil {
		s.Y.CopyInPlace(b.Y)
	}
	for name, t := range s.More {
		t.CopyInPlace(b.More[name])
	}
	return true
}

// layout describes the tensors.
func (s *Set) layout() (list []string) {
	for name, t := range s.tensors() {
		list = append(list, fmt.Sprint(name, t.DType(), t.Shape(), t.Strides()))
	}
	return list
}

// holds returns the names of the tensors.
func (s *Set) holds() (names []string) {
	for name := range s.tensors() {
		names = append(names, name)
	}
	return names
}

// change returns a set of what f makes at the place of each tensor of s, in no scope.
func (s *Set) change(f func(name string, of func(*Set) *torch.Tensor) *torch.Tensor) *Set {
	out, done := &Set{}, false
	defer func() {
		if !done && out.X != nil { // f panicked
			out.Close()
		}
	}()
	torch.Unscoped(func() {
		out.X = f("X", func(s *Set) *torch.Tensor { return s.X })
		if s.Y != nil {
			out.Y = f("Y", func(s *Set) *torch.Tensor { return s.Y })
		}
		for name := range s.More {
			if out.More == nil {
				out.More = make(map[string]*torch.Tensor, len(s.More))
			}
			out.More[name] = f(name, func(s *Set) *torch.Tensor { return s.More[name] })
		}
	})
	done = true
	return out
}
