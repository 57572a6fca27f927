// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pb

import (
	"encoding/binary"
	"errors"
	"reflect"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// decode gathers the elements in Raw, wherever the file has them.
func (t *Tensor) decode(d *decoder, data []byte) {
	if err := fail.Catch(func() { t.read(d, data) }); err != nil {
		fail.With("tensor %q: %w", t.Name, err)
	}
}

func (t *Tensor) read(d *decoder, data []byte) {
	var raw, fixed []byte // raw_data; float_data or double_data
	var ints []int64      // int32_data, int64_data or uint64_data
	d.fields(data, func(f field) {
		switch f.number {
		case 1:
			t.Dims = f.appendInts(t.Dims)
		case 2:
			t.DataType = DataType(f.int())
		case 4:
			fixed = f.appendFixed(fixed, 4)
		case 5, 7, 11:
			ints = f.appendInts(ints)
		case 6:
			f.message("string_data", func(b []byte) { t.Strings = append(t.Strings, b) })
		case 8:
			t.Name = string(f.bytes())
		case 9:
			raw = f.bytes()
		case 10:
			fixed = f.appendFixed(fixed, 8)
		case 13:
			f.set("external_data", reflect.ValueOf(&t.ExternalData).Elem())
		case 14:
			t.External = f.int() == 1
		}
	})
	if t.External {
		return
	}
	n, ok := t.Numel()
	if !ok {
		fail.With("the shape %v is not possible", t.Dims)
	}
	if t.DataType == String {
		if int64(len(t.Strings)) != n {
			fail.With("%d strings for the shape %v: %w", len(t.Strings), t.Dims, errElements)
		}
		return
	}
	switch {
	case len(raw) > 0:
		t.Raw = raw
	case len(fixed) > 0:
		t.Raw = fixed
	default:
		t.Raw = narrow(ints, t.DataType)
	}
	// Elements of an unknown type are kept as they are.
	size, known := t.DataType.Bytes(n)
	if t.DataType != Undefined && (known && size != int64(len(t.Raw)) || !known && t.DataType.Size() > 0) {
		fail.With("%d bytes for %s of shape %v: %w", len(t.Raw), t.DataType, t.Dims, errElements)
	}
}

var errElements = errors.New("the elements do not fill the shape")

// narrow writes integers as elements of type d: int32_data also holds the smaller
// types and the bits of the 16-bit floats. An integer has one byte of the types that
// share a byte, and all bytes of an unknown type.
func narrow(xs []int64, d DataType) []byte {
	raw := []byte{}
	for _, x := range xs {
		switch dataTypes[d].bits {
		case 2, 4, 8:
			raw = append(raw, byte(x))
		case 16:
			raw = binary.LittleEndian.AppendUint16(raw, uint16(x))
		case 32:
			raw = binary.LittleEndian.AppendUint32(raw, uint32(x))
		default:
			raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
		}
	}
	return raw
}
