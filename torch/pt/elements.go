// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

// elements passes on the elements as bytes, row-major and little-endian, in parts
// of whole elements, each valid during its call. It needs no libtorch. Where the
// elements are not contiguous, it reads everything that the view spans into memory
// and gathers them there.
func (t *tensorSpec) elements(use func(part []byte) error) error {
	if t.bytes() == 0 {
		return nil
	}
	item, last := t.dtype.Size(), t.offset
	for i, n := range t.size {
		last += (n - 1) * t.stride[i]
	}
	lo, hi := int64(t.offset)*int64(item), int64(last+1)*int64(item)
	if t.contiguous() {
		return t.storage.span(lo, hi, func(part []byte) error { t.resolve(part); return use(part) })
	}
	all := make([]byte, 0, hi-lo)
	err := t.storage.span(lo, hi, func(part []byte) error {
		all = append(all, part...)
		return use(nil) // which may end it
	})
	if err != nil {
		return err
	}
	t.resolve(all)
	return t.gather(all, item, use)
}

// bytes returns the size of all elements. It has been checked to be a possible one.
func (t *tensorSpec) bytes() int64 {
	n := int64(t.dtype.Size())
	for _, s := range t.size {
		n *= int64(s)
	}
	return n
}

func (t *tensorSpec) contiguous() bool {
	step := 1
	for i := len(t.size) - 1; i >= 0; i-- {
		if t.size[i] != 1 && t.stride[i] != step {
			return false
		}
		step *= t.size[i]
	}
	return true
}

// gather passes on the elements, whose first is at the beginning of all.
func (t *tensorSpec) gather(all []byte, item int, use func(part []byte) error) error {
	const full = 1 << 16 // a multiple of every element's size
	out := make([]byte, 0, full)
	index, at := make([]int, len(t.size)), 0
	for {
		out = append(out, all[at*item:(at+1)*item]...)
		if len(out) == full {
			if err := use(out); err != nil {
				return err
			}
			out = out[:0]
		}
		d := len(index) - 1
		for ; d >= 0; d-- {
			index[d]++
			at += t.stride[d]
			if index[d] < t.size[d] {
				break
			}
			at -= index[d] * t.stride[d]
			index[d] = 0
		}
		if d < 0 {
			return use(out)
		}
	}
}

// resolve replaces stored elements by their conjugates or negatives, where the tensor
// shows these.
func (t *tensorSpec) resolve(part []byte) {
	const sign = 0x80 // of a little-endian number's last byte
	item, unit := t.dtype.Size(), unitOf(t.dtype)
	if t.conj && unit != item {
		for i := item - 1; i < len(part); i += item {
			part[i] ^= sign
		}
	}
	if t.neg && (t.dtype.IsFloating() || unit != item) {
		for i := unit - 1; i < len(part); i += unit {
			part[i] ^= sign
		}
	}
}
