// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package tensorfile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
)

// Diff lists how two files differ. `etude diff --json` prints it as JSON.
type Diff struct {
	A        string       `json:"a"`
	B        string       `json:"b"`
	Same     bool         `json:"same"`
	Compared int          `json:"compared_tensors"` // elements of both files were compared, or their hashes
	Equal    int          `json:"equal_tensors"`    // equal bit for bit
	OnlyA    []string     `json:"only_in_a"`        // tensors
	OnlyB    []string     `json:"only_in_b"`
	Tensors  []TensorDiff `json:"tensors"` // in both, and not equal
	Values   []ValueDiff  `json:"values"`
	Graph    []ValueDiff  `json:"graph"` // of two ONNX files: operators, attributes and what is connected to what
	Metadata []ValueDiff  `json:"metadata"`
	Notes    []string     `json:"notes"` // what was compared with what
}

// TensorDiff describes how two tensors of one name differ.
type TensorDiff struct {
	Name string `json:"name"`
	A    Side   `json:"a"`
	B    Side   `json:"b"`

	Elements    *ElementDiff `json:"elements"`     // nil where the shapes differ, or they could not be read
	NotCompared string       `json:"not_compared"` // why they could not be; "" where they were
}

// Side describes the tensor of one file.
type Side struct {
	DType  string `json:"dtype"`
	Shape  []int  `json:"shape"`
	SHA256 string `json:"sha256"`
}

// ValueDiff is a value or an entry of the metadata that is not the same.
type ValueDiff struct {
	Name   string `json:"name"`
	OnlyIn string `json:"only_in"` // "a", "b", or "" for both
	A      any    `json:"a"`
	B      any    `json:"b"`
}

// DiffOptions are options of [Compare].
type DiffOptions struct {
	TensorsOnly bool // without values and metadata
}

// Compare finds how a and b differ. Elements are read where hashes differ. For .pt
// and .safetensors files that takes libtorch, without which the difference is
// reported, but not how large it is. Files that have no tensor in common are not the
// same.
//
// Between files of different formats only tensors are compared; a state dict
// is compared with the model_state_dict of a checkpoint, and LSTM weights of an
// ONNX file are taken as PyTorch has them.
func Compare(a, b *File, opts DiffOptions) *Diff {
	d := &Diff{
		A: a.Path, B: b.Path,
		OnlyA: []string{}, OnlyB: []string{}, Tensors: []TensorDiff{}, Values: []ValueDiff{}, Graph: []ValueDiff{}, Metadata: []ValueDiff{}, Notes: []string{},
	}
	comparable := a.Format == b.Format
	if !comparable {
		a, b = a.asPyTorch(), b.asPyTorch()
	}
	partA, partB := d.parts(a, b)
	if partA != partB {
		comparable = false
	}
	renamed := map[string]string{}
	if a.Format == "onnx" && b.Format == "onnx" {
		renamed = d.graph(a, b, opts)
	}
	d.tensors(a, b, partA, partB, renamed)
	switch {
	case opts.TensorsOnly:
	case comparable:
		d.Values = valueDiffs(a.Values, b.Values)
		if a.Format == "onnx" { // these are part of the graph
			d.Values = slices.DeleteFunc(d.Values, func(v ValueDiff) bool {
				return slices.Contains([]string{"opset", "inputs", "outputs", "operators"}, v.Name)
			})
		}
		d.Metadata = valueDiffs(metadata(a), metadata(b))
		slices.SortFunc(d.Metadata, func(x, y ValueDiff) int { return strings.Compare(x.Name, y.Name) })
	default:
		d.Notes = append(d.Notes, "only tensors are compared: the files hold different kinds of things")
	}
	if d.Compared == 0 {
		d.Notes = append(d.Notes, "no tensor was compared, so the files do not count as the same: they have none of the same name and shape whose elements can be read")
	}
	d.Same = d.Compared > 0 && len(d.OnlyA)+len(d.OnlyB)+len(d.Tensors)+len(d.Values)+len(d.Graph)+len(d.Metadata) == 0
	return d
}

// graph compares the graphs of two models, and returns the names in a of constants
// that have another name in b.
func (d *Diff) graph(a, b *File, opts DiffOptions) (renamed map[string]string) {
	g := onnx.CompareGraphs(a.weights.model, b.weights.model)
	if opts.TensorsOnly {
		return g.Renamed
	}
	for _, x := range g.Differences {
		d.Graph = append(d.Graph, ValueDiff{Name: x.Where, OnlyIn: x.OnlyIn, A: x.A, B: x.B})
	}
	if g.Omitted > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%d more differences of the graphs are not listed", g.Omitted))
	}
	return g.Renamed
}

const stateKey = "model_state_dict."

// parts finds which part of each file to compare: where one is a checkpoint and
// the other is not, the checkpoint's state dict.
func (d *Diff) parts(a, b *File) (partA, partB string) {
	inA, inB := isCheckpoint(a), isCheckpoint(b)
	switch {
	case inA && !inB:
		partA = stateKey
		d.Notes = append(d.Notes, fmt.Sprintf("of %s, model_state_dict is compared", a.Path))
	case inB && !inA:
		partB = stateKey
		d.Notes = append(d.Notes, fmt.Sprintf("of %s, model_state_dict is compared", b.Path))
	}
	if prefix := prefixOf(b, partB, a, partA); prefix != "" {
		partB += prefix
		d.Notes = append(d.Notes, fmt.Sprintf("of %s, what is under %q is compared", b.Path, partB))
	} else if prefix := prefixOf(a, partA, b, partB); prefix != "" {
		partA += prefix
		d.Notes = append(d.Notes, fmt.Sprintf("of %s, what is under %q is compared", a.Path, partA))
	}
	return partA, partB
}

// prefixOf returns the prefix under which f has the tensors that other has; "" where
// it has none.
func prefixOf(f *File, part string, other *File, otherPart string) string {
	shapes := func(f *File, part string) map[string][]int {
		m := map[string][]int{}
		for _, t := range f.Tensors {
			if name, ok := strings.CutPrefix(t.Name, part); ok {
				m[name] = t.Shape
			}
		}
		return m
	}
	found := nn.FindState(shapes(f, part), shapes(other, otherPart))
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

func isCheckpoint(f *File) bool {
	return slices.ContainsFunc(f.Tensors, func(t inspect.Tensor) bool { return strings.HasPrefix(t.Name, stateKey) })
}

// tensors compares the tensors below a part of each file by name. renamed has the names
// in a of tensors that have other names in b.
func (d *Diff) tensors(a, b *File, partA, partB string, renamed map[string]string) {
	given := map[string]bool{}
	for _, name := range renamed {
		given[name] = true
	}
	nameInB := func(t inspect.Tensor) (string, bool) {
		if name, ok := renamed[t.Name]; ok {
			return name, true
		}
		if given[t.Name] { // another tensor is compared under this name
			return t.Name + " of b", true
		}
		return strings.CutPrefix(t.Name, partB)
	}
	inB := map[string]inspect.Tensor{}
	for _, t := range b.Tensors {
		if name, ok := nameInB(t); ok {
			inB[name] = t
		}
	}
	seen := map[string]bool{}
	var constants []string
	alone := func(only []string, f *File, t inspect.Tensor) []string {
		if a.Format != b.Format && f.isConstant(t) {
			constants = append(constants, t.Name)
			return only
		}
		return append(only, t.Name)
	}
	for _, t := range a.Tensors {
		name, ok := strings.CutPrefix(t.Name, partA)
		if !ok {
			continue
		}
		other, both := inB[name]
		seen[name] = true
		switch {
		case !both:
			d.OnlyA = alone(d.OnlyA, a, t)
		case t.DType == other.DType && slices.Equal(t.Shape, other.Shape) && t.SHA256 == other.SHA256 && t.SHA256 != "":
			d.Equal++
			d.Compared++
		default:
			diff := TensorDiff{Name: name, A: Side{t.DType, t.Shape, t.SHA256}, B: Side{other.DType, other.Shape, other.SHA256}}
			if slices.Equal(t.Shape, other.Shape) {
				var err error
				if diff.Elements, err = elementDiff(a, b, t, other); err != nil {
					diff.NotCompared = err.Error()
				}
				if diff.Elements != nil || t.SHA256 != "" && other.SHA256 != "" {
					d.Compared++
				}
			}
			d.Tensors = append(d.Tensors, diff)
		}
	}
	for _, t := range b.Tensors {
		if name, ok := nameInB(t); ok && !seen[name] {
			d.OnlyB = alone(d.OnlyB, b, t)
		}
	}
	if len(constants) > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%d constants of the graph are not compared: %s", len(constants), strings.Join(constants, ", ")))
	}
}

// isConstant reports whether t is a constant of a model's graph and not a weight:
// an axis, a shape, a single number, an attribute of an operator, or what PyTorch's
// exporter computed. A weight that is changed so is missing on the other side.
func (f *File) isConstant(t inspect.Tensor) bool {
	w := f.weights
	return w != nil && (strings.HasPrefix(t.DType, "int") || len(t.Shape) == 0 || madeUp(t.Name) || w.tensors[t.Name].Operator != "")
}

// elementDiff reads the elements of both tensors, which have one shape, and compares
// them.
func elementDiff(a, b *File, inA, inB inspect.Tensor) (*ElementDiff, error) {
	x, okA := inspect.ElementOf(inA.DType)
	y, okB := inspect.ElementOf(inB.DType)
	if !okA || !okB {
		return nil, fmt.Errorf("elements of type %s and %s cannot be compared", inA.DType, inB.DType)
	}
	rawA, err := a.elements(inA.Name)
	if err != nil {
		return nil, err
	}
	rawB, err := b.elements(inB.Name)
	if err != nil {
		return nil, err
	}
	if n := int(count(inA.Shape)); len(rawA) != n*x.Size || len(rawB) != n*y.Size {
		return nil, fmt.Errorf("%d and %d bytes for %d elements", len(rawA), len(rawB), n)
	}
	return compareElements(rawA, rawB, x, y, inA.DType == inB.DType, inA.Shape), nil
}

// metadata returns the entries of a file's metadata but for a hash of the whole file.
func metadata(f *File) (vs inspect.Values) {
	for _, key := range slices.Sorted(maps.Keys(f.Metadata)) {
		if key != "serialization_id" {
			vs = append(vs, inspect.Value{Name: key, Value: f.Metadata[key]})
		}
	}
	return vs
}

// valueDiffs returns how two lists of values differ, in the order of a and then of b.
func valueDiffs(a, b inspect.Values) []ValueDiff {
	list, inA, inB := []ValueDiff{}, byName(a), byName(b)
	seen := map[string]bool{}
	for _, v := range slices.Concat(a, b) {
		x, okA := inA[v.Name]
		y, okB := inB[v.Name]
		d := ValueDiff{Name: v.Name, A: x, B: y}
		switch {
		case seen[v.Name] || okA && okB && reflect.DeepEqual(x, y):
			continue
		case !okA:
			d.OnlyIn = "b"
		case !okB:
			d.OnlyIn = "a"
		}
		seen[v.Name] = true
		list = append(list, d)
	}
	return list
}

func byName(vs inspect.Values) map[string]any {
	m := map[string]any{}
	for _, v := range vs {
		m[v.Name] = v.Value
	}
	return m
}
