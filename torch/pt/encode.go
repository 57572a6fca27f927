// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// maxDepth of nested containers, in both directions. Python's own pickler
// gives up at about this depth.
const maxDepth = 500

// encoder turns a tree into a pickle and a list of storages, whose elements it
// does not touch yet.
type encoder struct {
	p        pickle.Encoder
	memo     map[any]uint32 // *torch.Tensor, *torch.Dict
	open     map[*torch.Dict]bool
	storages []storage
	keys     map[uint64]int  // storage ID → index in storages
	resolved []*torch.Tensor // copies made on the way, to close
	depth    int
}

func newEncoder() *encoder {
	return &encoder{memo: map[any]uint32{}, open: map[*torch.Dict]bool{}, keys: map[uint64]int{}}
}

func (e *encoder) close() {
	for _, t := range e.resolved {
		t.Close()
	}
}

func (e *encoder) value(v any) error {
	if e.depth >= maxDepth {
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	e.depth++
	defer func() { e.depth-- }()
	switch v := v.(type) {
	case nil:
		e.p.None()
	case bool:
		e.p.Bool(v)
	case int:
		e.p.Int(int64(v))
	case int64:
		e.p.Int(v)
	case *big.Int:
		if v == nil || v.BitLen() > 8*250 {
			return errors.New("a *big.Int that is nil or longer than 250 bytes")
		}
		if v.IsInt64() {
			e.p.Int(v.Int64())
		} else {
			e.p.BigInt(v)
		}
	case float64:
		e.p.Float(v)
	case string:
		return e.text(v)
	case []byte:
		if len(v) > math.MaxUint32/2 {
			return fmt.Errorf("%d bytes are too many; 2 GiB fit", len(v))
		}
		e.p.Bytes(v)
	case complex128:
		e.p.Complex(v)
	case ByteArray:
		if len(v) > math.MaxUint32/2 {
			return fmt.Errorf("%d bytes are too many; 2 GiB fit", len(v))
		}
		e.p.ByteArray(v)
	case Set:
		return e.set("set", v)
	case FrozenSet:
		return e.set("frozenset", v)
	case Size:
		e.p.Global("torch", "Size")
		_ = e.p.Tuple(1, func(int) error { e.p.Ints(v); return nil })
		e.p.Reduce()
		e.p.Memo()
	case []any:
		return e.p.List(len(v), func(i int) error { return at(i, e.value(v[i])) })
	case torch.Tuple:
		return e.p.Tuple(len(v), func(i int) error { return at(i, e.value(v[i])) })
	case *torch.Dict:
		return e.dict(v)
	case *torch.Tensor:
		return e.tensor(v)
	case torch.DType:
		e.p.Global("torch", v.String())
	case torch.Device:
		e.device(v)
	case torch.Layout:
		if v != torch.Strided {
			return fmt.Errorf("layout %d cannot be stored; torch.Strided can", v)
		}
		e.p.Global("torch.serialization", "_get_layout")
		_ = e.p.Tuple(1, func(int) error { e.p.Text("torch.strided"); return nil })
		e.p.Reduce()
		e.p.Memo()
	default:
		return fmt.Errorf("a Go %T cannot be stored; %s", v, storable)
	}
	return nil
}

const storable = "use *torch.Dict, []any, torch.Tuple, *torch.Tensor, int, int64, float64, bool, string, []byte or nil"

func (e *encoder) text(s string) error {
	if !pickle.IsText([]byte(s)) {
		return fmt.Errorf("the string %.40q is not valid UTF-8; use []byte", s)
	}
	if len(s) > math.MaxUint32 {
		return fmt.Errorf("a string of %d bytes is too long; 4 GiB fit", len(s))
	}
	e.p.Text(s)
	return nil
}

func (e *encoder) device(d torch.Device) {
	kind, index, indexed := strings.Cut(d.String(), ":")
	e.p.Global("torch", "device")
	if indexed {
		i, _ := strconv.Atoi(index)
		_ = e.p.Tuple(2, func(k int) error {
			if k == 0 {
				e.p.Text(kind)
			} else {
				e.p.Int(int64(i))
			}
			return nil
		})
	} else {
		_ = e.p.Tuple(1, func(int) error { e.p.Text(kind); return nil })
	}
	e.p.Reduce()
	e.p.Memo()
}

func (e *encoder) dict(d *torch.Dict) error {
	if d == nil {
		return errors.New("a nil *torch.Dict; use nil for None, or an empty dict")
	}
	if e.open[d] {
		return errors.New("the dict contains itself")
	}
	if n, ok := e.memo[d]; ok {
		e.p.Get(n)
		return nil
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
	if err := checkKeys(keys); err != nil {
		return err
	}
	err := e.p.Items(len(keys), func(i int) error {
		if err := e.value(keys[i]); err != nil {
			return at(keys[i], err)
		}
		v, _ := d.Get(keys[i])
		return at(keys[i], e.value(v))
	})
	if err != nil || d.Attributes == nil {
		return err
	}
	if !d.OrderedDict {
		return errors.New("the dict has Attributes, which only an OrderedDict can have")
	}
	for k := range d.Attributes.All() {
		if _, ok := k.(string); !ok {
			return fmt.Errorf("the attribute %v is not called by a string", k)
		}
	}
	if err := e.value(d.Attributes); err != nil {
		return at("(attributes)", err)
	}
	e.p.Build()
	return nil
}

// set writes a set or a frozenset as the call that makes it of a list.
func (e *encoder) set(class string, members []any) error {
	for _, v := range members {
		if !storableInSet(v) {
			return fmt.Errorf("a %s holds a Go %T, which Python does not take into one", class, v)
		}
	}
	e.p.Global("__builtin__", class)
	err := e.p.Tuple(1, func(int) error {
		return e.p.List(len(members), func(i int) error { return at(i, e.value(members[i])) })
	})
	e.p.Reduce()
	e.p.Memo()
	return err
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

// checkKeys refuses what Go keeps apart and Python does not: 1, 1.0 and True are
// one key there.
func checkKeys(keys []any) error {
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
				return errors.New("a dict key is NaN, which no reader could look up")
			}
			if x == math.Trunc(x) && math.Abs(x) < 1<<62 {
				same = int(x)
			}
		case nil, string, int:
		default:
			if !storableInSet(k) {
				return fmt.Errorf("a dict key is a Go %T, which Python does not take as one", k)
			}
			continue // no key of another type is the same
		}
		if other, ok := seen[same]; ok {
			return fmt.Errorf("the keys %T %v and %T %v are the same in Python", other, other, k, k)
		}
		seen[same] = k
	}
	return nil
}

// write writes a whole archive whose records are in the folder name.
func write(w io.Writer, name string, value any) error {
	e := newEncoder()
	defer e.close()
	if err := e.value(value); err != nil {
		return err
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
