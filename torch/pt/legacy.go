// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// The format of torch.save before PyTorch 1.6, and since of
// _use_new_zipfile_serialization=False: pickles of the magic number, of the
// version, of facts about the machine, of the value and of a list of storages;
// then of each storage its number of elements, in 8 bytes, and the elements, which
// are little-endian on every machine.

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

func (f *legacyReader) pickle(what string, limit int64, h pickle.Handler) (any, error) {
	limit = min(limit, f.size-f.at)
	v, n, err := pickle.DecodeFrom(io.NewSectionReader(f.r, f.at, limit), int(limit), h)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	f.at += int64(n)
	return v, nil
}

// maxFacts bounds the pickles that are small in every sane file.
const maxFacts = 1 << 16

func (l *loader) decodeLegacy(r io.ReaderAt, size int64) (any, error) {
	if l.mapping != nil {
		return nil, errors.New("it is in the legacy format, whose elements are not aligned for Mmap; load it without")
	}
	f := &legacyReader{r: r, size: size}
	magic, err := f.pickle("magic number", maxFacts, plainOnly{})
	if n, ok := magic.(*big.Int); err != nil || !ok || n.Cmp(legacyMagic) != 0 {
		return nil, errors.New("it is a pickle, but not of torch.save; in Python, load it with what wrote it and torch.save its tensors")
	}
	version, err := f.pickle("version", maxFacts, plainOnly{})
	if err != nil {
		return nil, err
	}
	if version != legacyVersion {
		return nil, fmt.Errorf("its format has the version %v; %d is read of the legacy format", version, legacyVersion)
	}
	if facts, err := f.pickle("system information", maxFacts, plainOnly{}); err != nil {
		return nil, err
	} else if _, ok := facts.(*pickle.Dict); !ok {
		return nil, fmt.Errorf("system information: %s, not a dict", pickle.Kind(facts))
	}
	l.metadata["protocol_version"] = fmt.Sprint(legacyVersion)
	l.setBudget(int(min(size-f.at, maxPickle)))
	l.fields = l.legacyStorageID
	l.find = func(s *storageSpec, item int) error { // the bytes are found at the end
		if s.numel < 0 || int64(s.numel) > size/int64(item) {
			return fmt.Errorf("storage %q is said to have %d elements of %d bytes, in a file of %d bytes", s.key, s.numel, item, size)
		}
		return nil
	}
	plain, err := f.pickle("value", maxPickle, l)
	if err != nil {
		return nil, err
	}
	keys, err := f.pickle("list of storages", maxPickle, plainOnly{})
	if err != nil {
		return nil, err
	}
	return plain, l.locate(f, keys)
}

// locate finds the bytes of every storage that the value named.
func (l *loader) locate(f *legacyReader, keys any) error {
	list, ok := keys.(*pickle.List)
	if !ok {
		return fmt.Errorf("list of storages: %s", pickle.Kind(keys))
	}
	found := 0
	for _, k := range list.Items {
		key, ok := k.(string)
		if !ok {
			return fmt.Errorf("list of storages: holds %s", pickle.Kind(k))
		}
		s, ok := l.storages[key]
		if !ok || s.r != nil {
			return fmt.Errorf("list of storages: %.100q is listed twice, or used nowhere", key)
		}
		var head [8]byte
		if n, err := f.r.ReadAt(head[:], f.at); n < len(head) {
			return fmt.Errorf("storage %q: the file ends before it: %w", key, err)
		}
		f.at += int64(len(head))
		if n := int64(binary.LittleEndian.Uint64(head[:])); n != int64(s.numel) {
			return fmt.Errorf("storage %q is said to have %d elements, and %d where they are", key, s.numel, n)
		}
		if int64(s.bytes) > f.size-f.at {
			return fmt.Errorf("storage %q has %d bytes, but the file ends after %d of them", key, s.bytes, f.size-f.at)
		}
		s.r, s.rec = f.r, record{name: "storage " + key, offset: f.at, size: int64(s.bytes)}
		f.at += int64(s.bytes)
		found++
	}
	if found != len(l.storages) {
		return fmt.Errorf("list of storages: has %d of the %d that are used", found, len(l.storages))
	}
	return nil
}

// legacyStorageID reads ("storage", class, key, location, number of elements,
// view), where view is None or (key, offset, number of elements) of a part of the
// storage.
func (l *loader) legacyStorageID(id []any) (*storageSpec, error) {
	if len(id) != 6 {
		return nil, fmt.Errorf("a storage's id of %d fields, not of 6", len(id))
	}
	root, err := l.storageID(id[:5])
	if err != nil || id[5] == nil {
		return root, err
	}
	view, ok := id[5].(*pickle.Tuple)
	if !ok || len(view.Items) != 3 {
		return nil, fmt.Errorf("a storage's view is %s", pickle.Kind(id[5]))
	}
	key, ok1 := view.Items[0].(string)
	from, ok2 := view.Items[1].(int)
	numel, ok3 := view.Items[2].(int)
	if !ok1 || !ok2 || !ok3 || from < 0 || numel < 0 || from > root.numel || numel > root.numel-from {
		return nil, fmt.Errorf("a view of storage %q, which has %d elements, is not inside it", root.key, root.numel)
	}
	item := root.class.dtype.Size()
	return &storageSpec{
		key: root.key + "/" + clip(key), class: root.class, numel: numel, bytes: numel * item,
		root: root, from: from * item, location: root.location,
	}, nil
}
