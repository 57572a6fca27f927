// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"io"
	"strconv"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// encoder turns a tree into a pickle and a list of storages, whose elements it
// does not touch yet.
type encoder struct {
	p        pickle.Encoder
	memo     map[any]uint32 // *torch.Tensor, *torch.Dict
	open     map[*torch.Dict]bool
	storages []storage
	keys     map[uint64]int  // storage ID → index in storages
	resolved []*torch.Tensor // copies made on the way, to close
	path     treePath
}

func newEncoder() *encoder {
	return &encoder{memo: map[any]uint32{}, open: map[*torch.Dict]bool{}, keys: map[uint64]int{}}
}

func (e *encoder) close() {
	for _, t := range e.resolved {
		t.Close()
	}
}

// storage describes a storage that will be written whole.
type storage struct {
	tensor *torch.Tensor // any that lies in it
	dtype  torch.DType   // of tensor
	class  string
	numel  int // in elements of dtype
}

func (e *encoder) tensor(t *torch.Tensor) {
	if t == nil {
		fail.With("a nil *torch.Tensor; use nil for None")
	}
	if n, ok := e.memo[t]; ok {
		e.p.Get(n)
		return
	}
	fail.On(torch.Try(func() { e.memo[t] = e.rebuild(t) }))
}

// rebuild writes the call that makes t, as torch.Tensor.__reduce_ex__ does, and returns
// its number.
func (e *encoder) rebuild(t *torch.Tensor) uint32 {
	requiresGrad := t.RequiresGrad()
	t = e.resolve(t)
	shape, strides, offset, dtype := t.Shape(), t.Strides(), t.Storage().Offset, t.DType()
	key, s := e.storage(t)
	call, n := "_rebuild_tensor_v2", 6
	if s.class == untypedStorage { // v3 names the type that such a storage does not
		call, n = "_rebuild_tensor_v3", 7
	}
	args := []any{
		func() { e.persistentID(key, s) }, offset, shape, strides, requiresGrad,
		func() { e.p.EmptyOrderedDict(); e.p.Memo() }, // backward hooks
		func() { e.p.Global("torch", dtype.String()) },
	}
	return e.p.Call("torch._utils", call, args[:n]...)
}

func (e *encoder) persistentID(key int, s storage) {
	module := "torch"
	if s.class == untypedStorage {
		module = "torch.storage"
	}
	fields := []any{
		"storage", func() { e.p.Global(module, s.class) }, strconv.Itoa(key),
		"cpu", // for every device, so the file loads on any machine
		s.numelStored(),
	}
	e.p.Tuple(len(fields), func(i int) { e.p.Value(fields[i]) })
	e.p.PersistentID()
}

// resolve copies a tensor whose elements are a lazy conjugate or negative of
// what its storage holds.
func (e *encoder) resolve(t *torch.Tensor) *torch.Tensor {
	d := t.DType()
	lazy := ""
	switch {
	case d.IsComplex() && torch.Call("aten::is_conj", t).Bool():
		lazy = "aten::resolve_conj"
	case (d.IsComplex() || d.IsFloating()) && torch.Call("aten::is_neg", t).Bool():
		lazy = "aten::resolve_neg"
	default:
		return t
	}
	var c *torch.Tensor
	torch.Unscoped(func() { torch.NoGrad(func() { c = torch.Call(lazy, t).Tensor() }) })
	e.resolved = append(e.resolved, c)
	return c
}

// storage returns the key and description of the storage that t lies in.
func (e *encoder) storage(t *torch.Tensor) (int, storage) {
	info, d := t.Storage(), t.DType()
	if info.ID == 0 {
		fail.With("the tensor has no storage of its own (sparse or quantised?); make it dense first")
	}
	class, typed := storageClasses[d]
	if !typed {
		class = untypedStorage
	}
	if key, ok := e.keys[info.ID]; ok {
		s := e.storages[key]
		if s.class != class {
			fail.With("the tensor shares its elements with another one as %s and as %s, which PyTorch cannot read; clone one of them", s.dtype, d)
		}
		return key, s
	}
	s := storage{t, d, class, info.Bytes / d.Size()}
	key := len(e.storages)
	e.keys[info.ID] = key
	e.storages = append(e.storages, s)
	return key, s
}

// numelStored returns the number of elements as the storage's class counts them.
func (s storage) numelStored() int {
	if s.class == untypedStorage {
		return s.bytes()
	}
	return s.numel
}

func (s storage) bytes() int { return s.numel * s.dtype.Size() }

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
