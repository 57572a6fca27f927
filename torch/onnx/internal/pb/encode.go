// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pb

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// message appends fields to an encoded message. Zero values are left out, as
// proto3 does; put* writes them all the same.
type message []byte

func (m *message) putVarint(field protowire.Number, x uint64) {
	*m = protowire.AppendTag(*m, field, protowire.VarintType)
	*m = protowire.AppendVarint(*m, x)
}

func (m *message) putBytes(field protowire.Number, b []byte) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendBytes(*m, b)
}

func (m *message) int(field protowire.Number, x int64) {
	if x != 0 {
		m.putVarint(field, uint64(x))
	}
}

func (m *message) string(field protowire.Number, s string) {
	if s != "" {
		m.putBytes(field, []byte(s))
	}
}

// ints and floats are not packed: onnx.proto is proto2, so every other writer
// leaves them so. Readers have to take both.
func (m *message) ints(field protowire.Number, xs []int64) {
	for _, x := range xs {
		m.putVarint(field, uint64(x))
	}
}

func (m *message) float(field protowire.Number, x float32) {
	*m = protowire.AppendTag(*m, field, protowire.Fixed32Type)
	*m = protowire.AppendFixed32(*m, math.Float32bits(x))
}

func (m *message) floats(field protowire.Number, xs []float32) {
	for _, x := range xs {
		m.float(field, x)
	}
}

// Marshal returns the file's bytes: fields in the order of their numbers, so
// equal models have equal bytes.
func (m *Model) Marshal() []byte {
	var b message
	b.int(1, m.IRVersion)
	b.string(2, m.ProducerName)
	b.string(3, m.ProducerVersion)
	b.string(6, m.DocString)
	if m.Graph != nil {
		b.putBytes(7, m.Graph.marshal())
	}
	for _, o := range m.OpsetImport {
		var e message
		e.string(1, o.Domain)
		e.int(2, o.Version)
		b.putBytes(8, e)
	}
	for _, x := range m.Metadata {
		var e message
		e.string(1, x.Key)
		e.string(2, x.Value)
		b.putBytes(14, e)
	}
	return b
}

func (g *Graph) marshal() []byte {
	var b message
	for _, n := range g.Nodes {
		b.putBytes(1, n.marshal())
	}
	b.string(2, g.Name)
	for _, t := range g.Initializers {
		b.putBytes(5, t.marshal())
	}
	b.string(10, g.DocString)
	for _, v := range g.Inputs {
		b.putBytes(11, v.marshal())
	}
	for _, v := range g.Outputs {
		b.putBytes(12, v.marshal())
	}
	for _, v := range g.ValueInfo {
		b.putBytes(13, v.marshal())
	}
	return b
}

func (n *Node) marshal() []byte {
	var b message
	for _, s := range n.Inputs {
		b.putBytes(1, []byte(s)) // an empty name holds an optional input's place
	}
	for _, s := range n.Outputs {
		b.putBytes(2, []byte(s))
	}
	b.string(3, n.Name)
	b.string(4, n.OpType)
	for _, a := range n.Attributes {
		b.putBytes(5, a.marshal())
	}
	b.string(7, n.Domain)
	return b
}

func (a *Attribute) marshal() []byte {
	var b message
	b.string(1, a.Name)
	switch {
	case a.Type == AttrFloat:
		b.float(2, a.Float)
	case a.Type == AttrInt:
		b.putVarint(3, uint64(a.Int))
	case a.Type == AttrString:
		b.putBytes(4, a.String)
	case a.Type == AttrTensor && a.Tensor != nil:
		b.putBytes(5, a.Tensor.marshal())
	case a.Type == AttrGraph && a.Graph != nil:
		b.putBytes(6, a.Graph.marshal())
	case a.Type == AttrFloats:
		b.floats(7, a.Floats)
	case a.Type == AttrInts:
		b.ints(8, a.Ints)
	case a.Type == AttrStrings:
		for _, s := range a.Strings {
			b.putBytes(9, s)
		}
	}
	b.int(20, int64(a.Type))
	return b
}

func (t *Tensor) marshal() []byte {
	var b message
	b.ints(1, t.Dims)
	b.int(2, int64(t.DataType))
	b.string(8, t.Name)
	b.putBytes(9, t.Raw)
	return b
}

func (v *ValueInfo) marshal() []byte {
	var tensor message
	tensor.int(1, int64(v.DataType))
	if v.HasShape {
		var shape message
		for _, d := range v.Dims {
			var dim message
			if d.Known {
				dim.putVarint(1, uint64(d.Value))
			} else {
				dim.string(2, d.Param)
			}
			shape.putBytes(1, dim)
		}
		tensor.putBytes(2, shape)
	}
	var kind message
	kind.putBytes(1, tensor)
	var b message
	b.string(1, v.Name)
	b.putBytes(2, kind)
	return b
}
