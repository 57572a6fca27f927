// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"errors"
	"fmt"
	"math"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// storageSpec is a storage that the pickle names and whose record was found.
type storageSpec struct {
	key   string
	class storageClass
	numel int // as the class counts
	bytes int
	rec   record
	base  *torch.Tensor // all bytes, as uint8, once a tensor needed them
}

func (s *storageSpec) String() string { return "a storage" }

// storage finds the record of a storage, which the pickle may name often.
func (l *loader) storage(key string, class *storageClass, numel int) (*storageSpec, error) {
	if s, ok := l.storages[key]; ok {
		if s.class != *class || s.numel != numel {
			return nil, fmt.Errorf("storage %q is used with two types or sizes", key)
		}
		return s, nil
	}
	rec, ok := l.archive.records["data/"+key]
	if !ok {
		return nil, fmt.Errorf("storage %q has no record data/%s in the file", key, key)
	}
	item := class.dtype.Size()
	if numel < 0 || int64(numel) > rec.size/int64(item) {
		return nil, fmt.Errorf("storage %q is said to have %d elements of %d bytes, but its record has %d bytes", key, numel, item, rec.size)
	}
	s := &storageSpec{key: key, class: *class, numel: numel, bytes: numel * item, rec: rec}
	l.storages[key] = s
	return s, nil
}

// tensorSpec describes a view of a storage, checked to lie inside it.
type tensorSpec struct {
	storage      *storageSpec
	dtype        torch.DType
	offset       int // in elements
	size, stride []int
	requiresGrad bool
	conj, neg    bool // what the storage holds is to be read so
}

func (t *tensorSpec) String() string { return "a tensor" }

// maxDims is libtorch's limit for many operators.
const maxDims = 64

// tensorOf reads the arguments of torch._utils._rebuild_tensor_v2: storage,
// offset, sizes, strides, requires_grad, hooks and perhaps metadata. dtype is the
// elements' type where the storage does not tell.
func tensorOf(args []any, dtype *torch.DType) (any, error) {
	if len(args) != 6 && len(args) != 7 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	s, ok := args[0].(*storageSpec)
	if !ok {
		return nil, fmt.Errorf("the storage is %s", pickle.Kind(args[0]))
	}
	if s.class.untyped != (dtype != nil) {
		return nil, errors.New("the storage's class does not fit the call")
	}
	t := &tensorSpec{storage: s, dtype: s.class.dtype}
	if dtype != nil {
		t.dtype = *dtype
	}
	if t.offset, ok = args[1].(int); !ok {
		return nil, fmt.Errorf("the offset is %s", pickle.Kind(args[1]))
	}
	var err error
	if t.size, err = dims(args[2]); err != nil {
		return nil, fmt.Errorf("the sizes: %w", err)
	}
	if t.stride, err = dims(args[3]); err != nil {
		return nil, fmt.Errorf("the strides: %w", err)
	}
	if t.requiresGrad, ok = args[4].(bool); !ok {
		return nil, fmt.Errorf("requires_grad is %s", pickle.Kind(args[4]))
	}
	if len(args) == 7 {
		if err := t.metadata(args[6]); err != nil {
			return nil, err
		}
	}
	return t, t.check()
}

// dims reads a tuple of numbers, none of them negative.
func dims(v any) ([]int, error) {
	t, ok := v.(*pickle.Tuple)
	if !ok {
		return nil, fmt.Errorf("%s, not a tuple", pickle.Kind(v))
	}
	if len(t.Items) > maxDims {
		return nil, fmt.Errorf("%d dimensions; at most %d", len(t.Items), maxDims)
	}
	out := make([]int, len(t.Items))
	for i, x := range t.Items {
		n, ok := x.(int)
		if !ok || n < 0 {
			return nil, fmt.Errorf("dimension %d has %v, which is not a number from 0", i, x)
		}
		out[i] = n
	}
	return out, nil
}

func (t *tensorSpec) metadata(v any) error {
	if v == nil {
		return nil
	}
	d, ok := v.(*pickle.Dict)
	if !ok {
		return fmt.Errorf("the metadata is %s", pickle.Kind(v))
	}
	for i, k := range d.Keys {
		on, isBool := d.Values[i].(bool)
		switch {
		case isBool && k == "conj":
			t.conj = on
		case isBool && k == "neg":
			t.neg = on
		default:
			return fmt.Errorf("the metadata has %v, which is not known", k)
		}
	}
	return nil
}

// check refuses views that reach out of their storage.
func (t *tensorSpec) check() error {
	if len(t.size) != len(t.stride) {
		return fmt.Errorf("%d sizes, but %d strides", len(t.size), len(t.stride))
	}
	if t.offset < 0 {
		return fmt.Errorf("the offset is %d", t.offset)
	}
	numel, last := 1, t.offset // last is the index of the last element
	for i, n := range t.size {
		var ok1, ok2 bool
		if numel, ok1 = mul(numel, n); !ok1 {
			return fmt.Errorf("the sizes %v are too large", t.size)
		}
		step, ok := mul(max(n-1, 0), t.stride[i])
		if last, ok2 = add(last, step); !ok || !ok2 {
			return fmt.Errorf("the strides %v are too large", t.stride)
		}
	}
	if _, ok := mul(numel, 1<<16); !ok { // an expanded scalar may be large, but not everything
		return fmt.Errorf("the sizes %v are too large", t.size)
	}
	have := t.storage.bytes / t.dtype.Size()
	if numel > 0 && last >= have || t.offset > have {
		return fmt.Errorf("a view with offset %d, sizes %v and strides %v reaches element %d of storage %q, which has %d",
			t.offset, t.size, t.stride, last, t.storage.key, have)
	}
	return nil
}

// mul multiplies numbers from 0.
func mul(a, b int) (int, bool) {
	if a != 0 && b > math.MaxInt/a {
		return 0, false
	}
	return a * b, true
}

// add adds numbers from 0.
func add(a, b int) (int, bool) { return a + b, a <= math.MaxInt-b }

// load reads the storage's bytes, once. It is called inside a scope.
func (s *storageSpec) load(a *archive) error {
	if s.base != nil {
		return nil
	}
	base := torch.Empty([]int{int(s.rec.size)}, torch.Options{DType: torch.UInt8})
	err := a.stream(s.rec, chunk, func(from int64, part []byte) error {
		torch.Scope(func() {
			bytes := torch.FromBytes(part, torch.UInt8, len(part))
			base.Narrow(0, int(from), len(part)).CopyInPlace(bytes)
		})
		return nil
	})
	if err == nil {
		s.base = base
	}
	return err
}

// make returns the tensor, in the scope of the caller.
func (t *tensorSpec) make(a *archive) (v *torch.Tensor, err error) {
	if e := torch.Try(func() { v, err = t.view(a) }); e != nil {
		return nil, e
	}
	return v, err
}

func (t *tensorSpec) view(a *archive) (*torch.Tensor, error) {
	if err := t.storage.load(a); err != nil {
		return nil, err
	}
	whole := t.storage.bytes - t.storage.bytes%t.dtype.Size()
	v := torch.Call("aten::view.dtype", t.storage.base.Narrow(0, 0, whole), t.dtype).Tensor()
	v = v.AsStrided(t.size, t.stride, t.offset)
	if t.conj {
		v = torch.Call("aten::_conj", v).Tensor()
	}
	if t.neg {
		v = torch.Call("aten::_neg_view", v).Tensor()
	}
	v = v.Detach()
	if t.requiresGrad {
		v.SetRequiresGrad(true)
	}
	return v, nil
}
