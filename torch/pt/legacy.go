// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// This file reads the format of torch.save before PyTorch 1.6, which it still writes
// with _use_new_zipfile_serialization=False: pickles of the magic number, of the
// version, of facts about the machine, of the value and of a list of storages; then,
// for each storage, its number of elements, in 8 bytes, and the elements, which are
// little-endian on every machine.

const legacyVersion = 1001

var legacyMagic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

// plainOnly reads pickles that hold neither classes nor storages.
type plainOnly struct{}

var errNotPlain = errors.New("holds a class or an object")

func (plainOnly) Global(module, name string) (any, error) {
	return nil, fmt.Errorf("asks for the Python class or function %q", module+"."+name)
}
func (plainOnly) Reduce(any, []any) (any, error) { return nil, errNotPlain }
func (plainOnly) Build(_, _ any) error           { return errNotPlain }
func (plainOnly) PersistentID(any) (any, error)  { return nil, errNotPlain }

// legacyReader reads one pickle after the other.
type legacyReader struct {
	r        io.ReaderAt
	at, size int64
}

func (f *legacyReader) pickle(what string, limit int64, h pickle.Handler) any {
	limit = min(limit, f.size-f.at)
	v, n, err := pickle.DecodeFrom(io.NewSectionReader(f.r, f.at, limit), int(limit), h)
	if err != nil {
		fail.With("%s: %w", what, err)
	}
	f.at += int64(n)
	return v
}

// maxFacts bounds the pickles that are small in every sane file.
const maxFacts = 1 << 16

func (l *loader) decodeLegacy(r io.ReaderAt, size int64) any {
	if l.mapping != nil {
		fail.With("it is in the legacy format, whose elements are not aligned for Mmap; load it without")
	}
	f := &legacyReader{r: r, size: size}
	var magic any
	err := fail.Catch(func() { magic = f.pickle("magic number", maxFacts, plainOnly{}) })
	if n, ok := magic.(*big.Int); err != nil || !ok || n.Cmp(legacyMagic) != 0 {
		fail.With("it is a pickle, but not of torch.save; in Python, load it with what wrote it and torch.save its tensors")
	}
	if version := f.pickle("version", maxFacts, plainOnly{}); version != legacyVersion {
		fail.With("its format has the version %v; %d is read of the legacy format", version, legacyVersion)
	}
	as[*pickle.Dict](f.pickle("system information", maxFacts, plainOnly{}), "system information: %s, not a dict")
	l.metadata["protocol_version"] = fmt.Sprint(legacyVersion)
	l.setBudget(int(min(size-f.at, maxPickle)))
	l.fields = l.legacyStorageID
	l.find = func(s *storageSpec, item int) { // the bytes are found at the end
		if s.numel < 0 || int64(s.numel) > size/int64(item) {
			fail.With("storage %q is said to have %d elements of %d bytes, in a file of %d bytes", s.key, s.numel, item, size)
		}
	}
	plain := f.pickle("value", maxPickle, l)
	keys := f.pickle("list of storages", maxPickle, plainOnly{})
	l.locate(f, as[*pickle.List](keys, "list of storages: %s").Items)
	return plain
}

// locate finds the bytes of every storage that the value named.
func (l *loader) locate(f *legacyReader, keys []any) {
	for _, k := range keys {
		key := as[string](k, "list of storages: holds %s")
		s, ok := l.storages[key]
		if !ok || s.r != nil {
			fail.With("list of storages: %.100q is listed twice, or used nowhere", key)
		}
		var head [8]byte
		if n, err := f.r.ReadAt(head[:], f.at); n < len(head) {
			fail.With("storage %q: the file ends before it: %w", key, err)
		}
		f.at += int64(len(head))
		if n := int64(binary.LittleEndian.Uint64(head[:])); n != int64(s.numel) {
			fail.With("storage %q is said to have %d elements, and %d where they are", key, s.numel, n)
		}
		if int64(s.bytes) > f.size-f.at {
			fail.With("storage %q has %d bytes, but the file ends after %d of them", key, s.bytes, f.size-f.at)
		}
		s.r, s.rec = f.r, record{name: "storage " + key, offset: f.at, size: int64(s.bytes)}
		f.at += int64(s.bytes)
	}
	if len(keys) != len(l.storages) {
		fail.With("list of storages: has %d of the %d that are used", len(keys), len(l.storages))
	}
}

// legacyStorageID reads ("storage", class, key, location, number of elements,
// view), where view is None or (key, offset, number of elements) of a part of the
// storage.
func (l *loader) legacyStorageID(id []any) *storageSpec {
	if len(id) != 6 {
		fail.With("a storage's id of %d fields, not of 6", len(id))
	}
	root := l.storageID(id[:5])
	if id[5] == nil {
		return root
	}
	view := as[*pickle.Tuple](id[5], "a storage's view is %s").Items
	if len(view) != 3 {
		fail.With("a storage's view is a tuple of %d", len(view))
	}
	key, ok1 := view[0].(string)
	from, ok2 := view[1].(int)
	numel, ok3 := view[2].(int)
	if !ok1 || !ok2 || !ok3 || from < 0 || numel < 0 || from > root.numel || numel > root.numel-from {
		fail.With("a view of storage %q, which has %d elements, is not inside it", root.key, root.numel)
	}
	item := root.class.dtype.Size()
	return &storageSpec{
		key: root.key + "/" + fail.Clip(key), class: root.class, numel: numel, bytes: numel * item,
		root: root, from: from * item, location: root.location,
	}
}
