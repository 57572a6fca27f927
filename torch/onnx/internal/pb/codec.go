// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// maxDepth bounds graphs within attributes of nodes of graphs.
	maxDepth = 32
	// maxMessages bounds nodes, attributes, tensors, dimensions and so on
	// together: an empty one takes 2 bytes of a file, but 200 of memory. The
	// largest networks have a tenth of it.
	maxMessages = 1 << 21
)

var (
	errMessages  = fmt.Errorf("the file has more than %d parts", maxMessages)
	errTruncated = errors.New("the file ends within a field")
	errWireType  = errors.New("a field has another kind of value than onnx.proto3 says")
	errDepth     = fmt.Errorf("graphs are nested more than %d deep", maxDepth)
)

// part describes one field of a struct, from its tag `pb:"numbers,name,option"`.
// The option is "read" for a field that is not written, "always" for one that is
// written even if it is zero, and "value" for the values of an Attribute.
type part struct {
	numbers      []protowire.Number
	name, option string
	index        int
}

var layouts sync.Map // of []part by reflect.Type

// layout returns the fields of a message, in the order of their numbers.
func layout(t reflect.Type) []part {
	if l, ok := layouts.Load(t); ok {
		return l.([]part)
	}
	var parts []part
	for i := range t.NumField() {
		tag := append(strings.Split(t.Field(i).Tag.Get("pb"), ","), "", "")
		p := part{name: tag[1], option: tag[2], index: i}
		for s := range strings.FieldsSeq(tag[0]) {
			n, _ := strconv.Atoi(s) // the tags are this package's own
			p.numbers = append(p.numbers, protowire.Number(n))
		}
		if p.numbers != nil {
			parts = append(parts, p)
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return int(a.numbers[0] - b.numbers[0]) })
	layouts.Store(t, parts)
	return parts
}

// decoder counts the messages of a file, and the graphs around the one that it reads.
type decoder struct{ messages, depth int }

// Unmarshal reads a file. It skips fields that Model does not hold. The memory it
// takes is at most some 8 times len(data), and 500 MB for small parts, whatever the
// file says; Raw may share data's.
func Unmarshal(data []byte) (*Model, error) {
	m := &Model{}
	if err := (&decoder{}).message(data, reflect.ValueOf(m).Elem()); err != nil {
		return nil, fmt.Errorf("not an ONNX file: %w", err)
	}
	if m.Graph == nil {
		return nil, errors.New("not an ONNX file: it holds no graph")
	}
	return m, nil
}

// message reads a message into the struct v.
func (d *decoder) message(data []byte, v reflect.Value) error {
	switch m := v.Addr().Interface().(type) {
	case interface {
		decode(d *decoder, data []byte) error
	}:
		return m.decode(d, data)
	case *Graph:
		if d.depth > maxDepth {
			return errDepth
		}
		d.depth++
		defer func() { d.depth-- }()
	}
	parts := layout(v.Type())
	return d.fields(data, func(f field) error {
		i := slices.IndexFunc(parts, func(p part) bool { return slices.Contains(p.numbers, f.number) })
		if i < 0 {
			return nil
		}
		return f.set(parts[i].name, v.Field(parts[i].index))
	})
}

// field is one field of a message: x or b holds its value.
type field struct {
	d      *decoder
	number protowire.Number
	kind   protowire.Type
	x      uint64
	b      []byte
}

// fields calls f for each field of a message.
func (d *decoder) fields(data []byte, f func(field) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return errTruncated
		}
		data = data[n:]
		v := field{d: d, number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			v.x, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var x uint32
			x, n = protowire.ConsumeFixed32(data)
			v.x = uint64(x)
		case protowire.Fixed64Type:
			v.x, n = protowire.ConsumeFixed64(data)
		case protowire.BytesType:
			v.b, n = protowire.ConsumeBytes(data)
		default:
			return errWireType // groups are no part of proto3
		}
		if n < 0 {
			return errTruncated
		}
		data = data[n:]
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

// set stores a field's value in v, and appends it where v is a list. A message is
// called name in errors.
func (f field) set(name string, v reflect.Value) (err error) {
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p, err = f.string()
		return err
	case *[]byte:
		*p, err = f.bytes()
		return err
	case *float32:
		if f.kind != protowire.Fixed32Type {
			return errWireType
		}
		*p = math.Float32frombits(uint32(f.x))
		return nil
	case *[]int64:
		*p, err = f.appendInts(*p)
		return err
	case *[]float32:
		raw, err := f.appendFixed(nil, 4)
		for ; len(raw) > 0; raw = raw[4:] {
			*p = append(*p, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		}
		return err
	case *[]Unknown:
		return f.message(name, func(b []byte) error {
			*p = append(*p, Unknown{int(f.number), b})
			return nil
		})
	}
	switch v.Kind() {
	case reflect.Int64, reflect.Int32:
		x, err := f.int()
		v.SetInt(x)
		return err
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return f.set(name, v.Elem())
	case reflect.Slice:
		v.Grow(1)
		v.SetLen(v.Len() + 1)
		return f.set(name, v.Index(v.Len()-1))
	default: // a struct
		return f.message(name, func(b []byte) error { return f.d.message(b, v) })
	}
}

func (f field) int() (int64, error) {
	if f.kind != protowire.VarintType {
		return 0, errWireType
	}
	return int64(f.x), nil
}

func (f field) bytes() ([]byte, error) {
	if f.kind != protowire.BytesType {
		return nil, errWireType
	}
	return f.b, nil
}

func (f field) string() (string, error) {
	b, err := f.bytes()
	return string(b), err
}

// message reads an embedded message; its errors say where they were.
func (f field) message(name string, read func([]byte) error) error {
	b, err := f.bytes()
	if f.d.messages++; f.d.messages > maxMessages {
		err = errMessages
	}
	if err == nil {
		err = read(b)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// appendInts reads a repeated integer, packed or not.
func (f field) appendInts(xs []int64) ([]int64, error) {
	if f.kind == protowire.VarintType {
		return append(xs, int64(f.x)), nil
	}
	b, err := f.bytes()
	for len(b) > 0 && err == nil {
		x, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return xs, errTruncated
		}
		xs, b = append(xs, int64(x)), b[n:]
	}
	return xs, err
}

// appendFixed reads a repeated float or double as its bytes, packed or not.
func (f field) appendFixed(raw []byte, size int) ([]byte, error) {
	switch {
	case f.kind == protowire.Fixed32Type && size == 4:
		return binary.LittleEndian.AppendUint32(raw, uint32(f.x)), nil
	case f.kind == protowire.Fixed64Type && size == 8:
		return binary.LittleEndian.AppendUint64(raw, f.x), nil
	case f.kind == protowire.BytesType && len(f.b)%size == 0:
		return append(raw, f.b...), nil
	case f.kind == protowire.BytesType:
		return raw, errTruncated
	}
	return raw, errWireType
}

// decode reads the type of a tensor; of another type it keeps the bytes.
func (v *ValueInfo) decode(d *decoder, data []byte) error {
	return d.fields(data, func(f field) (err error) {
		switch f.number {
		case 1:
			v.Name, err = f.string()
		case 2:
			err = f.message("type", func(b []byte) error {
				return d.fields(b, func(f field) error {
					if f.number != 1 { // a sequence, a map …
						v.Type = b
						return nil
					}
					return f.message("tensor_type", func(b []byte) error { return d.fields(b, v.tensorField) })
				})
			})
		}
		return err
	})
}

func (v *ValueInfo) tensorField(f field) error {
	switch f.number {
	case 1:
		return f.set("elem_type", reflect.ValueOf(&v.DataType).Elem())
	case 2:
		v.HasShape = true
		return f.message("shape", func(b []byte) error {
			return f.d.fields(b, func(f field) error {
				if f.number != 1 {
					return nil
				}
				return f.set("dim", reflect.ValueOf(&v.Dims).Elem())
			})
		})
	}
	return nil
}

func (dim *Dim) decode(d *decoder, data []byte) error {
	return d.fields(data, func(f field) (err error) {
		switch f.number {
		case 1:
			dim.Value, err = f.int()
			dim.Known = true
		case 2:
			dim.Param, err = f.string()
		}
		return err
	})
}

// message appends fields to an encoded message.
type message []byte

func (m *message) putVarint(field protowire.Number, x uint64) {
	*m = protowire.AppendTag(*m, field, protowire.VarintType)
	*m = protowire.AppendVarint(*m, x)
}

func (m *message) putBytes(field protowire.Number, b []byte) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendBytes(*m, b)
}

// Marshal returns the file's bytes: fields in the order of their numbers, so
// equal models have equal bytes.
func (m *Model) Marshal() []byte { return marshal(reflect.ValueOf(m).Elem()) }

func marshal(v reflect.Value) (m message) {
	for _, p := range layout(v.Type()) {
		number, always := p.numbers[0], p.option == "always"
		switch p.option {
		case "read":
			continue
		case "value":
			if always = int64(number) == v.FieldByName("Type").Int()+1; !always {
				continue
			}
		}
		m.put(number, v.Field(p.index), always)
	}
	return m
}

// put appends a field. It skips a zero unless always is set, as proto3 does. Lists
// of numbers are not packed: onnx.proto is proto2, so every other writer leaves
// them so, and readers have to take both.
func (m *message) put(number protowire.Number, v reflect.Value, always bool) {
	if !always && v.IsZero() {
		return
	}
	switch v.Kind() {
	case reflect.Int32, reflect.Int64:
		m.putVarint(number, uint64(v.Int()))
	case reflect.Float32:
		*m = protowire.AppendTag(*m, number, protowire.Fixed32Type)
		*m = protowire.AppendFixed32(*m, math.Float32bits(float32(v.Float())))
	case reflect.String:
		m.putBytes(number, []byte(v.String()))
	case reflect.Pointer:
		switch x := v.Interface().(type) {
		case *ValueInfo:
			m.putBytes(number, x.marshal())
		default:
			if !v.IsNil() {
				m.putBytes(number, marshal(v.Elem()))
			}
		}
	case reflect.Struct:
		m.putBytes(number, marshal(v))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			m.putBytes(number, v.Bytes())
			return
		}
		for i := range v.Len() { // an empty name holds the place of an optional input
			m.put(number, v.Index(i), true)
		}
	}
}

func (v *ValueInfo) marshal() (m message) {
	var kind, tensor, shape message
	tensor.put(1, reflect.ValueOf(v.DataType), false)
	if v.HasShape {
		for _, d := range v.Dims {
			var dim message
			if d.Known {
				dim.putVarint(1, uint64(d.Value))
			} else {
				dim.put(2, reflect.ValueOf(d.Param), false)
			}
			shape.putBytes(1, dim)
		}
		tensor.putBytes(2, shape)
	}
	kind.putBytes(1, tensor)
	m.put(1, reflect.ValueOf(v.Name), false)
	m.putBytes(2, kind)
	return m
}
