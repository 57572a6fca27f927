// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Inspect tells what a file holds, without making tensors and without libtorch.
// Elements are hashed as they are streamed from the file.
func Inspect(path string) (*inspect.Info, error) {
	f, size, err := wholefile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("pt: cannot inspect %s: %w", path, err)
	}
	defer f.Close()
	info, err := inspectReader(f, size)
	if err != nil {
		return nil, fmt.Errorf("pt: cannot inspect %s: %w", path, err)
	}
	return info, nil
}

// inspector walks over a decoded tree.
type inspector struct {
	l     *loader
	info  *inspect.Info
	nodes int
	bytes int64 // that may still be hashed
	sums  map[any]string
	steps []any           // from the root to the value at hand
	seen  map[string]bool // the names so far
	clash map[string]bool // names that several values would have
}

// maxNodes bounds the walk over a tree whose parts are at many places.
const maxNodes = 1 << 22

func inspectReader(r io.ReaderAt, size int64) (*inspect.Info, error) {
	l := &loader{}
	plain, err := l.decode(r, size)
	if err != nil {
		return nil, err
	}
	in := &inspector{
		l: l, bytes: 1<<30 + 64*size, sums: map[any]string{}, seen: map[string]bool{}, clash: map[string]bool{},
		info: &inspect.Info{Format: "pt", Tensors: []inspect.Tensor{}, Values: inspect.Values{}, Metadata: l.metadata},
	}
	if err := in.walk("", plain); err != nil || len(in.clash) == 0 {
		return in.info, err
	}
	in.nodes, in.seen, in.info.Tensors, in.info.Values = 0, map[string]bool{}, []inspect.Tensor{}, inspect.Values{}
	return in.info, in.walk("", plain)
}

// unique returns the name under which the value at hand is listed. The keys "a.b" of
// one dict and "b" in the dict "a" both have the name a.b: such names are written
// as in Python, ['a.b'] and ['a']['b'].
func (in *inspector) unique(name string) string {
	if !in.clash[name] {
		if in.seen[name] {
			in.clash[name] = true
		}
		in.seen[name] = true
		return name
	}
	var b strings.Builder
	for _, step := range in.steps {
		if key, ok := step.(string); ok {
			quoted := strconv.Quote(key)
			fmt.Fprintf(&b, "['%s']", quoted[1:len(quoted)-1])
		} else {
			fmt.Fprintf(&b, "[%v]", step)
		}
	}
	return b.String()
}

// at walks over what is one step from the value at hand.
func (in *inspector) at(name string, step, v any) error {
	in.steps = append(in.steps, step)
	defer func() { in.steps = in.steps[:len(in.steps)-1] }()
	return in.walk(join(name, step), v)
}

func join(name string, step any) string {
	if name == "" {
		return fmt.Sprint(step)
	}
	return fmt.Sprint(name, ".", step)
}

func (in *inspector) walk(name string, v any) error {
	if in.nodes++; in.nodes > maxNodes {
		return errors.New("the same values are nested so that there are too many to list")
	}
	switch v := v.(type) {
	case *tensorSpec:
		return in.tensor(name, v, v)
	case *numpyArray:
		spec, err := v.spec()
		if err != nil {
			return err
		}
		return in.tensor(name, spec, v)
	case *pickle.Dict:
		return in.inside(v, func() error { return in.dict(name, v) })
	case *pickle.List:
		return in.inside(v, func() error { return in.items(name, v.Items) })
	case *pickle.Tuple:
		return in.inside(v, func() error { return in.items(name, v.Items) })
	case *pickle.Set:
		return in.inside(v, func() error { return in.items(name, v.Items) })
	}
	leaf, ok := leafOf(v)
	if !ok {
		return fmt.Errorf("%s: %s stands where a value should", name, pickle.Kind(v))
	}
	in.info.Values = append(in.info.Values, inspect.Value{Name: in.unique(name), Value: leaf})
	return nil
}

func (in *inspector) inside(v any, walk func() error) error {
	if err := in.l.enter(v); err != nil {
		return err
	}
	defer in.l.leave(v)
	return walk()
}

func (in *inspector) dict(name string, d *pickle.Dict) error {
	last := map[any]int{} // of a key that comes twice, the last counts
	for i, k := range d.Keys {
		switch k.(type) {
		case string, int, bool, float64:
			last[k] = i
		default:
			return fmt.Errorf("%s: a dict has %s as a key; str, int, float and bool are read", name, pickle.Kind(k))
		}
	}
	if len(d.Keys) == 0 {
		in.info.Values = append(in.info.Values, inspect.Value{Name: in.unique(name), Value: map[string]any{}})
	}
	for i, k := range d.Keys {
		if last[k] != i {
			continue
		}
		if err := in.at(name, k, d.Values[i]); err != nil {
			return err
		}
	}
	if d.Attributes != nil {
		return in.inside(d.Attributes, func() error { return in.dict(name, d.Attributes) })
	}
	return nil
}

// items lists a list of plain values as one value, any other item by item.
func (in *inspector) items(name string, vs []any) error {
	leaves := make([]any, 0, len(vs))
	for _, v := range vs {
		leaf, ok := leafOf(v)
		if !ok {
			break
		}
		leaves = append(leaves, leaf)
	}
	if len(leaves) == len(vs) {
		in.nodes += len(vs)
		in.info.Values = append(in.info.Values, inspect.Value{Name: in.unique(name), Value: leaves})
		return nil
	}
	for i, v := range vs {
		if err := in.at(name, i, v); err != nil {
			return err
		}
	}
	return nil
}

func (in *inspector) tensor(name string, t *tensorSpec, same any) error {
	n, ok := t.numBytes()
	if !ok {
		return fmt.Errorf("%s: the sizes %v are too large", name, t.size)
	}
	sum, ok := in.sums[same]
	if !ok {
		if in.bytes -= n; in.bytes < 0 {
			return fmt.Errorf("%s: the file's views add up to many times what it holds", name)
		}
		h := sha256.New()
		if err := t.elements(func(part []byte) { h.Write(part) }); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		sum = hex.EncodeToString(h.Sum(nil))
		in.sums[same] = sum
	}
	in.info.Tensors = append(in.info.Tensors, inspect.Tensor{
		Name: in.unique(name), DType: t.dtype.String(), Shape: slices.Clone(t.size), Strides: slices.Clone(t.stride), Bytes: n, SHA256: sum,
	})
	return nil
}

// leafOf returns a plain value as inspect.Value has it.
func leafOf(v any) (any, bool) {
	switch v := v.(type) {
	case nil, bool, int, *big.Int, string:
		return v, true
	case float64:
		switch {
		case math.IsNaN(v):
			return "nan", true
		case math.IsInf(v, 0):
			return map[bool]string{true: "inf", false: "-inf"}[v > 0], true
		}
		return v, true
	case complex128:
		return fmt.Sprint(v), true
	case []byte:
		return hex.EncodeToString(v), true
	case *pickle.ByteArray:
		return hex.EncodeToString(v.Bytes), true
	case Size:
		list := make([]any, len(v))
		for i, n := range v {
			list[i] = n
		}
		return list, true
	case torch.DType:
		return "torch." + v.String(), true
	case torch.Layout:
		return "torch.strided", true
	case deviceName:
		return string(v), true
	}
	return nil, false
}
