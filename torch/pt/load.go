// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// Load reads a file that Save or torch.save wrote. Nothing in it is executed:
// of Python's classes only those of plain data are known, and a file that asks
// for another one is refused with its name. The tensors belong to no scope.
func Load(path string) (any, error) {
	v, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("pt: cannot load %s: %w", path, err)
	}
	return v, nil
}

// Read is Load for a file of size bytes behind r.
func Read(r io.ReaderAt, size int64) (any, error) {
	v, err := read(r, size)
	if err != nil {
		return nil, fmt.Errorf("pt: cannot read: %w", err)
	}
	return v, nil
}

func load(path string) (any, error) {
	f, err := os.Open(path)
	if err != nil {
		var e *os.PathError
		if errors.As(err, &e) {
			err = e.Err // the path is in the text already
		}
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	return read(f, info.Size())
}

// loader turns a pickle into a tree: first into plain values and descriptions of
// tensors, and only when the whole of it has been checked into tensors.
type loader struct {
	archive  *archive
	storages map[string]*storageSpec
	done     map[any]converted // by the pickle's own pointer
	open     map[any]bool
	depth    int
}

type converted struct {
	value  any
	weight int // how many values a walk over it meets
}

// maxWeight bounds a walk over the tree: a few hundred bytes can nest the same
// list in itself so that a walk never ends.
const maxWeight = 1 << 25

func read(r io.ReaderAt, size int64) (any, error) {
	a, err := openArchive(r, size)
	if err != nil {
		return nil, err
	}
	data, err := a.read(a.records["data.pkl"], maxPickle)
	if err != nil {
		return nil, err
	}
	l := &loader{a, map[string]*storageSpec{}, map[any]converted{}, map[any]bool{}, 0}
	plain, err := pickle.Decode(data, l)
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	if len(l.storages) == 0 { // plain values do not need libtorch
		c, err := l.convert(plain)
		if err != nil {
			return nil, err
		}
		return c.value, nil
	}
	if err := torch.Init(); err != nil {
		return nil, err
	}
	return l.tensors(plain)
}

// tensors is convert for a tree that holds tensors: all of them or, on an error,
// none survive it.
func (l *loader) tensors(plain any) (value any, err error) {
	tryErr := torch.Try(func() {
		torch.Unscoped(func() {
			torch.Scope(func() {
				var c converted
				if c, err = l.convert(plain); err != nil {
					return
				}
				for _, d := range l.done {
					if t, ok := d.value.(*torch.Tensor); ok {
						t.Keep()
					}
				}
				value = c.value
			})
		})
	})
	if err == nil {
		err = tryErr
	}
	return value, err
}

// convert returns what a decoded value is in Go.
func (l *loader) convert(v any) (c converted, err error) {
	switch v := v.(type) {
	case nil, bool, int, *big.Int, float64, string, []byte, torch.DType, torch.Device, torch.Layout:
		return converted{v, 1}, nil
	case *pickle.List, *pickle.Tuple, *pickle.Dict, *tensorSpec:
		if c, ok := l.done[v]; ok {
			return c, nil
		}
		if l.open[v] {
			return c, fmt.Errorf("%s contains itself", pickle.Kind(v))
		}
		if l.depth >= maxDepth {
			return c, fmt.Errorf("nested deeper than %d levels", maxDepth)
		}
		l.open[v] = true
		l.depth++
		defer func() {
			delete(l.open, v)
			l.depth--
			if err == nil {
				l.done[v] = c
			}
		}()
	}
	switch v := v.(type) {
	case *pickle.List:
		items, weight, err := l.items(v.Items)
		return converted{items, weight}, err
	case *pickle.Tuple:
		items, weight, err := l.items(v.Items)
		return converted{torch.Tuple(items), weight}, err
	case *pickle.Dict:
		return l.dict(v)
	case *tensorSpec:
		t, err := v.make(l.archive)
		return converted{t, 1}, err
	}
	return c, fmt.Errorf("%s stands where a value should", pickle.Kind(v))
}

func (l *loader) items(vs []any) ([]any, int, error) {
	out, weight := make([]any, len(vs)), 1
	for i, v := range vs {
		c, err := l.convert(v)
		if err != nil {
			return nil, 0, at(i, err)
		}
		out[i] = c.value
		if weight, err = heavier(weight, c.weight); err != nil {
			return nil, 0, err
		}
	}
	return out, weight, nil
}

func heavier(a, b int) (int, error) {
	if a+b > maxWeight {
		return 0, fmt.Errorf("the same values are nested so that there are more than %d", maxWeight)
	}
	return a + b, nil
}

func (l *loader) dict(v *pickle.Dict) (converted, error) {
	d := &torch.Dict{OrderedDict: v.Ordered}
	weight := 1
	for i, k := range v.Keys {
		switch x := k.(type) {
		case string, int, bool:
		case float64:
			if x != x {
				return converted{}, errors.New("a dict has the key NaN")
			}
		default:
			return converted{}, fmt.Errorf("a dict has %s as a key; str, int, float and bool are read", pickle.Kind(k))
		}
		c, err := l.convert(v.Values[i])
		if err != nil {
			return converted{}, at(k, err)
		}
		d.Set(k, c.value)
		if weight, err = heavier(weight, c.weight); err != nil {
			return converted{}, err
		}
	}
	return converted{d, weight}, nil
}

// closeAll closes the tensors of a tree that nobody will have.
func closeAll(v any) {
	switch v := v.(type) {
	case *torch.Tensor:
		v.Close()
	case *torch.Dict:
		for _, x := range v.All() {
			closeAll(x)
		}
	case []any:
		for _, x := range v {
			closeAll(x)
		}
	case torch.Tuple:
		closeAll([]any(v))
	}
}

// describe names what a tree is.
func describe(v any) string {
	switch v := v.(type) {
	case *torch.Tensor:
		return "a tensor"
	case torch.Tuple:
		return "a tuple"
	case []any:
		return "a list"
	default:
		return pickle.Kind(v)
	}
}
