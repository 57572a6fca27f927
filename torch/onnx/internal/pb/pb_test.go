// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pb

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return data
}

// wire.onnx was written by Python's onnx. That it comes back byte for byte means
// that every field has its number and its wire type, in both directions.
func TestWireIsPythons(t *testing.T) {
	data := read(t, "wire.onnx")
	m, err := Unmarshal(data)
	require.NoError(t, err)
	assert.Equal(t, data, m.Marshal())

	assert.EqualValues(t, 8, m.IRVersion)
	assert.Equal(t, []Opset{{"", 17}, {"ai.onnx.ml", 3}}, m.OpsetImport)
	assert.Equal(t, "doc é", m.DocString)
	n := m.Graph.Nodes[0]
	assert.Equal(t, []string{"x", "", "w"}, n.Inputs)
	attributes := map[string]*Attribute{}
	for _, a := range n.Attributes {
		attributes[a.Name] = a
	}
	assert.Equal(t, float32(-0.5), attributes["f"].Float)
	assert.Equal(t, int64(math.MinInt64), attributes["i"].Int)
	assert.Equal(t, []int64{0, -1, 1 << 40}, attributes["is"].Ints)
	assert.Equal(t, []float32{1.5, -2.5}, attributes["fs"].Floats)
	assert.Equal(t, "Relu", attributes["g"].Graph.Nodes[0].OpType)
	assert.Equal(t, []Dim{{Param: "batch_size"}, {Value: new(int64(128))}, {}}, m.Graph.Inputs[0].Tensor().Shape.Dims)
	assert.Equal(t, []Dim{{Value: new(int64(0))}}, m.Graph.Outputs[0].Tensor().Shape.Dims)
	assert.Nil(t, m.Graph.ValueInfo[0].Tensor().Shape)
}

// fields.onnx holds elements wherever the format allows them.
func TestElementsFromAllFields(t *testing.T) {
	m, err := Unmarshal(read(t, "fields.onnx"))
	require.NoError(t, err)
	f32 := func(xs ...float32) (b []byte) {
		for _, x := range xs {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		return b
	}
	f64 := func(xs ...float64) (b []byte) {
		for _, x := range xs {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		return b
	}
	want := map[string][]byte{
		"float": f32(1.5, -2), "complex64": f32(1, 2), "double": f64(1.5, -2),
		"int64":  append([]byte{255, 255, 255, 255, 255, 255, 255, 255}, 0, 0, 0, 0, 0, 1, 0, 0),
		"uint64": {255, 255, 255, 255, 255, 255, 255, 255}, "uint32": {255, 255, 255, 255},
		"int32": {255, 255, 255, 255, 7, 0, 0, 0}, "int16": {254, 255}, "int8": {253}, "bool": {1, 0},
		"float16": {0, 0x3c}, "string": nil, "external": nil,
	}
	require.Len(t, m.Graph.Initializers, len(want))
	for _, tensor := range m.Graph.Initializers {
		assert.Equal(t, want[tensor.Name], tensor.Raw, tensor.Name)
		assert.Equal(t, tensor.Name == "external", tensor.External, tensor.Name)
	}
	assert.Equal(t, Undefined, m.Graph.Outputs[0].Tensor().DataType, "a sequence is no tensor")
}

// onnx.proto3 packs lists of numbers, onnx.proto does not: readers take both.
func TestPackedLists(t *testing.T) {
	packed := protowire.AppendVarint(protowire.AppendVarint(nil, 3), 1<<40)
	var b message
	b.putBytes(8, packed)
	b.putBytes(7, binary.LittleEndian.AppendUint32(nil, math.Float32bits(2.5)))
	a := &Attribute{}
	(&decoder{}).message(b, reflect.ValueOf(a).Elem())
	assert.Equal(t, []int64{3, 1 << 40}, a.Ints)
	assert.Equal(t, []float32{2.5}, a.Floats)
}

func TestBadFiles(t *testing.T) {
	tensor := func(t *Tensor) []byte { return (&Model{Graph: &Graph{Initializers: []*Tensor{t}}}).Marshal() }
	deep := &Graph{}
	for range maxDepth + 2 {
		deep = &Graph{Nodes: []*Node{{Attributes: []*Attribute{{Type: AttrGraph, Graph: deep}}}}}
	}
	good := read(t, "wire.onnx")
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":        {nil, "holds no graph"},
		"text":         {[]byte("PK\x03\x04 this is a zip"), "not an ONNX file"},
		"cut":          {good[:len(good)-1], "ends within a field"},
		"wrong kind":   {[]byte{0x0a, 0}, "another kind of value"}, // ir_version as a string
		"group":        {[]byte{0x0b}, "another kind of value"},
		"few elements": {tensor(&Tensor{Name: "w", Dims: []int64{3}, DataType: Float, Raw: []byte{1, 2, 3, 4}}), `tensor "w": 4 bytes for float32 of shape [3]`},
		"overflow":     {tensor(&Tensor{Name: "w", Dims: []int64{1 << 40, 1 << 40}, DataType: Float}), "is not possible"},
		"negative":     {tensor(&Tensor{Name: "w", Dims: []int64{-1}, DataType: Float}), "is not possible"},
		"many parts":   {nodes(maxMessages + 1), "more than 2097152 parts"},
		"deep":         {(&Model{Graph: deep}).Marshal(), "nested more than 32 deep"},
	} {
		_, err := Unmarshal(c.data)
		assert.ErrorContains(t, err, c.want, name)
	}
}

// nodes returns a file of n nodes without anything in them.
func nodes(n int) []byte {
	var b message
	b.putBytes(7, bytes.Repeat([]byte{1<<3 | byte(protowire.BytesType), 0}, n))
	return b
}

// FuzzDecode checks that any bytes give an error or a model whose tensors are full; and
// what was read and written once stays the same.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"wire.onnx", "fields.onnx"} {
		f.Add(read(f, name))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Unmarshal(data)
		if err != nil {
			return
		}
		for _, tensor := range m.Graph.Initializers {
			if n, ok := tensor.Numel(); tensor.Raw != nil && (!ok || n*int64(tensor.DataType.Size()) != int64(len(tensor.Raw))) {
				t.Fatalf("tensor %+v is not full", tensor)
			}
		}
		first := m.Marshal()
		again, err := Unmarshal(first)
		if err != nil {
			if external(m) {
				return // elements in another file are not written
			}
			t.Fatal(err)
		}
		if second := again.Marshal(); string(second) != string(first) {
			t.Fatal("the model changes each time it is written")
		}
	})
}

func external(m *Model) bool {
	for _, t := range m.Graph.Initializers {
		if t.External || t.DataType.Size() == 0 {
			return true
		}
	}
	for _, n := range m.Graph.Nodes {
		for _, a := range n.Attributes {
			if a.Graph != nil || a.Tensor != nil {
				return true
			}
		}
	}
	return false
}
