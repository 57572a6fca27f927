// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
)

// decode gathers the elements in Raw, wherever the file has them.
func (t *Tensor) decode(d *decoder, data []byte) error {
	var raw, fixed []byte // raw_data; float_data or double_data
	var ints []int64      // int32_data, int64_data or uint64_data
	err := d.fields(data, func(f field) (err error) {
		var x int64
		switch f.number {
		case 1:
			t.Dims, err = f.appendInts(t.Dims)
		case 2:
			x, err = f.int()
			t.DataType = DataType(x)
		case 4:
			fixed, err = f.appendFixed(fixed, 4)
		case 5, 7, 11:
			ints, err = f.appendInts(ints)
		case 6:
			err = f.message("string_data", func(b []byte) error {
				t.Strings = append(t.Strings, b)
				return nil
			})
		case 8:
			t.Name, err = f.string()
		case 9:
			raw, err = f.bytes()
		case 10:
			fixed, err = f.appendFixed(fixed, 8)
		case 13:
			err = f.set("external_data", reflect.ValueOf(&t.ExternalData).Elem())
		case 14:
			x, err = f.int()
			t.External = x == 1
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if t.External {
		return nil
	}
	n, ok := t.Numel()
	if !ok {
		return fmt.Errorf("tensor %q: the shape %v is not possible", t.Name, t.Dims)
	}
	if t.DataType == String {
		if int64(len(t.Strings)) != n {
			return fmt.Errorf("tensor %q: %d strings for the shape %v: %w", t.Name, len(t.Strings), t.Dims, errElements)
		}
		return nil
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
		return fmt.Errorf("tensor %q: %d bytes for %s of shape %v: %w", t.Name, len(t.Raw), t.DataType, t.Dims, errElements)
	}
	return nil
}

var errElements = errors.New("the elements do not fill the shape")

// narrow writes integers as elements of type d: int32_data also holds the
// smaller types and the bits of the 16-bit floats. Types that share a byte have
// one byte in each integer; of a type that is not known all bytes are kept.
func narrow(xs []int64, d DataType) []byte {
	raw := []byte{}
	for _, x := range xs {
		size := d.Size()
		if d.perByte() > 0 {
			size = 1
		}
		switch size {
		case 1:
			raw = append(raw, byte(x))
		case 2:
			raw = binary.LittleEndian.AppendUint16(raw, uint16(x))
		case 4:
			raw = binary.LittleEndian.AppendUint32(raw, uint32(x))
		default:
			raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
		}
	}
	return raw
}
