// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

// Model describes the content of an ONNX file.
type Model struct {
	IRVersion int
	Opset     int // of ONNX's own operators, 0 when the file names none
	Producer  string
	Metadata  map[string]string
	Inputs    []Value
	Outputs   []Value
	Nodes     []Node // of the graph, without those of the graphs inside its nodes
	// Tensors are the graph's initializers and then those inside its nodes: the
	// constants, and what the branches of an If, the body of a Loop and the
	// file's own functions hold. Their names consist of the names around them:
	// "y.then_branch.w".
	Tensors []Tensor

	folder string // of the file; "" where the model is in memory
	file   *pb.Model
	listed map[*pb.Tensor]string // the names of Tensors
}

// Value is an input or output of a model.
type Value struct {
	Name  string
	DType string // as PyTorch calls it: "float32"
	Shape []Dim  // empty for a scalar, and where AnyShape is set
	// AnyShape reports that the model does not declare the shape, not even the number
	// of dimensions.
	AnyShape bool
}

// Dim is one dimension of a Value: its size, or -1 where any size goes. The name of
// a free dimension is documentation: ONNX Runtime accepts different sizes for one
// name, and so does a Session.
type Dim struct {
	Size int
	Name string
}

// Node is an operator of a model.
type Node struct {
	Name, Op        string
	Domain          string // "" for ONNX's own operators
	Inputs, Outputs []string
	Metadata        map[string]string // nil for none
}

// Tensor is a tensor that a model holds.
type Tensor struct {
	Name  string
	DType string
	Shape []int
	// Data holds the elements, little-endian and row-major; nil for strings and
	// for elements in another file.
	Data []byte
	// Strings are the elements of a tensor of strings, row-major.
	Strings []string
	// External says where another file holds the elements; it is nil where none does.
	// See [Model.Elements].
	External *External
	// Operator is the operator that has the tensor as an attribute, "Constant"
	// for example; "" for an initializer.
	Operator string
}

// String returns a text such as "audio_features float32 [batch_size 128]".
func (v Value) String() string {
	if v.AnyShape {
		return fmt.Sprintf("%s %s of any shape", v.Name, v.DType)
	}
	return fmt.Sprintf("%s %s [%s]", v.Name, v.DType, strings.Join(collect(v.Shape, Dim.String), " "))
}

// String returns the size, or the name of a free dimension.
func (d Dim) String() string {
	switch {
	case d.Size >= 0:
		return strconv.Itoa(d.Size)
	case d.Name == "":
		return "?"
	}
	return d.Name
}

// External says where another file holds the elements of a tensor.
type External struct {
	Location string // the file, relative to the folder of the model
	Offset   int64  // of the first element, in bytes
	Length   int64  // in bytes; -1 where the model does not say it
}

func entries(list []pb.Entry) map[string]string {
	m := make(map[string]string, len(list))
	for _, e := range list {
		m[e.Key] = e.Value
	}
	return m
}

func valueOf(v *pb.ValueInfo) Value {
	t := v.Tensor()
	out := Value{Name: v.Name, DType: t.DataType.String(), Shape: []Dim{}, AnyShape: t.Shape == nil}
	if t.Shape != nil {
		out.Shape = collect(t.Shape.Dims, func(d pb.Dim) Dim {
			if d.Value != nil && *d.Value >= 0 {
				return Dim{Size: int(*d.Value)}
			}
			return Dim{Size: -1, Name: d.Param}
		})
	}
	return out
}
