// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"fmt"
	"math"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// tensorSpec describes a view of a storage, checked to lie inside it.
type tensorSpec struct {
	storage      *storageSpec
	dtype        torch.DType
	offset       int // in elements
	size, stride []int
	requiresGrad bool
	conj, neg    bool // the view shows conjugates or negatives of the stored elements
}

func (t *tensorSpec) String() string { return "a tensor" }

// maxDims is libtorch's limit for many operators.
const maxDims = 64

// tensorOf reads the arguments of torch._utils._rebuild_tensor_v2: storage,
// offset, sizes, strides, requires_grad, hooks and perhaps metadata. dtype is the
// elements' type where the storage does not have one.
func (l *loader) tensorOf(args []any, dtype *torch.DType) *tensorSpec {
	s := as[*storageSpec](args[0], "the storage is %s")
	if s.class.untyped != (dtype != nil) {
		fail.With("the storage's class does not fit the call")
	}
	t := &tensorSpec{
		storage: s, dtype: s.class.dtype,
		offset: as[int](args[1], "the offset is %s"), size: dims(args[2], "the sizes: "), stride: dims(args[3], "the strides: "),
		requiresGrad: as[bool](args[4], "requires_grad is %s"),
	}
	if dtype != nil {
		t.dtype = *dtype
	}
	if len(args) == 7 && args[6] != nil {
		t.metadata(as[*pickle.Dict](args[6], "the metadata is %s"))
	}
	t.check()
	s.use(t.dtype)
	l.charge(512 + 16*len(t.size))
	return t
}

// dims reads a tuple of numbers, none of them negative. Its errors begin with what.
func dims(v any, what string) []int {
	t := as[*pickle.Tuple](v, what+"%s, not a tuple")
	if len(t.Items) > maxDims {
		fail.With("%s%d dimensions; at most %d", what, len(t.Items), maxDims)
	}
	out := make([]int, len(t.Items))
	for i, x := range t.Items {
		n, ok := x.(int)
		switch {
		case !ok:
			fail.With("%sdimension %d has %s, which is not a number from 0", what, i, pickle.Kind(x))
		case n < 0:
			fail.With("%sdimension %d has %d, which is not a number from 0", what, i, n)
		}
		out[i] = n
	}
	return out
}

func (t *tensorSpec) metadata(d *pickle.Dict) {
	for i, k := range d.Keys {
		on, isBool := d.Values[i].(bool)
		switch {
		case isBool && k == "conj":
			t.conj = on
		case isBool && k == "neg":
			t.neg = on
		default:
			fail.With("the metadata has %s, which is not known", fail.Clip(fmt.Sprint(k)))
		}
	}
}

// check refuses views that reach out of their storage.
func (t *tensorSpec) check() {
	if len(t.size) != len(t.stride) {
		fail.With("%d sizes, but %d strides", len(t.size), len(t.stride))
	}
	if t.offset < 0 {
		fail.With("the offset is %d", t.offset)
	}
	numel, last := 1, t.offset // last is the index of the last element
	for i, n := range t.size {
		var ok1, ok2 bool
		if numel, ok1 = mul(numel, n); !ok1 {
			fail.With("the sizes %v are too large", t.size)
		}
		step, ok := mul(max(n-1, 0), t.stride[i])
		if last, ok2 = add(last, step); !ok || !ok2 {
			fail.With("the strides %v are too large", t.stride)
		}
	}
	if _, ok := mul(numel, 1<<16); !ok { // an expanded scalar may be large, but not everything
		fail.With("the sizes %v are too large", t.size)
	}
	have := t.storage.bytes / t.dtype.Size()
	if numel > 0 && last >= have || t.offset > have {
		fail.With("a view with offset %d, sizes %v and strides %v reaches element %d of storage %q, which has %d",
			t.offset, t.size, t.stride, last, t.storage.key, have)
	}
}

// mul multiplies numbers that are not negative; false when the product overflows.
func mul(a, b int) (int, bool) {
	if a != 0 && b > math.MaxInt/a {
		return 0, false
	}
	return a * b, true
}

// add adds numbers that are not negative; false when the sum overflows.
func add(a, b int) (int, bool) { return a + b, a <= math.MaxInt-b }

// make returns the tensor, in the scope of the caller, who catches torch's panics.
func (t *tensorSpec) make(l *loader) *torch.Tensor {
	whole := t.storage.bytes - t.storage.bytes%t.dtype.Size()
	v := torch.Call("aten::view.dtype", t.storage.load(l).Narrow(0, 0, whole), t.dtype).Tensor()
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
	return v
}
