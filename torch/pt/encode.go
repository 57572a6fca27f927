// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

func (e *encoder) value(v any) {
	if len(e.path) >= maxDepth {
		fail.With("nested deeper than %d levels", maxDepth)
	}
	switch v := v.(type) {
	case nil, bool, int, int64, float64, complex128:
		e.p.Value(v)
	case *big.Int:
		if v == nil || v.BitLen() > 8*250 {
			fail.With("a *big.Int that is nil or longer than 250 bytes")
		}
		e.p.Value(v)
	case string:
		if !pickle.IsText([]byte(v)) {
			fail.With("the string %.40q is not valid UTF-8; use []byte", v)
		}
		if len(v) > math.MaxUint32 {
			fail.With("a string of %d bytes is too long; 4 GiB fit", len(v))
		}
		e.p.Value(v)
	case []byte:
		checkBytes(v)
		e.p.Value(v)
	case ByteArray:
		checkBytes(v)
		args := []any{[]byte(v)}
		e.p.Call("__builtin__", "bytearray", args[:min(len(v), 1)]...)
	case Set:
		e.set("set", v)
	case FrozenSet:
		e.set("frozenset", v)
	case Size:
		e.p.Call("torch", "Size", []int(v))
	case []any:
		e.p.List(len(v), e.items(v))
	case torch.Tuple:
		e.p.Tuple(len(v), e.items(v))
	case *torch.Dict:
		e.dict(v)
	case *torch.Tensor:
		e.tensor(v)
	case torch.DType:
		e.p.Global("torch", v.String())
	case torch.Device:
		kind, index, _ := strings.Cut(v.String(), ":")
		args := []any{kind}
		if n, err := strconv.Atoi(index); err == nil {
			args = append(args, n)
		}
		e.p.Call("torch", "device", args...)
	case torch.Layout:
		if v != torch.Strided {
			fail.With("layout %d cannot be stored; torch.Strided can", v)
		}
		e.p.Call("torch.serialization", "_get_layout", "torch.strided")
	default:
		fail.With("a Go %T cannot be stored; %s", v, storable)
	}
}

const storable = "use *torch.Dict, []any, torch.Tuple, *torch.Tensor, int, int64, float64, bool, string, []byte or nil"

// items returns the function that writes the i-th item of a list.
func (e *encoder) items(vs []any) func(i int) {
	return func(i int) { e.path.in(i, func() { e.value(vs[i]) }) }
}

func checkBytes(b []byte) {
	if len(b) > math.MaxUint32/2 {
		fail.With("%d bytes are too many; 2 GiB fit", len(b))
	}
}

func (e *encoder) dict(d *torch.Dict) {
	if d == nil {
		fail.With("a nil *torch.Dict; use nil for None, or an empty dict")
	}
	if e.open[d] {
		fail.With("the dict contains itself")
	}
	if n, ok := e.memo[d]; ok {
		e.p.Get(n)
		return
	}
	if d.OrderedDict {
		e.p.EmptyOrderedDict()
	} else {
		e.p.EmptyDict()
	}
	e.memo[d] = e.p.Memo()
	e.open[d] = true
	defer delete(e.open, d)
	keys := d.Keys()
	checkKeys(keys)
	e.p.Items(len(keys), func(i int) {
		e.path.in(keys[i], func() {
			e.value(keys[i])
			v, _ := d.Get(keys[i])
			e.value(v)
		})
	})
	if d.Attributes == nil {
		return
	}
	if !d.OrderedDict {
		fail.With("the dict has Attributes, which only an OrderedDict can have")
	}
	for k := range d.Attributes.All() {
		if _, ok := k.(string); !ok {
			fail.With("the attribute %v is not called by a string", k)
		}
	}
	e.path.in("(attributes)", func() { e.value(d.Attributes) })
	e.p.Build()
}

// set writes a set or a frozenset as the call that makes it of a list.
func (e *encoder) set(class string, members []any) {
	for _, v := range members {
		if !storableInSet(v) {
			fail.With("a %s holds a Go %T, which Python does not take into one", class, v)
		}
	}
	e.p.Call("__builtin__", class, func() { e.p.List(len(members), e.items(members)) })
}

func storableInSet(v any) bool {
	switch v := v.(type) {
	case *torch.Tensor, *torch.Dict, []any, Set, ByteArray:
		return false
	case torch.Tuple:
		return !slices.ContainsFunc(v, func(x any) bool { return !storableInSet(x) })
	}
	return true
}

// checkKeys refuses keys that differ in Go and are equal in Python, such as 1, 1.0 and
// True.
func checkKeys(keys []any) {
	seen := make(map[any]any, len(keys))
	for _, k := range keys {
		same := k
		switch x := k.(type) {
		case int64:
			same = int(x)
		case bool:
			same = 0
			if x {
				same = 1
			}
		case float64:
			if x != x {
				fail.With("a dict key is NaN, which no reader could look up")
			}
			if x == math.Trunc(x) && math.Abs(x) < 1<<62 {
				same = int(x)
			}
		case nil, string, int:
		default:
			if !storableInSet(k) {
				fail.With("a dict key is a Go %T, which Python does not take as one", k)
			}
			continue // no key of another type is the same
		}
		if other, ok := seen[same]; ok {
			fail.With("the keys %T %v and %T %v are the same in Python", other, other, k, k)
		}
		seen[same] = k
	}
}

// write writes a whole archive whose records are in the folder name.
func write(w io.Writer, name string, value any) error {
	e := newEncoder()
	defer e.close()
	if err := fail.Catch(func() { e.value(value) }); err != nil {
		return e.path.at(err)
	}
	return e.archive(newArchiveWriter(w, name))
}

// archive writes the records, in torch.save's order.
func (e *encoder) archive(a *archiveWriter) error {
	for _, r := range [][2]string{
		{"data.pkl", string(e.p.Finish())},
		{".format_version", "1"},
		{".storage_alignment", strconv.Itoa(alignment)},
		{"byteorder", "little"},
	} {
		if err := a.text(r[0], r[1]); err != nil {
			return err
		}
	}
	for i, s := range e.storages {
		if err := a.record("data/"+strconv.Itoa(i), uint64(s.bytes()), s.write); err != nil {
			return fmt.Errorf("elements of storage %d: %w", i, err)
		}
	}
	return a.close()
}
