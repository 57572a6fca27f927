// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
	"github.com/etude-ml/etude/torch/wholefile"
)

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

// LoadDict does the same as Load for a file that holds a dict, such as a state_dict or
// a checkpoint.
func LoadDict(path string) (*torch.Dict, error) {
	kind := ""
	v, err := load(path, LoadOptions{}, func(_ *loader, plain any) any {
		if _, ok := plain.(*pickle.Dict); !ok { // known before any tensor is made
			kind = pickle.Kind(plain)
			return nil
		}
		return plain
	})
	switch {
	case err != nil:
		return nil, err
	case kind != "":
		return nil, fmt.Errorf("pt: %s holds %s, not a dict", path, kind)
	}
	return v.(*torch.Dict), nil
}

// Named is a tensor of a file with the name that [Inspect] gives it.
type Named struct {
	Name   string
	Tensor *torch.Tensor
}

// LoadTensors reads the tensors of a file and nothing else, in the order of the file,
// with the names that [Inspect] gives them: the same tensor at two places has two
// names. It skips whatever else the file holds, also objects that are not read. The
// tensors belong to no scope.
func LoadTensors(path string, opts LoadOptions) ([]Named, error) {
	opts.Placeholders = true
	named := []Named{}
	v, err := load(path, opts, func(l *loader, plain any) any {
		list := &pickle.List{}
		for _, x := range find(l, plain) {
			if x.tensor != nil {
				named, list.Items = append(named, Named{Name: x.name}), append(list.Items, x.value)
			}
		}
		return list
	})
	if err != nil {
		return nil, err
	}
	for i, t := range v.([]any) {
		named[i].Tensor = t.(*torch.Tensor)
	}
	return named, nil
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

// checkMagic finds the format of a file from its first bytes: a zip archive, or a
// legacy file, which begins with a pickle.
func checkMagic(r io.ReaderAt, size int64) (legacy bool, err error) {
	if size == 0 {
		return false, errors.New("it is empty")
	}
	head := make([]byte, min(size, 512))
	if n, err := r.ReadAt(head, 0); err != nil && n < len(head) {
		return false, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return false, nil
	case inspect.Format(head) == "pt" && head[0] != 'P':
		return true, nil
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return false, errors.New("it is a tar file, as torch.save made before PyTorch 0.2; in Python, torch.save(torch.load(path, weights_only=False), path) converts one that you trust")
	case inspect.Format(head) == "safetensors":
		return false, errors.New("it is a safetensors file; in Python, torch.save(safetensors.torch.load_file(path), \"weights.pt\") converts it")
	}
	if what := inspect.OtherFile(head); what != "" {
		return false, errors.New(what)
	}
	return false, fmt.Errorf("it is not a .pt file of torch.save: it begins with %q, not with \"PK\\x03\\x04\"", head[:min(len(head), 8)])
}
