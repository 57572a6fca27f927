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
func (l *loader) tensorOf(args []any, dtype *torch.DType) (any, error) {
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
	if err := t.check(); err != nil {
		return nil, err
	}
	if err := s.use(t.dtype); err != nil {
		return nil, err
	}
	return t, l.charge(512 + 16*len(t.size))
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
			if ok {
				return nil, fmt.Errorf("dimension %d has %d, which is not a number from 0", i, n)
			}
			return nil, fmt.Errorf("dimension %d has %s, which is not a number from 0", i, pickle.Kind(x))
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
			return fmt.Errorf("the metadata has %s, which is not known", clip(fmt.Sprint(k)))
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

// make returns the tensor, in the scope of the caller.
func (t *tensorSpec) make(l *loader) (v *torch.Tensor, err error) {
	if e := torch.Try(func() { v, err = t.view(l) }); e != nil {
		return nil, e
	}
	return v, err
}

func (t *tensorSpec) view(l *loader) (*torch.Tensor, error) {
	if err := t.storage.load(l); err != nil {
		return nil, err
	}
	whole := t.storage.bytes - t.storage.bytes%t.dtype.Size()
	v := torch.Call("aten::view.dtype", t.storage.base.Narrow(0, 0, whole), t.dtype).Tensor()
	v = v.AsStrided(t.size, t.stride, v.Storage().Offset+t.offset) // AsStrided counts from the very beginning
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
