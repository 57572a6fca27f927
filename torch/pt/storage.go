// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"fmt"
	"io"

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

// storage returns the description of a storage, which the pickle may name often.
func (l *loader) storage(key string, class *storageClass, numel int, location string) *storageSpec {
	known, ok := l.storages[key]
	switch {
	case ok && known.class == *class && known.numel == numel:
		return known
	case ok && (known.bytes > 0 || numel != 0): // one without bytes may have any type
		fail.With("storage %q is used with two types or sizes", key)
	}
	item := class.dtype.Size()
	s := &storageSpec{key: key, class: *class, numel: numel, location: location, big: l.bigEndian}
	l.find(s, item)
	s.bytes = numel * item
	if !class.untyped {
		s.unit = unitOf(class.dtype)
	}
	l.storages[key] = s
	return s
}

// unitOf returns the size of the numbers that elements consist of.
func unitOf(d torch.DType) int {
	switch d {
	case torch.Complex32, torch.Complex64, torch.Complex128:
		return d.Size() / 2
	}
	return d.Size()
}

// use notes that elements of a type are read from the storage. The type decides how
// the bytes of an untyped big-endian storage are reversed.
func (s *storageSpec) use(d torch.DType) error {
	if !s.big {
		return nil
	}
	if s.unit != 0 && s.unit != unitOf(d) {
		return fmt.Errorf("storage %q is big-endian and used with numbers of %d and of %d bytes", s.key, s.unit, unitOf(d))
	}
	s.unit = unitOf(d)
	return nil
}

// chunk is how much of a storage is held in Go's memory at a time. It is a
// multiple of every element's size.
const chunk = 4 << 20

// stream passes the bytes on in parts, little-endian, each valid during its call.
func (s *storageSpec) stream(use func(from int64, part []byte) error) error {
	return s.rec.stream(s.r, chunk, func(from int64, part []byte) error {
		if s.big {
			turn(part, s.unit)
		}
		return use(from, part)
	})
}

// turn reverses the bytes of each number; an incomplete last number stays.
func turn(b []byte, unit int) {
	for ; unit > 1 && len(b) >= unit; b = b[unit:] {
		for i, k := 0, unit-1; i < k; i, k = i+1, k-1 {
			b[i], b[k] = b[k], b[i]
		}
	}
}

// load reads the storage's bytes, once, to the device that the options want. It
// is called inside a scope.
func (s *storageSpec) load(l *loader) error {
	if s.base != nil {
		return nil
	}
	if s.root != nil {
		if err := s.root.load(l); err != nil {
			return err
		}
		s.base = s.root.base.Narrow(0, s.from, s.bytes)
		return nil
	}
	if l.mapping != nil && !s.private {
		if s.base = l.mapping.part(s); s.base != nil {
			return nil
		}
	}
	device, err := l.device(s.location)
	if err != nil {
		return err
	}
	base := torch.Empty([]int{int(s.rec.size)}, torch.Options{DType: torch.UInt8, Device: device})
	err = s.stream(func(from int64, part []byte) error {
		torch.Scope(func() {
			bytes := torch.FromBytes(part, torch.UInt8, len(part))
			base.Narrow(0, int(from), len(part)).CopyInPlace(bytes)
		})
		return nil
	})
	if err == nil {
		s.base = base
	}
	return err
}
