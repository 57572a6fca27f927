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

	"github.com/etude-ml/etude/torch/internal/fail"
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
	if err := fail.Catch(func() { (&decoder{}).message(data, reflect.ValueOf(m).Elem()) }); err != nil {
		return nil, fmt.Errorf("not an ONNX file: %w", err)
	}
	if m.Graph == nil {
		return nil, errors.New("not an ONNX file: it holds no graph")
	}
	return m, nil
}

// message reads a message into the struct v.
func (d *decoder) message(data []byte, v reflect.Value) {
	switch m := v.Addr().Interface().(type) {
	case interface{ decode(*decoder, []byte) }:
		m.decode(d, data)
		return
	case *Graph:
		if d.depth > maxDepth {
			fail.On(errDepth)
		}
		d.depth++
		defer func() { d.depth-- }()
	}
	parts := layout(v.Type())
	d.fields(data, func(f field) {
		i := slices.IndexFunc(parts, func(p part) bool { return slices.Contains(p.numbers, f.number) })
		if i >= 0 {
			f.set(parts[i].name, v.Field(parts[i].index))
		}
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
func (d *decoder) fields(data []byte, f func(field)) {
	// next skips n bytes; n is negative where the data end.
	next := func(n int) {
		if n < 0 {
			fail.On(errTruncated)
		}
		data = data[n:]
	}
	for len(data) > 0 {
		v := field{d: d}
		var n int
		v.number, v.kind, n = protowire.ConsumeTag(data)
		next(n)
		switch v.kind {
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
			fail.On(errWireType) // groups are no part of proto3
		}
		next(n)
		f(v)
	}
}

// set stores a field's value in v, and appends it where v is a list. A message is
// called name in errors.
func (f field) set(name string, v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *[]byte:
		*p = f.bytes()
		return
	case *[]int64:
		*p = f.appendInts(*p)
		return
	case *[]float32:
		for raw := f.appendFixed(nil, 4); len(raw) > 0; raw = raw[4:] {
			*p = append(*p, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		}
		return
	case *[]Unknown:
		f.message(name, func(b []byte) { *p = append(*p, Unknown{int(f.number), b}) })
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(string(f.bytes()))
	case reflect.Int64, reflect.Int32:
		v.SetInt(f.int())
	case reflect.Float32:
		f.check(protowire.Fixed32Type)
		v.SetFloat(float64(math.Float32frombits(uint32(f.x))))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.set(name, v.Elem())
	case reflect.Slice:
		v.Grow(1)
		v.SetLen(v.Len() + 1)
		f.set(name, v.Index(v.Len()-1))
	default: // a struct
		f.message(name, func(b []byte) { f.d.message(b, v) })
	}
}

func (f field) check(kind protowire.Type) {
	if f.kind != kind {
		fail.On(errWireType)
	}
}

func (f field) int() int64 {
	f.check(protowire.VarintType)
	return int64(f.x)
}

func (f field) bytes() []byte {
	f.check(protowire.BytesType)
	return f.b
}

// message reads an embedded message, whose name its errors begin with.
func (f field) message(name string, read func([]byte)) {
	if f.d.messages++; f.d.messages > maxMessages {
		fail.With("%s: %w", name, errMessages)
	}
	if err := fail.Catch(func() { read(f.bytes()) }); err != nil {
		fail.With("%s: %w", name, err)
	}
}

// appendInts reads a repeated integer, packed or not.
func (f field) appendInts(xs []int64) []int64 {
	if f.kind == protowire.VarintType {
		return append(xs, int64(f.x))
	}
	for b := f.bytes(); len(b) > 0; {
		x, n := protowire.ConsumeVarint(b)
		if n < 0 {
			fail.On(errTruncated)
		}
		xs, b = append(xs, int64(x)), b[n:]
	}
	return xs
}

// appendFixed reads a repeated float or double as its bytes, packed or not.
func (f field) appendFixed(raw []byte, size int) []byte {
	switch {
	case f.kind == protowire.Fixed32Type && size == 4:
		return binary.LittleEndian.AppendUint32(raw, uint32(f.x))
	case f.kind == protowire.Fixed64Type && size == 8:
		return binary.LittleEndian.AppendUint64(raw, f.x)
	}
	if len(f.bytes())%size != 0 {
		fail.On(errTruncated)
	}
	return append(raw, f.b...)
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
		if !v.IsNil() {
			m.put(number, v.Elem(), true)
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
