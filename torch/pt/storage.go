// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"io"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

const untypedStorage = "UntypedStorage"

// storageClasses are the classes that name a storage's element type in a file.
// Types that are not here came after PyTorch froze the list: their storages are
// untyped, and the tensor names the type.
var storageClasses = map[torch.DType]string{
	torch.Float32:    "FloatStorage",
	torch.Float64:    "DoubleStorage",
	torch.Float16:    "HalfStorage",
	torch.BFloat16:   "BFloat16Storage",
	torch.Int64:      "LongStorage",
	torch.Int32:      "IntStorage",
	torch.Int16:      "ShortStorage",
	torch.Int8:       "CharStorage",
	torch.UInt8:      "ByteStorage",
	torch.Bool:       "BoolStorage",
	torch.Complex64:  "ComplexFloatStorage",
	torch.Complex128: "ComplexDoubleStorage",
}

var storageTypes = func() map[string]torch.DType {
	m := map[string]torch.DType{}
	for d, name := range storageClasses {
		m[name] = d
	}
	return m
}()

// storageClass is a class that names a storage's element type.
type storageClass struct {
	dtype   torch.DType
	untyped bool // the tensor names the type
}

func (c *storageClass) String() string { return "a storage class" }

// storageSpec describes a storage that the pickle names, and where its bytes are.
type storageSpec struct {
	key      string
	class    storageClass
	numel    int // as the class counts
	bytes    int
	location string // where it was saved from, such as "cuda:0"
	r        io.ReaderAt
	rec      record // the bytes in r
	unit     int    // bytes of the numbers to turn round, 0 for none or not known yet
	big      bool   // the numbers are big-endian

	private bool // of an array, not in the file
	checked bool // against its checksum

	root *storageSpec // what this is a part of, or nil
	from int          // where in root, in bytes

	base *torch.Tensor // all bytes, as uint8, once a tensor needed them
}

func (s *storageSpec) String() string { return "a storage" }

// unitOf returns the size of the numbers that elements consist of.
func unitOf(d torch.DType) int {
	if d.IsComplex() {
		return d.Size() / 2
	}
	return d.Size()
}

// use notes that elements of a type are read from the storage. The type decides how
// the bytes of an untyped big-endian storage are reversed.
func (s *storageSpec) use(d torch.DType) {
	if s.big && s.unit != 0 && s.unit != unitOf(d) {
		fail.With("storage %q is big-endian and used with numbers of %d and of %d bytes", s.key, s.unit, unitOf(d))
	}
	s.unit = unitOf(d)
}

// stream passes the bytes on in parts, little-endian, each valid during its call.
func (s *storageSpec) stream(use func(from int64, part []byte) error) error {
	return s.rec.stream(s.r, func(from int64, part []byte) error {
		if s.big {
			turn(part, s.unit)
		}
		return use(from, part)
	})
}

// turn reverses the bytes of each number; an incomplete last number stays.
func turn(b []byte, unit int) {
	for ; unit > 1 && len(b) >= unit; b = b[unit:] {
		slices.Reverse(b[:unit])
	}
}

// span passes on the bytes from lo to hi, little-endian. The first time the whole
// storage is read, to check it.
func (s *storageSpec) span(lo, hi int64, use func(part []byte) error) error {
	if s.root != nil {
		return s.root.span(lo+int64(s.from), hi+int64(s.from), use)
	}
	if !s.checked && s.rec.sum != 0 {
		err := s.stream(func(from int64, part []byte) error {
			if a, b := max(lo-from, 0), min(hi-from, int64(len(part))); a < b {
				return use(part[a:b])
			}
			return use(nil)
		})
		s.checked = err == nil
		return err
	}
	part := *s
	part.rec = record{name: s.rec.name, offset: s.rec.offset + lo, size: hi - lo}
	return part.stream(func(_ int64, part []byte) error { return use(part) })
}
