// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"fmt"
	"io"
	"maps"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
	"github.com/etude-ml/etude/torch/wholefile"
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

// Load reads a file that Save or torch.save wrote. Nothing in it is executed:
// of Python's classes only those of plain data are known, and a file that asks
// for another one is refused with its name. The tensors belong to no scope.
func Load(path string) (any, error) { return LoadWith(path, LoadOptions{}) }

// LoadWith does the same as Load, with options.
func LoadWith(path string, opts LoadOptions) (any, error) { return load(path, opts, nil) }

// Read does the same as Load for the size bytes of r.
func Read(r io.ReaderAt, size int64) (any, error) {
	v, err := (&loader{}).read(r, size)
	if err != nil {
		return nil, fmt.Errorf("pt: cannot read: %w", err)
	}
	return v, nil
}

// load reads a file. pick, if not nil, chooses what of the decoded tree is wanted.
func load(path string, opts LoadOptions, pick func(l *loader, plain any) any) (any, error) {
	v, err := func() (any, error) {
		f, size, err := wholefile.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		l := &loader{opts: opts, pick: pick}
		if opts.Mmap {
			l.mapping = &mapping{path: sameFile(f), size: size}
		}
		return l.read(f, size)
	}()
	if err != nil {
		return nil, fmt.Errorf("pt: cannot load %s: %w", path, err)
	}
	return v, nil
}

// loader turns a pickle into a tree: first into plain values and descriptions of
// tensors, and only when the whole of it has been checked into tensors.
type loader struct {
	opts      LoadOptions
	pick      func(l *loader, plain any) any
	mapping   *mapping // of the file, with Mmap
	bigEndian bool
	find      func(s *storageSpec, item int) // where a storage's bytes are
	fields    func(id []any) *storageSpec    // what a persistent id means
	storages  map[string]*storageSpec
	arrays    int // of numpy
	budget    int // bytes that calls may still make
	metadata  map[string]string

	done  map[any]converted // by the pickle's own pointer
	open  map[any]bool      // what is being converted
	dicts map[*pickle.Dict]*torch.Dict
	hash  map[*pickle.Tuple]bool // whether it may be in a set
	depth int
	path  treePath
}

// read reads everything, in whichever format.
func (l *loader) read(r io.ReaderAt, size int64) (v any, err error) {
	err = fail.Catch(func() {
		plain := l.decode(r, size)
		if l.pick != nil {
			plain = l.pick(l, plain)
		}
		if len(l.storages) == 0 && l.arrays == 0 { // plain values do not need libtorch
			v = l.convert(plain).value
			return
		}
		fail.On(torch.Init())
		v = l.tensors(plain)
	})
	return v, l.path.at(err)
}

// decode reads everything but the elements of tensors.
func (l *loader) decode(r io.ReaderAt, size int64) any {
	l.storages, l.metadata = map[string]*storageSpec{}, map[string]string{}
	l.done, l.open, l.dicts = map[any]converted{}, map[any]bool{}, map[*pickle.Dict]*torch.Dict{}
	l.hash = map[*pickle.Tuple]bool{}
	if fail.Or(checkMagic(r, size)) {
		l.metadata["container"] = "legacy"
		return l.decodeLegacy(r, size)
	}
	a := openArchive(r, size)
	l.bigEndian = a.bigEndian
	if l.mapping != nil && l.bigEndian {
		fail.With("it is big-endian, which Mmap cannot turn round; load it without")
	}
	data := a.read(a.records["data.pkl"], maxPickle)
	l.setBudget(len(data))
	l.find, l.fields = a.find, l.storageID
	l.metadata["container"] = "zip"
	l.metadata["pickle_protocol"] = pickle.Protocol(data)
	maps.Copy(l.metadata, a.metadata)
	plain, err := pickle.Decode(data, l)
	if err != nil {
		fail.With("data.pkl: %w", err)
	}
	return plain
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
func (l *loader) device(saved string) (torch.Device, error) {
	d := l.opts.Device
	if l.opts.Place != nil {
		d = l.opts.Place(saved)
	}
	if d != torch.CPU && l.mapping != nil {
		return d, fmt.Errorf("option Mmap maps to the CPU, not to %s; load without it", d)
	}
	if d == torch.CPU {
		return d, nil
	}
	return d, torch.CheckDevice(d)
}

// tensors is convert for a tree that holds tensors. Where it fails, none of them
// outlives it.
func (l *loader) tensors(plain any) (value any) {
	fail.On(torch.Try(func() {
		torch.Unscoped(func() {
			torch.Scope(func() {
				value = l.convert(plain).value
				for _, d := range l.done {
					if t, ok := d.value.(*torch.Tensor); ok {
						t.Keep()
					}
				}
			})
		})
	}))
	return value
}
