// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pb

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// tensor reads a TensorProto and gathers its elements in Raw, wherever
// the file has them.
func (d *decoder) tensor(data []byte) (*Tensor, error) {
	t := &Tensor{}
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
		case 8:
			t.Name, err = f.string()
		case 9:
			raw, err = f.bytes()
		case 10:
			fixed, err = f.appendFixed(fixed, 8)
		case 14:
			x, err = f.int()
			t.External = x == 1
		}
		return err
	})
	if err != nil {
		return t, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if t.External || t.DataType == String || t.DataType.Size() == 0 {
		return t, nil
	}
	switch {
	case len(raw) > 0:
		t.Raw = raw
	case len(fixed) > 0:
		t.Raw = fixed
	default:
		t.Raw = narrow(ints, t.DataType)
	}
	n, ok := t.Numel()
	if !ok {
		return t, fmt.Errorf("tensor %q: the shape %v is not possible", t.Name, t.Dims)
	}
	if size := int64(t.DataType.Size()); n > int64(len(t.Raw))/size || n*size != int64(len(t.Raw)) {
		return t, fmt.Errorf("tensor %q: %d bytes for %s of shape %v: %w", t.Name, len(t.Raw), t.DataType, t.Dims, errElements)
	}
	return t, nil
}

var errElements = errors.New("the elements do not fill the shape")

// narrow writes integers as elements of type d: int32_data also holds the
// smaller types and the bits of the 16-bit floats.
func narrow(xs []int64, d DataType) []byte {
	raw := []byte{}
	for _, x := range xs {
		switch d.Size() {
		case 1:
			raw = append(raw, byte(x))
		case 2:
			raw = binary.LittleEndian.AppendUint16(raw, uint16(x))
		case 4:
			raw = binary.LittleEndian.AppendUint32(raw, uint32(x))
		case 8:
			raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
		}
	}
	return raw
}
