// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
	"github.com/etude-ml/etude/torch/wholefile"
)

// maxFile is protobuf's own limit.
const maxFile = 1<<31 - 1

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

	folder   string // of the file; "" where the model is in memory
	external bool
	file     *pb.Model
	listed   map[*pb.Tensor]string // the names of Tensors
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
	dims := make([]string, len(v.Shape))
	for i, d := range v.Shape {
		dims[i] = d.String()
	}
	return fmt.Sprintf("%s %s [%s]", v.Name, v.DType, strings.Join(dims, " "))
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

// Inspect reads an ONNX file, of whatever origin, without running it.
func Inspect(path string) (*Model, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	m, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", path, err)
	}
	m.folder = filepath.Dir(path)
	return m, nil
}

// mostHoles is how many bytes of holes a file may have that is read into memory.
const mostHoles = 64 << 20

func readFile(path string) ([]byte, error) {
	f, size, err := wholefile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", path, err)
	}
	defer f.Close()
	if size > maxFile {
		return nil, fmt.Errorf("onnx: %s: %d bytes; an ONNX file has less than 2 GiB", path, size)
	}
	if err := wholefile.CheckWritten(f, mostHoles); err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", path, err)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", path, err)
	}
	return data, nil
}

// decode reads a file's bytes. Tensors may share them.
func decode(data []byte) (*Model, error) {
	p, err := pb.Unmarshal(data)
	if err != nil {
		if what := inspect.OtherFile(data[:min(len(data), 512)]); what != "" {
			return nil, errors.New(what)
		}
		return nil, err
	}
	m := &Model{
		IRVersion: int(p.IRVersion), Producer: p.ProducerName, Metadata: entries(p.Metadata),
		file: p, listed: map[*pb.Tensor]string{},
	}
	for _, o := range p.OpsetImport {
		if o.Domain == "" || o.Domain == "ai.onnx" {
			m.Opset = int(o.Version)
		}
	}
	weights := map[string]bool{}
	for _, t := range p.Graph.Initializers {
		weights[t.Name] = true
	}
	m.list(p)
	for _, v := range p.Graph.Inputs {
		if !weights[v.Name] { // before IR 4, initializers are inputs too
			m.Inputs = append(m.Inputs, valueOf(v))
		}
	}
	for _, v := range p.Graph.Outputs {
		m.Outputs = append(m.Outputs, valueOf(v))
	}
	for _, n := range p.Graph.Nodes {
		node := Node{Name: n.Name, Op: n.OpType, Domain: n.Domain, Inputs: n.Inputs, Outputs: n.Outputs}
		if n.Metadata != nil {
			node.Metadata = entries(n.Metadata)
		}
		m.Nodes = append(m.Nodes, node)
	}
	return m, nil
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
	if t.Shape == nil {
		return out
	}
	for _, d := range t.Shape.Dims {
		dim := Dim{Size: -1, Name: d.Param}
		if d.Value != nil && *d.Value >= 0 {
			dim = Dim{Size: int(*d.Value)}
		}
		out.Shape = append(out.Shape, dim)
	}
	return out
}
