// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch/onnx/internal/pb"
	"github.com/etude-ml/etude/torch/wholefile"
)

// lister names the tensors of a file.
type lister struct {
	m     *Model
	taken map[string]bool
}

// list fills Tensors.
func (m *Model) list(p *pb.Model) {
	l := &lister{m, map[string]bool{}}
	l.graph(p.Graph, "")
	for _, f := range p.Functions {
		l.nodes(f.Nodes, functionName(f)+".")
		l.attributes(f.Defaults, functionName(f)+".", "")
	}
}

func functionName(f *pb.Function) string {
	name := f.Domain + "." + f.Name
	if f.Overload != "" {
		name += "." + f.Overload
	}
	return name
}

func (l *lister) graph(g *pb.Graph, prefix string) {
	for _, t := range g.Initializers {
		l.add(t, prefix+t.Name, "")
	}
	l.nodes(g.Nodes, prefix)
}

func (l *lister) nodes(nodes []*pb.Node, prefix string) {
	for i, n := range nodes {
		l.attributes(n.Attributes, prefix+nodeLabel(n, i)+".", n.OpType)
	}
}

// attributes adds the tensors in the attributes of an operator. The value of a
// Constant has the name of the node's output, which other tools give to the
// initializer that they make of it.
func (l *lister) attributes(attributes []*pb.Attribute, prefix, operator string) {
	for _, a := range attributes {
		name := prefix + a.Name
		if operator == "Constant" {
			name = prefix[:len(prefix)-1]
		}
		if t := listOf(a); t != nil && operator == "Constant" {
			l.add(t, name, operator)
		}
		if a.Tensor != nil && operator != "ConstantOfShape" { // its value is one number
			l.add(a.Tensor, name, operator)
		}
		for i, t := range a.Tensors {
			l.add(t, fmt.Sprint(name, ".", i), operator)
		}
		if a.Graph != nil {
			l.graph(a.Graph, name+".")
		}
		for i, g := range a.Graphs {
			l.graph(g, fmt.Sprint(name, ".", i, "."))
		}
	}
}

// listOf returns the elements of a Constant that has them as value_floats and the
// like; nil for any other attribute.
func listOf(a *pb.Attribute) *pb.Tensor {
	t := &pb.Tensor{}
	n := 1
	switch a.Name {
	case "value_float":
		t.DataType, t.Raw = pb.Float, bytes.Clone(bytesOf([]float32{a.Float}))
	case "value_int":
		t.DataType, t.Raw = pb.Int64, bytes.Clone(bytesOf([]int64{a.Int}))
	case "value_string":
		t.DataType, t.Strings = pb.String, [][]byte{a.String}
	case "value_floats":
		t.DataType, t.Raw, n = pb.Float, bytesOf(a.Floats), len(a.Floats)
	case "value_ints":
		t.DataType, t.Raw, n = pb.Int64, bytesOf(a.Ints), len(a.Ints)
	case "value_strings":
		t.DataType, t.Strings, n = pb.String, a.Strings, len(a.Strings)
	default:
		return nil
	}
	if strings.HasSuffix(a.Name, "s") {
		t.Dims = []int64{int64(n)}
	}
	return t
}

// nodeLabel names a node by what it computes: names of nodes are optional.
func nodeLabel(n *pb.Node, i int) string {
	return cmp.Or(append(slices.Clone(n.Outputs), n.Name, fmt.Sprint(n.OpType, " ", i))...)
}

func (l *lister) add(t *pb.Tensor, name, operator string) {
	free := name
	for i := 2; l.taken[free]; i++ {
		free = fmt.Sprintf("%s (%d)", name, i)
	}
	l.taken[free] = true
	l.m.listed[t] = free
	out := Tensor{Name: free, DType: t.DataType.String(), Shape: integers[int](t.Dims), Data: t.Raw, Operator: operator}
	for _, s := range t.Strings {
		out.Strings = append(out.Strings, string(s))
	}
	if t.External {
		at := map[string]int64{"offset": 0, "length": -1}
		for _, e := range t.ExternalData {
			at[e.Key] = number64(e.Value)
		}
		out.External = &External{entries(t.ExternalData)["location"], at["offset"], at["length"]}
	}
	l.m.Tensors = append(l.m.Tensors, out)
}

// number64 reads a decimal number. Any other text becomes the smallest number, which no
// file has as an offset or a length.
func number64(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1 << 63
	}
	return n
}

// Elements opens the elements of a tensor of m, little-endian and row-major, and
// returns how many bytes they take. Elements in another file are looked for in
// the folder of the model and nowhere else, as ONNX demands; a link that leads out
// of it is not followed. The error names the file.
//
// Strings are not elements here: see [Tensor.Strings].
func (m *Model) Elements(t Tensor) (io.ReadCloser, int64, error) {
	if t.External == nil {
		if t.Data == nil {
			return nil, 0, fmt.Errorf("tensor %q holds strings", t.Name)
		}
		return io.NopCloser(bytes.NewReader(t.Data)), int64(len(t.Data)), nil
	}
	r, n, err := m.openExternal(t)
	if err != nil {
		return nil, 0, fmt.Errorf("tensor %q, whose elements are in the file %q beside the model: %w", t.Name, t.External.Location, err)
	}
	return r, n, nil
}

type section struct {
	io.Reader
	io.Closer
}

func (m *Model) openExternal(t Tensor) (_ io.ReadCloser, _ int64, err error) {
	x := t.External
	if m.folder == "" {
		return nil, 0, errors.New("the model was not read from a file, so it has no folder")
	}
	if !filepath.IsLocal(x.Location) {
		return nil, 0, errors.New("the name leads out of the model's folder, where nothing is read")
	}
	root, err := os.OpenRoot(m.folder)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = root.Close() }()
	f, size, err := wholefile.OpenIn(root, x.Location)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s is missing: %w. Put it beside the model", filepath.Join(m.folder, x.Location), fs.ErrNotExist)
	}
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := wholefile.CheckWritten(f, 1<<30); err != nil {
		return nil, 0, err
	}
	length := x.Length
	if length == -1 {
		length = size - x.Offset
	}
	if x.Offset < 0 || length < 0 {
		return nil, 0, errors.New("its offset or length is not a number from 0 on")
	}
	if x.Offset > size || length > size-x.Offset {
		return nil, 0, fmt.Errorf("bytes %d to %d are wanted of it, and it has %d", x.Offset, x.Offset+length, size)
	}
	if want, known := t.bytes(); known && want != length {
		return nil, 0, fmt.Errorf("%d bytes of it are for %s %v, which takes %d", length, t.DType, t.Shape, want)
	}
	return section{io.NewSectionReader(f, x.Offset, length), f}, length, nil
}

// bytes returns how many bytes the elements of t take; false where that is not
// known.
func (t Tensor) bytes() (int64, bool) {
	n, ok := (&pb.Tensor{Dims: integers[int64](t.Shape)}).Numel()
	if !ok {
		return 0, false
	}
	return pb.DataTypeOf(t.DType).Bytes(n)
}
