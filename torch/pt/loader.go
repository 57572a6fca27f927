// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"fmt"
	"os"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// LoadOptions are options of [LoadWith]. The zero value reads into the CPU's memory.
type LoadOptions struct {
	// Device is the device of all tensors, wherever they were saved from.
	Device torch.Device

	// Place, if not nil, returns the device instead, for the place from which a
	// storage was saved: "cpu", "cuda:0", "mps".
	Place func(saved string) torch.Device

	// Mmap maps the file into memory instead of reading it, as torch.load's
	// mmap=True: elements are fetched when they are used, may be dropped again
	// when memory is scarce, and are not checked against their checksums. Writing
	// to a tensor changes neither the file nor other processes' view of it. The
	// file must not be changed or cut while a tensor lives; replacing it, as Save
	// does, is no change. All tensors lie in one storage, the file, so Clone one
	// before saving it. Big-endian and legacy files, and other devices than
	// the CPU, are refused.
	Mmap bool

	// Placeholders reads objects and classes that are not known as *[Object], with the
	// name of the class and nothing else, instead of refusing the file. So a checkpoint's
	// tensors can be had though it holds a configuration, a path or a date.
	Placeholders bool
}

// loader turns a pickle into a tree: first into plain values and descriptions of
// tensors, and only when the whole of it has been checked into tensors.
type loader struct {
	opts      LoadOptions
	pick      func(l *loader, plain any) any
	mapping   *mapping // of the file, with Mmap
	bigEndian bool
	find      func(s *storageSpec, item int) // finds the bytes of a storage
	fields    func(id []any) *storageSpec    // resolves a persistent id
	storages  map[string]*storageSpec
	arrays    int // of numpy
	budget    int // bytes that calls may still make
	metadata  map[string]string

	done  map[any]converted // by the pickle's own pointer
	open  map[any]bool      // the values that are being converted
	dicts map[*pickle.Dict]*torch.Dict
	hash  map[*pickle.Tuple]bool // whether it may be in a set
	depth int
	path  treePath
}

type converted struct {
	value  any
	weight int // how many values a walk over it meets
}

// setBudget limits the memory that calls may ask for, in proportion to the pickle's n
// bytes: a file of a few bytes cannot ask for the same megabyte again and again.
func (l *loader) setBudget(n int) { l.budget = 16<<20 + 64*n }

func (l *loader) charge(n int) {
	if n > l.budget {
		fail.With("the calls in it make many times more than the file holds")
	}
	l.budget -= n
}

// device returns where a storage goes.
func (l *loader) device(saved string) torch.Device {
	d := l.opts.Device
	if l.opts.Place != nil {
		d = l.opts.Place(saved)
	}
	if d != torch.CPU {
		if l.mapping != nil {
			fail.With("option Mmap maps to the CPU, not to %s; load without it", d)
		}
		fail.On(torch.CheckDevice(d))
	}
	return d
}

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

// load reads the storage's bytes, once, to the device that the options want. It
// is called inside a scope.
func (s *storageSpec) load(l *loader) *torch.Tensor {
	switch {
	case s.base != nil:
	case s.root != nil:
		s.base = s.root.load(l).Narrow(0, s.from, s.bytes)
	default:
		if l.mapping != nil && !s.private {
			s.base = l.mapping.part(s)
		}
		if s.base == nil {
			base := torch.Empty([]int{int(s.rec.size)}, torch.Options{DType: torch.UInt8, Device: l.device(s.location)})
			fail.On(s.stream(func(from int64, part []byte) error {
				torch.Scope(func() {
					base.Narrow(0, int(from), len(part)).CopyInPlace(torch.FromBytes(part, torch.UInt8, len(part)))
				})
				return nil
			}))
			s.base = base
		}
	}
	return s.base
}

// mapping is a file as one tensor of bytes, mapped into memory at its first use.
// libtorch maps it for reading, and copies the pages that are written to.
type mapping struct {
	path  string
	size  int64
	whole *torch.Tensor
}

// part returns the bytes of a storage, or nil when they are not aligned for its
// elements, as in archives that other tools have packed anew.
func (m *mapping) part(s *storageSpec) *torch.Tensor {
	if s.rec.offset%16 != 0 {
		return nil
	}
	if m.whole == nil {
		m.whole = torch.Call("aten::from_file", m.path, false, int(m.size), torch.Named{"dtype": torch.UInt8}).Tensor()
	}
	return m.whole.Narrow(0, int(s.rec.offset), int(s.rec.size))
}

// sameFile returns a path of the open file itself, where the system has such paths,
// because another file may have taken its name meanwhile.
func sameFile(f *os.File) string {
	path := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if _, err := os.Stat(path); err != nil {
		return f.Name()
	}
	return path
}
