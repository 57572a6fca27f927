// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

// GraphDifference describes one difference between two graphs.
type GraphDifference struct {
	Where  string // what differs, in words: "node y (Softmax): attribute axis"
	OnlyIn string // "a", "b", or "" for both
	A, B   any    // what each has: a number, a string, or a list of those; nil for nothing
}

// GraphDiff lists the differences between the graphs of two models.
type GraphDiff struct {
	Differences []GraphDifference
	// Omitted counts the differences beyond the first 1000, which are not listed.
	Omitted int
	// Renamed maps the name of a tensor in b's Model.Tensors to the name of the tensor
	// that has the same place in a. It holds only constants inside nodes, whose names
	// Inspect made up.
	Renamed map[string]string
}

// CompareGraphs compares the graphs of two models, with the graphs inside their
// nodes: operators, domains, attributes, the inputs of each node, the inputs and
// outputs of the model, the versions of the operators and the functions of the file.
// Names of nodes and of intermediate values, documentation, and shapes of
// intermediate values do not count; the order of the nodes does.
//
// It does not compare Model.Tensors.
func CompareGraphs(a, b *Model) *GraphDiff {
	c := &graphComparison{a: a, b: b, diff: &GraphDiff{Renamed: map[string]string{}}}
	versions := func(m *Model) []string {
		texts := collect(m.file.OpsetImport, func(o pb.Opset) string { return fmt.Sprint(cmp.Or(o.Domain, "ai.onnx"), " ", o.Version) })
		slices.Sort(texts)
		return texts
	}
	c.value("operator versions", versions(a), versions(b))
	declared := func(v *pb.ValueInfo) string { return v.Name + " " + typeText(v) }
	ga, gb := a.file.Graph, b.file.Graph
	c.value("inputs", collect(ga.Inputs, declared), collect(gb.Inputs, declared))
	c.value("outputs", collect(ga.Outputs, declared), collect(gb.Outputs, declared))
	c.graph("", ga, gb, nil, nil, false)
	c.functions()
	c.unknown("training information", a.file.Training, b.file.Training)
	return c.diff
}

// maxDifferences bounds the list of differences.
const maxDifferences = 1000

type graphComparison struct {
	a, b  *Model
	diff  *GraphDiff
	count int // of the tokens that were given
}

func (c *graphComparison) add(d GraphDifference) {
	if len(c.diff.Differences) >= maxDifferences {
		c.diff.Omitted++
		return
	}
	c.diff.Differences = append(c.diff.Differences, d)
}

// only reports something that one model has.
func (c *graphComparison) only(where, side string, what any) {
	d := GraphDifference{Where: where, OnlyIn: side, A: what}
	if side == "b" {
		d.A, d.B = nil, what
	}
	c.add(d)
}

// value compares two numbers, texts or lists of these.
func (c *graphComparison) value(where string, a, b any) {
	if !reflect.DeepEqual(a, b) {
		c.add(GraphDifference{Where: where, A: a, B: b})
	}
}

// unknown compares fields that this package does not understand.
func (c *graphComparison) unknown(where string, a, b []pb.Unknown) {
	same := slices.EqualFunc(a, b, func(x, y pb.Unknown) bool { return x.Field == y.Field && bytes.Equal(x.Bytes, y.Bytes) })
	if !same {
		size := func(list []pb.Unknown) string {
			n := 0
			for _, u := range list {
				n += len(u.Bytes)
			}
			return fmt.Sprintf("%d fields of %d bytes", len(list), n)
		}
		c.add(GraphDifference{Where: where + ", compared as bytes", A: size(a), B: size(b)})
	}
}

// scope maps names to tokens. Values that have the same place in both models have the
// same token.
type scope struct {
	outer  *scope
	tokens map[string]string
	by     map[string]string // the operators that compute the values
}

func (s *scope) inner(nodes []*pb.Node) *scope {
	in := &scope{s, map[string]string{}, map[string]string{}}
	for _, n := range nodes {
		for _, name := range n.Outputs {
			in.by[name] = n.OpType
		}
	}
	return in
}

func (s *scope) token(name string) string {
	for ; s != nil; s = s.outer {
		if t, ok := s.tokens[name]; ok {
			return t
		}
	}
	return "named " + name // an input, an initializer of the model, or nothing at all
}

// graph compares two graphs. The inputs of graphs inside nodes are known by their
// places, those of the model by their names.
func (c *graphComparison) graph(where string, a, b *pb.Graph, sa, sb *scope, inside bool) {
	sa, sb = sa.inner(a.Nodes), sb.inner(b.Nodes)
	if inside {
		c.value(where+"number of inputs", len(a.Inputs), len(b.Inputs))
		for i := range min(len(a.Inputs), len(b.Inputs)) {
			c.same(sa, a.Inputs[i].Name, sb, b.Inputs[i].Name)
			c.value(where+"type of input "+fmt.Sprint(i), typeText(a.Inputs[i]), typeText(b.Inputs[i]))
		}
		named := map[string]*pb.Tensor{}
		for _, t := range a.Initializers {
			named[t.Name] = t
			sa.tokens[t.Name] = "in " + c.a.listed[t]
		}
		for _, t := range b.Initializers {
			sb.tokens[t.Name] = "only in b: " + c.b.listed[t]
			if x := named[t.Name]; x != nil {
				sb.tokens[t.Name] = "in " + c.a.listed[x]
				c.diff.Renamed[c.b.listed[t]] = c.a.listed[x]
			}
		}
	}
	c.nodes(where, a.Nodes, b.Nodes, sa, sb)
	name := func(v *pb.ValueInfo) string { return v.Name }
	c.wiring(where+"output", collect(a.Outputs, name), collect(b.Outputs, name), sa, sb)
	c.unknown(where+"sparse initializers and quantization", a.Other, b.Other)
}

func typeText(v *pb.ValueInfo) string {
	switch t := v.Tensor(); {
	case v.Type.Other != nil:
		return fmt.Sprintf("another type than a tensor (%x)", v.Type.Other)
	case t.Shape == nil:
		return t.DataType.String()
	}
	return valueOf(v).String()[len(v.Name)+1:]
}

func (c *graphComparison) fresh() string {
	c.count++
	return strconv.Itoa(c.count)
}

// same gives two values one token.
func (c *graphComparison) same(sa *scope, a string, sb *scope, b string) {
	t := c.fresh()
	sa.tokens[a], sb.tokens[b] = t, t
}

// nodes compares lists of nodes. It pairs nodes of the same operator so that there are
// as many pairs in the same order as possible.
func (c *graphComparison) nodes(where string, a, b []*pb.Node, sa, sb *scope) {
	pairs := align(a, b)
	ofA, ofB := make([]int, len(a)), make([]int, len(b)) // the partner's index + 1
	for _, p := range pairs {
		ofA[p[0]], ofB[p[1]] = p[1]+1, p[0]+1
		x, y := a[p[0]], b[p[1]]
		for i := range max(len(x.Outputs), len(y.Outputs)) {
			t := c.fresh()
			if i < len(x.Outputs) && x.Outputs[i] != "" {
				sa.tokens[x.Outputs[i]] = t
			}
			if i < len(y.Outputs) && y.Outputs[i] != "" {
				sb.tokens[y.Outputs[i]] = t
			}
		}
	}
	alone := func(nodes []*pb.Node, partner []int, s *scope, side string) {
		for i, n := range nodes {
			if partner[i] != 0 {
				continue
			}
			for _, name := range n.Outputs {
				s.tokens[name] = side + c.fresh()
			}
			c.only(where+"node "+nodeLabel(n, i), side, nodeText(n))
		}
	}
	alone(a, ofA, sa, "a")
	alone(b, ofB, sb, "b")
	for _, p := range pairs {
		x, y := a[p[0]], b[p[1]]
		at := fmt.Sprintf("%snode %s (%s): ", where, nodeLabel(x, p[0]), x.OpType)
		c.wiring(at+"input", x.Inputs, y.Inputs, sa, sb)
		c.attributes(at, x.Attributes, y.Attributes, sa, sb)
	}
}

// nodeText shows a node on one line.
func nodeText(n *pb.Node) string {
	op := n.OpType
	if n.Domain != "" {
		op = n.Domain + "." + op
	}
	return fmt.Sprintf("%s(%s)", op, strings.Join(n.Inputs, ", "))
}

// align pairs the nodes of a with those of b that have the same operator.
func align(a, b []*pb.Node) (pairs [][2]int) {
	same := func(x, y *pb.Node) bool {
		return x.OpType == y.OpType && x.Domain == y.Domain && x.Overload == y.Overload
	}
	start, endA, endB := 0, len(a), len(b)
	for start < endA && start < endB && same(a[start], b[start]) {
		pairs = append(pairs, [2]int{start, start})
		start++
	}
	var tail [][2]int
	for endA > start && endB > start && same(a[endA-1], b[endB-1]) {
		endA, endB = endA-1, endB-1
		tail = append(tail, [2]int{endA, endB})
	}
	slices.Reverse(tail)
	n, m := endA-start, endB-start
	const most = 1 << 22 // cells of the table: 16 MB
	if n == 0 || m == 0 || n > most/m {
		return append(pairs, tail...)
	}
	// The longest common subsequence: longest[i][j] is its length from i and j on.
	longest := make([]int32, (n+1)*(m+1))
	at := func(i, j int) *int32 { return &longest[i*(m+1)+j] }
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if same(a[start+i], b[start+j]) {
				*at(i, j) = *at(i+1, j+1) + 1
			} else {
				*at(i, j) = max(*at(i+1, j), *at(i, j+1))
			}
		}
	}
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case same(a[start+i], b[start+j]):
			pairs = append(pairs, [2]int{start + i, start + j})
			i, j = i+1, j+1
		case *at(i+1, j) >= *at(i, j+1):
			i++
		default:
			j++
		}
	}
	return append(pairs, tail...)
}

// wiring compares lists of values.
func (c *graphComparison) wiring(where string, a, b []string, sa, sb *scope) {
	show := func(names []string, i int, s *scope) any {
		switch {
		case i >= len(names) || names[i] == "":
			return nil
		case s.by[names[i]] != "":
			return fmt.Sprintf("%s, computed by %s", names[i], s.by[names[i]])
		}
		return names[i]
	}
	token := func(names []string, i int, s *scope) string {
		if i >= len(names) || names[i] == "" {
			return "" // an optional input that is not given
		}
		return s.token(names[i])
	}
	for i := range max(len(a), len(b)) {
		if token(a, i, sa) != token(b, i, sb) {
			c.add(GraphDifference{Where: fmt.Sprint(where, " ", i), A: show(a, i, sa), B: show(b, i, sb)})
		}
	}
}

// attributes compares the attributes of two nodes. Their order does not matter.
func (c *graphComparison) attributes(where string, a, b []*pb.Attribute, sa, sb *scope) {
	byName := func(list []*pb.Attribute) map[string]*pb.Attribute {
		m := map[string]*pb.Attribute{}
		for _, x := range list {
			m[x.Name] = x
		}
		return m
	}
	match(c, where+"attribute ", byName(a), byName(b), show, func(at string, x, y *pb.Attribute) { c.attribute(at, x, y, sa, sb) })
}

// match calls both for the items that have the same name in both models, and reports
// the others with the description that text returns.
func match[T any](c *graphComparison, where string, a, b map[string]T, text func(T) any, both func(at string, x, y T)) {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if y, ok := b[name]; ok {
			both(where+name, a[name], y)
		} else {
			c.only(where+name, "a", text(a[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[name]; !ok {
			c.only(where+name, "b", text(b[name]))
		}
	}
}

func (c *graphComparison) attribute(where string, a, b *pb.Attribute, sa, sb *scope) {
	shape := func(x *pb.Attribute) [6]any {
		return [6]any{x.Type, x.Ref, x.Tensor != nil, x.Graph != nil, len(x.Tensors), len(x.Graphs)}
	}
	if shape(a) != shape(b) || !sameNumbers(a, b) {
		c.add(GraphDifference{Where: where, A: show(a), B: show(b)})
		return
	}
	tensors := func(x *pb.Attribute) []*pb.Tensor {
		if x.Tensor != nil {
			return append([]*pb.Tensor{x.Tensor}, x.Tensors...)
		}
		return x.Tensors
	}
	for i, x := range tensors(a) {
		y := tensors(b)[i]
		nameA, listed := c.a.listed[x]
		nameB, both := c.b.listed[y]
		switch {
		case listed && both: // elements are compared with those of the other tensors
			c.diff.Renamed[nameB] = nameA
		case x.DataType != y.DataType || !slices.Equal(x.Dims, y.Dims) || !bytes.Equal(x.Raw, y.Raw) ||
			!slices.EqualFunc(x.Strings, y.Strings, bytes.Equal) || !slices.Equal(x.ExternalData, y.ExternalData):
			c.add(GraphDifference{Where: where, A: tensorText(x), B: tensorText(y)})
		}
	}
	if a.Graph != nil {
		c.graph(where+": ", a.Graph, b.Graph, sa, sb, true)
	}
	for i := range a.Graphs {
		c.graph(fmt.Sprint(where, " ", i, ": "), a.Graphs[i], b.Graphs[i], sa, sb, true)
	}
	c.unknown(where, a.Other, b.Other)
}

// sameNumbers compares the numbers and texts of two attributes. Floats are equal if
// their bits are.
func sameNumbers(a, b *pb.Attribute) bool {
	bits := func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }
	return bits(a.Float, b.Float) && a.Int == b.Int && bytes.Equal(a.String, b.String) &&
		slices.EqualFunc(a.Floats, b.Floats, bits) && slices.Equal(a.Ints, b.Ints) && slices.EqualFunc(a.Strings, b.Strings, bytes.Equal)
}

func tensorText(t *pb.Tensor) string {
	return fmt.Sprintf("%s %v of the bytes %x", t.DataType, t.Dims, t.Raw[:min(len(t.Raw), 16)])
}

// show returns an attribute in the form of GraphDifference.A.
func show(a *pb.Attribute) any {
	if a.Ref != "" {
		return "the attribute " + a.Ref + " of the function"
	}
	number := func(x float32) any {
		if y := float64(x); !math.IsNaN(y) && !math.IsInf(y, 0) {
			return y
		}
		return fmt.Sprint(x) // JSON has no such numbers
	}
	switch a.Type {
	case pb.AttrFloat:
		return number(a.Float)
	case pb.AttrInt:
		return a.Int
	case pb.AttrString:
		return string(a.String)
	case pb.AttrFloats:
		return collect(a.Floats, number)
	case pb.AttrInts:
		return collect(a.Ints, func(x int64) any { return x })
	case pb.AttrStrings:
		return collect(a.Strings, func(s []byte) any { return string(s) })
	case pb.AttrTensor:
		if a.Tensor != nil {
			return tensorText(a.Tensor)
		}
	case pb.AttrGraph:
		if a.Graph != nil {
			return fmt.Sprintf("a graph of %d nodes", len(a.Graph.Nodes))
		}
	case pb.AttrTensors:
		return fmt.Sprintf("%d tensors", len(a.Tensors))
	case pb.AttrGraphs:
		return fmt.Sprintf("%d graphs", len(a.Graphs))
	}
	return fmt.Sprintf("an attribute of type %d", a.Type)
}

// functions compares the operators that the files define.
func (c *graphComparison) functions() {
	byName := func(m *Model) map[string]*pb.Function {
		all := map[string]*pb.Function{}
		for _, f := range m.file.Functions {
			all[functionName(f)] = f
		}
		return all
	}
	text := func(f *pb.Function) any { return fmt.Sprintf("a function of %d nodes", len(f.Nodes)) }
	match(c, "function ", byName(c.a), byName(c.b), text, func(at string, x, y *pb.Function) {
		at += ": "
		c.value(at+"attributes", slices.Sorted(slices.Values(x.Attributes)), slices.Sorted(slices.Values(y.Attributes)))
		c.value(at+"operator versions", x.OpsetImport, y.OpsetImport)
		sa, sb := (*scope)(nil).inner(x.Nodes), (*scope)(nil).inner(y.Nodes)
		c.value(at+"number of inputs", len(x.Inputs), len(y.Inputs))
		for i := range min(len(x.Inputs), len(y.Inputs)) {
			c.same(sa, x.Inputs[i], sb, y.Inputs[i])
		}
		c.nodes(at, x.Nodes, y.Nodes, sa, sb)
		c.wiring(at+"output", x.Outputs, y.Outputs, sa, sb)
		c.attributes(at+"default of ", x.Defaults, y.Defaults, sa, sb)
	})
}
