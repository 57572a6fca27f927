// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

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

// storage is one to be written whole.
type storage struct {
	tensor *torch.Tensor // any that lies in it
	dtype  torch.DType   // of tensor
	class  string
	numel  int // in elements of dtype
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
	if !utf8.ValidString(s) {
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
	return e.p.Items(len(keys), func(i int) error {
		if err := e.value(keys[i]); err != nil {
			return at(keys[i], err)
		}
		v, _ := d.Get(keys[i])
		return at(keys[i], e.value(v))
	})
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
		}
		if other, ok := seen[same]; ok {
			return fmt.Errorf("the keys %T %v and %T %v are the same in Python", other, other, k, k)
		}
		seen[same] = k
	}
	return nil
}

func (e *encoder) tensor(t *torch.Tensor) error {
	if t == nil {
		return errors.New("a nil *torch.Tensor; use nil for None")
	}
	if n, ok := e.memo[t]; ok {
		e.p.Get(n)
		return nil
	}
	var refused error
	err := torch.Try(func() { refused = e.rebuild(t) })
	if err == nil {
		err = refused
	}
	if err == nil {
		e.memo[t] = e.p.Memo()
	}
	return err
}

// rebuild writes the call that makes t, as torch.Tensor.__reduce_ex__ does.
func (e *encoder) rebuild(t *torch.Tensor) error {
	requiresGrad := t.RequiresGrad()
	t = e.resolve(t)
	shape, strides, offset, dtype := t.Shape(), t.Strides(), t.Storage().Offset, t.DType()
	key, s, err := e.storage(t)
	if err != nil {
		return err
	}
	untyped := s.class == untypedStorage // v3 names the type that such a storage does not
	if untyped {
		e.p.Global("torch._utils", "_rebuild_tensor_v3")
	} else {
		e.p.Global("torch._utils", "_rebuild_tensor_v2")
	}
	args := []func(){
		func() { e.persistentID(key, s) },
		func() { e.p.Int(int64(offset)) },
		func() { e.p.Ints(shape) },
		func() { e.p.Ints(strides) },
		func() { e.p.Bool(requiresGrad) },
		func() { e.p.EmptyOrderedDict(); e.p.Memo() }, // backward hooks
	}
	if untyped {
		args = append(args, func() { e.p.Global("torch", dtype.String()) })
	}
	_ = e.p.Tuple(len(args), func(i int) error { args[i](); return nil })
	e.p.Reduce()
	return nil
}

func (e *encoder) persistentID(key int, s storage) {
	fields := []func(){
		func() { e.p.Text("storage") },
		func() {
			if s.class == untypedStorage {
				e.p.Global("torch.storage", s.class)
			} else {
				e.p.Global("torch", s.class)
			}
		},
		func() { e.p.Text(strconv.Itoa(key)) },
		// Elements from other devices too: so the file loads on any machine.
		func() { e.p.Text("cpu") },
		func() { e.p.Int(int64(s.numelStored())) },
	}
	_ = e.p.Tuple(len(fields), func(i int) error { fields[i](); return nil })
	e.p.PersistentID()
}

// resolve copies a tensor whose elements are a lazy conjugate or negative of
// what its storage holds.
func (e *encoder) resolve(t *torch.Tensor) *torch.Tensor {
	d := t.DType()
	lazy := ""
	switch {
	case d == torch.Complex32 || d == torch.Complex64 || d == torch.Complex128:
		if torch.Call("aten::is_conj", t).Bool() {
			lazy = "aten::resolve_conj"
		} else if torch.Call("aten::is_neg", t).Bool() {
			lazy = "aten::resolve_neg"
		}
	case d.IsFloating():
		if torch.Call("aten::is_neg", t).Bool() {
			lazy = "aten::resolve_neg"
		}
	}
	if lazy == "" {
		return t
	}
	var c *torch.Tensor
	torch.Unscoped(func() { torch.NoGrad(func() { c = torch.Call(lazy, t).Tensor() }) })
	e.resolved = append(e.resolved, c)
	return c
}

// storage returns the key and description of the storage that t lies in.
func (e *encoder) storage(t *torch.Tensor) (int, storage, error) {
	info, d := t.Storage(), t.DType()
	if info.ID == 0 {
		return 0, storage{}, errors.New("the tensor has no storage of its own (sparse or quantised?); make it dense first")
	}
	class, typed := storageClasses[d]
	if !typed {
		class = untypedStorage
	}
	if key, ok := e.keys[info.ID]; ok {
		s := e.storages[key]
		if s.class != class {
			return 0, s, fmt.Errorf("the tensor shares its elements with another one as %s and as %s, which PyTorch cannot read; clone one of them", s.dtype, d)
		}
		return key, s, nil
	}
	s := storage{t, d, class, info.Bytes / d.Size()}
	key := len(e.storages)
	e.keys[info.ID] = key
	e.storages = append(e.storages, s)
	return key, s, nil
}

// numelStored is the number of elements as the storage's class counts them.
func (s storage) numelStored() int {
	if s.class == untypedStorage {
		return s.bytes()
	}
	return s.numel
}

func (s storage) bytes() int { return s.numel * s.dtype.Size() }

// chunk is how much of a storage is held in Go's memory at a time.
const chunk = 4 << 20

// write streams the elements, from whatever device.
func (s storage) write(w io.Writer) error {
	step := chunk / s.dtype.Size()
	for from := 0; from < s.numel; from += step {
		var b []byte
		if err := torch.Try(func() {
			torch.Scope(func() {
				n := min(step, s.numel-from)
				b = s.tensor.Detach().AsStrided([]int{n}, []int{1}, from).Bytes()
			})
		}); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
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
