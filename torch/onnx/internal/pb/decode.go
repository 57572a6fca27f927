// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

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

// decoder counts the messages of a file.
type decoder struct{ messages int }

// Unmarshal reads a file. Fields that Model does not hold are passed over. The
// memory it takes is at most some 8 times len(data), and 500 MB for small parts,
// whatever the file says; Raw may share data's.
func Unmarshal(data []byte) (*Model, error) {
	d := &decoder{}
	m := &Model{}
	err := d.fields(data, func(f field) (err error) {
		switch f.number {
		case 1:
			m.IRVersion, err = f.int()
		case 2:
			m.ProducerName, err = f.string()
		case 3:
			m.ProducerVersion, err = f.string()
		case 6:
			m.DocString, err = f.string()
		case 7:
			m.Graph, err = unmarshal(f, "graph", func(b []byte) (*Graph, error) { return d.graph(b, 0) })
		case 8:
			err = f.message("opset_import", func(b []byte) error {
				o, err := d.opset(b)
				m.OpsetImport = append(m.OpsetImport, o)
				return err
			})
		case 14:
			err = f.message("metadata_props", func(b []byte) error {
				e, err := d.entry(b)
				m.Metadata = append(m.Metadata, e)
				return err
			})
		case 20:
			m.Training, err = f.appendUnknown(m.Training)
		case 25:
			var fn *Function
			fn, err = unmarshal(f, "function", d.function)
			m.Functions = append(m.Functions, fn)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("not an ONNX file: %w", err)
	}
	if m.Graph == nil {
		return nil, errors.New("not an ONNX file: it holds no graph")
	}
	return m, nil
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

func unmarshal[T any](f field, name string, read func([]byte) (T, error)) (T, error) {
	var out T
	err := f.message(name, func(b []byte) (err error) {
		out, err = read(b)
		return err
	})
	return out, err
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

// appendUnknown keeps a field as it is.
func (f field) appendUnknown(list []Unknown) ([]Unknown, error) {
	return list, f.message("field", func(b []byte) error {
		list = append(list, Unknown{int(f.number), b})
		return nil
	})
}

// appendString reads a repeated string. Each counts as a message, since an empty
// one takes 2 bytes of a file, too.
func (f field) appendString(list []string) ([]string, error) {
	err := f.message("string", func(b []byte) error {
		list = append(list, string(b))
		return nil
	})
	return list, err
}

func (d *decoder) function(data []byte) (*Function, error) {
	fn := &Function{}
	return fn, d.fields(data, func(f field) (err error) {
		switch f.number {
		case 1:
			fn.Name, err = f.string()
		case 4:
			fn.Inputs, err = f.appendString(fn.Inputs)
		case 5:
			fn.Outputs, err = f.appendString(fn.Outputs)
		case 6:
			fn.Attributes, err = f.appendString(fn.Attributes)
		case 7:
			var n *Node
			n, err = unmarshal(f, "node", func(b []byte) (*Node, error) { return d.node(b, 0) })
			fn.Nodes = append(fn.Nodes, n)
		case 9:
			var o Opset
			o, err = unmarshal(f, "opset_import", d.opset)
			fn.OpsetImport = append(fn.OpsetImport, o)
		case 10:
			fn.Domain, err = f.string()
		case 11:
			var a *Attribute
			a, err = unmarshal(f, "attribute", func(b []byte) (*Attribute, error) { return d.attribute(b, 0) })
			fn.Defaults = append(fn.Defaults, a)
		case 13:
			fn.Overload, err = f.string()
		}
		return err
	})
}

func (d *decoder) opset(data []byte) (o Opset, err error) {
	err = d.fields(data, func(f field) (err error) {
		switch f.number {
		case 1:
			o.Domain, err = f.string()
		case 2:
			o.Version, err = f.int()
		}
		return err
	})
	return o, err
}

func (d *decoder) entry(data []byte) (e Entry, err error) {
	err = d.fields(data, func(f field) (err error) {
		switch f.number {
		case 1:
			e.Key, err = f.string()
		case 2:
			e.Value, err = f.string()
		}
		return err
	})
	return e, err
}

func (d *decoder) graph(data []byte, depth int) (*Graph, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	g := &Graph{}
	return g, d.fields(data, func(f field) (err error) {
		switch f.number {
		case 1:
			var n *Node
			n, err = unmarshal(f, "node", func(b []byte) (*Node, error) { return d.node(b, depth) })
			g.Nodes = append(g.Nodes, n)
		case 2:
			g.Name, err = f.string()
		case 5:
			var t *Tensor
			t, err = unmarshal(f, "initializer", d.tensor)
			g.Initializers = append(g.Initializers, t)
		case 10:
			g.DocString, err = f.string()
		case 11, 12, 13:
			list := map[protowire.Number]*[]*ValueInfo{11: &g.Inputs, 12: &g.Outputs, 13: &g.ValueInfo}[f.number]
			var v *ValueInfo
			v, err = unmarshal(f, "value", d.valueInfo)
			*list = append(*list, v)
		case 14, 15:
			g.Other, err = f.appendUnknown(g.Other)
		}
		return err
	})
}

func (d *decoder) node(data []byte, depth int) (*Node, error) {
	n := &Node{}
	return n, d.fields(data, func(f field) (err error) {
		var s string
		switch f.number {
		case 1:
			s, err = f.string()
			n.Inputs = append(n.Inputs, s)
		case 2:
			s, err = f.string()
			n.Outputs = append(n.Outputs, s)
		case 3:
			n.Name, err = f.string()
		case 4:
			n.OpType, err = f.string()
		case 5:
			var a *Attribute
			a, err = unmarshal(f, "attribute", func(b []byte) (*Attribute, error) { return d.attribute(b, depth) })
			n.Attributes = append(n.Attributes, a)
		case 7:
			n.Domain, err = f.string()
		case 8:
			n.Overload, err = f.string()
		case 9:
			var e Entry
			e, err = unmarshal(f, "metadata_props", d.entry)
			n.Metadata = append(n.Metadata, e)
		}
		return err
	})
}

func (d *decoder) attribute(data []byte, depth int) (*Attribute, error) {
	a := &Attribute{}
	return a, d.fields(data, func(f field) (err error) {
		switch f.number {
		case 1:
			a.Name, err = f.string()
		case 2:
			if f.kind != protowire.Fixed32Type {
				return errWireType
			}
			a.Float = math.Float32frombits(uint32(f.x))
		case 3:
			a.Int, err = f.int()
		case 4:
			a.String, err = f.bytes()
		case 5:
			a.Tensor, err = unmarshal(f, "tensor", d.tensor)
		case 6:
			a.Graph, err = unmarshal(f, "graph", func(b []byte) (*Graph, error) { return d.graph(b, depth+1) })
		case 7:
			var raw []byte
			raw, err = f.appendFixed(nil, 4)
			for ; len(raw) > 0; raw = raw[4:] {
				a.Floats = append(a.Floats, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
			}
		case 8:
			a.Ints, err = f.appendInts(a.Ints)
		case 9:
			var b []byte
			b, err = f.bytes()
			a.Strings = append(a.Strings, b)
		case 10:
			var t *Tensor
			t, err = unmarshal(f, "tensor", d.tensor)
			a.Tensors = append(a.Tensors, t)
		case 11:
			var g *Graph
			g, err = unmarshal(f, "graph", func(b []byte) (*Graph, error) { return d.graph(b, depth+1) })
			a.Graphs = append(a.Graphs, g)
		case 14, 15, 22, 23:
			a.Other, err = f.appendUnknown(a.Other)
		case 21:
			a.Ref, err = f.string()
		case 20:
			var x int64
			x, err = f.int()
			a.Type = AttributeType(x)
		}
		return err
	})
}

func (d *decoder) valueInfo(data []byte) (*ValueInfo, error) {
	v := &ValueInfo{}
	return v, d.fields(data, func(f field) (err error) {
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
					return f.message("tensor_type", func(b []byte) error { return d.tensorType(b, v) })
				})
			})
		}
		return err
	})
}

func (d *decoder) tensorType(data []byte, v *ValueInfo) error {
	return d.fields(data, func(f field) (err error) {
		switch f.number {
		case 1:
			var x int64
			x, err = f.int()
			v.DataType = DataType(x)
		case 2:
			v.HasShape = true
			err = f.message("shape", func(b []byte) error {
				return d.fields(b, func(f field) error {
					if f.number != 1 {
						return nil
					}
					d, err := unmarshal(f, "dim", d.dim)
					v.Dims = append(v.Dims, d)
					return err
				})
			})
		}
		return err
	})
}

func (d *decoder) dim(data []byte) (dim Dim, err error) {
	err = d.fields(data, func(f field) (err error) {
		switch f.number {
		case 1:
			dim.Value, err = f.int()
			dim.Known = true
		case 2:
			dim.Param, err = f.string()
		}
		return err
	})
	return dim, err
}
