// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package pb writes and reads the messages of ONNX files: the part of
// onnx.proto3 that this module uses. The tag of a field holds its number in
// onnx.proto3, the name of its message for errors, and options: see codec.go.
package pb

import "fmt"

// Model is ModelProto.
type Model struct {
	IRVersion       int64       `pb:"1"`
	ProducerName    string      `pb:"2"`
	ProducerVersion string      `pb:"3"`
	DocString       string      `pb:"6"`
	Graph           *Graph      `pb:"7,graph"`
	OpsetImport     []Opset     `pb:"8,opset_import"`
	Metadata        []Entry     `pb:"14,metadata_props"`
	Training        []Unknown   `pb:"20,field,read"` // training_info
	Functions       []*Function `pb:"25,function,read"`
}

// Unknown is a field that this package keeps as the bytes of the file.
type Unknown struct {
	Field int
	Bytes []byte
}

// Function is FunctionProto: an operator that the file defines.
type Function struct {
	Name        string       `pb:"1"`
	Inputs      []string     `pb:"4"`
	Outputs     []string     `pb:"5"`
	Attributes  []string     `pb:"6"` // the names of those without a default
	Nodes       []*Node      `pb:"7,node"`
	OpsetImport []Opset      `pb:"9,opset_import"`
	Domain      string       `pb:"10"`
	Defaults    []*Attribute `pb:"11,attribute"`
	Overload    string       `pb:"13"`
}

// Opset is OperatorSetIdProto; an empty domain is ONNX's own.
type Opset struct {
	Domain  string `pb:"1"`
	Version int64  `pb:"2"`
}

// Entry is StringStringEntryProto.
type Entry struct {
	Key   string `pb:"1"`
	Value string `pb:"2"`
}

// Graph is GraphProto.
type Graph struct {
	Nodes        []*Node      `pb:"1,node"`
	Name         string       `pb:"2"`
	Initializers []*Tensor    `pb:"5,initializer"`
	DocString    string       `pb:"10"`
	Inputs       []*ValueInfo `pb:"11,value"`
	Outputs      []*ValueInfo `pb:"12,value"`
	ValueInfo    []*ValueInfo `pb:"13,value"`
	Other        []Unknown    `pb:"14 15,field,read"` // quantization_annotation and sparse_initializer
}

// Node is NodeProto.
type Node struct {
	Inputs     []string     `pb:"1"` // "" for an optional one that is not given
	Outputs    []string     `pb:"2"`
	Name       string       `pb:"3"`
	OpType     string       `pb:"4"`
	Attributes []*Attribute `pb:"5,attribute"`
	Domain     string       `pb:"7"`
	Overload   string       `pb:"8,,read"` // of the function that it calls
	Metadata   []Entry      `pb:"9,metadata_props,read"`
}

// AttributeType is AttributeProto.AttributeType.
type AttributeType int32

// The attribute types that are written and read; others keep their number only.
const (
	AttrFloat   AttributeType = 1
	AttrInt     AttributeType = 2
	AttrString  AttributeType = 3
	AttrTensor  AttributeType = 4
	AttrGraph   AttributeType = 5
	AttrFloats  AttributeType = 6
	AttrInts    AttributeType = 7
	AttrStrings AttributeType = 8
	AttrTensors AttributeType = 9
	AttrGraphs  AttributeType = 10
)

// Attribute is AttributeProto. Type says which field holds the value; the number of
// that field is one more than the type's.
type Attribute struct {
	Name    string        `pb:"1"`
	Float   float32       `pb:"2,,value"`
	Int     int64         `pb:"3,,value"`
	String  []byte        `pb:"4,,value"`
	Tensor  *Tensor       `pb:"5,tensor,value"`
	Graph   *Graph        `pb:"6,graph,value"`
	Floats  []float32     `pb:"7,,value"`
	Ints    []int64       `pb:"8,,value"`
	Strings [][]byte      `pb:"9,,value"`
	Tensors []*Tensor     `pb:"10,tensor,read"`
	Graphs  []*Graph      `pb:"11,graph,read"`
	Other   []Unknown     `pb:"14 15 22 23,field,read"` // sparse tensors and types
	Type    AttributeType `pb:"20"`
	Ref     string        `pb:"21,,read"` // the attribute of the function around it that gives the value
}

// DataType is TensorProto.DataType.
type DataType int32

// The element types that are more than a name and a size here.
const (
	Undefined DataType = 0
	Float     DataType = 1
	Uint8     DataType = 2
	Int8      DataType = 3
	Uint16    DataType = 4
	Int16     DataType = 5
	Int32     DataType = 6
	Int64     DataType = 7
	String    DataType = 8
	Bool      DataType = 9
	Float16   DataType = 10
	Double    DataType = 11
	Uint32    DataType = 12
	Uint64    DataType = 13
	BFloat16  DataType = 16
)

var dataTypes = map[DataType]struct {
	name string
	bits int64 // of one element, 0 when they differ
}{
	Undefined: {"undefined", 0}, Float: {"float32", 32}, Uint8: {"uint8", 8}, Int8: {"int8", 8},
	Uint16: {"uint16", 16}, Int16: {"int16", 16}, Int32: {"int32", 32}, Int64: {"int64", 64},
	String: {"string", 0}, Bool: {"bool", 8}, Float16: {"float16", 16}, Double: {"float64", 64},
	Uint32: {"uint32", 32}, Uint64: {"uint64", 64}, 14: {"complex64", 64}, 15: {"complex128", 128}, BFloat16: {"bfloat16", 16},
	17: {"float8_e4m3fn", 8}, 18: {"float8_e4m3fnuz", 8}, 19: {"float8_e5m2", 8}, 20: {"float8_e5m2fnuz", 8},
	21: {"uint4", 4}, 22: {"int4", 4}, 23: {"float4_e2m1fn", 4}, 24: {"float8_e8m0fnu", 8}, 25: {"uint2", 2}, 26: {"int2", 2},
}

// DataTypeOf returns the type that String names; Undefined for another name.
func DataTypeOf(name string) DataType {
	for d, t := range dataTypes {
		if t.name == name {
			return d
		}
	}
	return Undefined
}

// Bytes returns how many bytes n elements take; false where that is not fixed or
// not known.
func (d DataType) Bytes(n int64) (int64, bool) {
	bits := dataTypes[d].bits
	if bits == 0 || n > (1<<62)/max(bits/8, 1) {
		return 0, false
	}
	if bits < 8 { // several elements share a byte
		each := 8 / bits
		return n/each + min(n%each, 1), true
	}
	return n * (bits / 8), true
}

// String returns PyTorch's name of the type.
func (d DataType) String() string {
	if t, ok := dataTypes[d]; ok {
		return t.name
	}
	return fmt.Sprintf("onnx type %d", int32(d))
}

// Size returns the bytes of one element, 0 when that is not a fixed whole number or not
// known.
func (d DataType) Size() int { return int(dataTypes[d].bits / 8) }

// Tensor is TensorProto.
type Tensor struct {
	Dims     []int64  `pb:"1"`
	DataType DataType `pb:"2"`
	Name     string   `pb:"8"`
	// Raw holds the elements, little-endian and row-major, also where the file
	// has them in float_data and the like. It is nil for strings and external data.
	Raw []byte `pb:"9,,always"`
	// The fields below are read and not written.
	Strings  [][]byte // the elements of a tensor of strings
	External bool     // the elements are in another file
	// ExternalData says where they are: "location", "offset" and "length".
	ExternalData []Entry
}

// Numel returns the number of elements; false when it overflows or a dimension
// is negative.
func (t *Tensor) Numel() (int64, bool) {
	n := int64(1)
	for _, d := range t.Dims {
		if d < 0 || d != 0 && n > (1<<62)/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}

// ValueInfo is ValueInfoProto.
type ValueInfo struct {
	Name string `pb:"1"`
	Type Type   `pb:"2,type,always"`
}

// Type is TypeProto.
type Type struct {
	Tensor *TensorType `pb:"1,tensor_type"`
	Other  []Unknown   `pb:"4 5 7 8 9,field,read"` // sequences, maps and so on
}

// TensorType is TypeProto.Tensor.
type TensorType struct {
	DataType DataType `pb:"1"`
	Shape    *Shape   `pb:"2,shape"` // nil for a tensor of unknown rank
}

// Shape is TensorShapeProto.
type Shape struct {
	Dims []Dim `pb:"1,dim"`
}

// Dim is TensorShapeProto.Dimension: a size, a name, or neither.
type Dim struct {
	Value *int64 `pb:"1"`
	Param string `pb:"2"`
}

// NewValue describes a tensor.
func NewValue(name string, d DataType, shape *Shape) *ValueInfo {
	return &ValueInfo{Name: name, Type: Type{Tensor: &TensorType{d, shape}}}
}

// Tensor returns the type of a tensor; that of another value is undefined.
func (v *ValueInfo) Tensor() TensorType {
	if v.Type.Tensor == nil {
		return TensorType{}
	}
	return *v.Type.Tensor
}
