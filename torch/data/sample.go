// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"unsafe"

	"github.com/etude-ml/etude/torch"
)

// Dataset makes samples one at a time, by reading files for example. A [Loader] calls
// Sample from several goroutines at once.
//
// Where a sample has a name, such as its file's, a method Name(i int) string tells it,
// and messages about the sample begin with it. Where the samples of one program may
// differ from another's, a method Identity() string tells them apart; see [Source].
type Dataset interface {
	// Len returns the number of samples, which are numbered from 0.
	Len() int
	// Sample returns sample i. Its elements are the caller's to change.
	Sample(i int) (Sample, error)
}

// Sample is one input, one target, and further ones by name, in Go's memory. All samples
// of a dataset have the same ones, of the same types. A zero Array is one that is absent.
type Sample struct {
	X, Y Array
	More map[string]Array
}

// Array is elements in row-major order.
type Array struct {
	Bytes []byte // little-endian; the length is that of all elements
	DType torch.DType
	Shape []int // empty, but not nil, for one element without dimensions
}

// FromSlice makes an Array of elements, which it shares. Without a shape it has one
// dimension.
func FromSlice[T torch.Element](elements []T, shape ...int) Array {
	if shape == nil {
		shape = []int{len(elements)}
	}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(elements))), len(elements)*int(unsafe.Sizeof(*new(T))))
	return Array{bytes, torch.DTypeFor[T](), shape}
}

// Scalar makes an Array without dimensions, such as the class of a sample.
func Scalar[T torch.Element](x T) Array { return FromSlice([]T{x}, []int{}...) }

// ToSlice returns the elements, which it shares with a. It panics if T is not their type.
func ToSlice[T torch.Element](a Array) []T {
	if want := torch.DTypeFor[T](); a.DType != want {
		panic(fmt.Sprintf("data: the elements are %s, not %s", a.DType, want))
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(a.Bytes))), len(a.Bytes)/a.DType.Size())
}

// absent reports whether a is no array.
func (a Array) absent() bool { return a.Bytes == nil && a.Shape == nil }

// arrays yields what a sample has, by name.
func (s Sample) arrays() iter.Seq2[string, Array] {
	return func(yield func(string, Array) bool) {
		if s.X.absent() || yield("X", s.X) {
			if s.Y.absent() || yield("Y", s.Y) {
				maps.All(s.More)(yield)
			}
		}
	}
}

// check returns an error if the elements do not fill the shape.
func (a Array) check() error {
	size := a.DType.Size()
	for _, n := range a.Shape {
		size *= n
	}
	if size != len(a.Bytes) || slices.ContainsFunc(a.Shape, func(n int) bool { return n < 0 }) {
		return fmt.Errorf("%d bytes are not the elements of %s %v", len(a.Bytes), a.DType, a.Shape)
	}
	return nil
}

// Sample copies sample i, so that a set in memory is a [Dataset], too, whose samples a
// Loader can augment.
func (s *Set) Sample(i int) (Sample, error) {
	row := func(t *torch.Tensor) (a Array) {
		torch.Scope(func() {
			r := t.Select(0, i)
			a = Array{r.Bytes(), r.DType(), r.Shape()}
		})
		return a
	}
	sample := Sample{X: row(s.X)}
	if s.Y != nil {
		sample.Y = row(s.Y)
	}
	if s.More != nil {
		sample.More = make(map[string]Array, len(s.More))
		for name, t := range s.More {
			sample.More[name] = row(t)
		}
	}
	return sample, nil
}

// Name returns the name of sample i, "" where there are no names.
func (s *Set) Name(i int) string {
	if i < len(s.Names) {
		return s.Names[i]
	}
	return ""
}
