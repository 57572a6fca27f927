// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// lowering writes the nodes that stand for one call of an operator, and sets its
// results.
type lowering func(c *call)

// lowerer lowers a program.
type lowerer struct {
	emitter
	need   map[torch.ValueID]bool
	values map[torch.ValueID]*value
	state  map[string]string // names by storage
	// renamed has the names of outputs, by those that they had before.
	renamed map[string]string
}

// isZero reports whether t has elements and all are 0.
func isZero(t *torch.Tensor) bool {
	zero := false
	torch.Scope(func() { zero = t.Numel() > 0 && t.Detach().Any().Item() == 0 })
	return zero
}

// call is one call of an operator while it is lowered. Its methods read the arguments
// by their names in the schema, and fail where the lowering cannot use one.
type call struct {
	*lowerer
	node  *torch.Node
	index int
	label string // of the nodes: the layer, where one is known
}

func (c *call) what(name string) string { return c.node.Op + ": argument " + name }

func (c *call) has(name string) bool { return c.node.Args[name] != nil }

// oneOf returns the name of the argument that the call has, or else the last name.
func (c *call) oneOf(names ...string) string {
	for _, name := range names {
		if c.has(name) {
			return name
		}
	}
	return names[len(names)-1]
}

// tensor returns a tensor argument.
func (c *call) tensor(name string) *value {
	v := c.optional(name)
	if v == nil {
		fail.With("%s is missing", c.what(name))
	}
	return v
}

// optional returns a tensor argument, nil for None.
func (c *call) optional(name string) *value {
	id, ok := c.node.Args[name].(torch.ValueID)
	if !ok {
		return nil
	}
	return c.valueOf(id, name)
}

// parameter is optional, and names the nodes after the layer that has the tensor.
func (c *call) parameter(name string) *value {
	v := c.optional(name)
	if v != nil {
		c.label = prefix(v.label)
	}
	return v
}

// orNone returns the name of an optional input, "" for None.
func (c *call) orNone(name string) string {
	if v := c.optional(name); v != nil {
		return c.in(v)
	}
	return ""
}

func (c *call) valueOf(id torch.ValueID, name string) *value {
	v := c.values[id]
	if v == nil {
		fail.With("%s is not known: a defect of this exporter", c.what(name))
	}
	return v
}

// tensors returns a list of tensors.
func (c *call) tensors(name string) []*value {
	ids, _ := c.node.Args[name].([]torch.ValueID)
	vs := make([]*value, len(ids))
	for i, id := range ids {
		vs[i] = c.valueOf(id, name)
	}
	return vs
}

// traced returns an argument as each trace has it.
func traced[T any](c *call, name, kind string) []T {
	return collect(c.p.traces, func(g *torch.Graph) T {
		x, ok := g.Nodes[c.index].Args[name].(T)
		if !ok {
			fail.With("%s is not %s", c.what(name), kind)
		}
		return x
	})
}

// size returns an integer that may depend on free sizes.
func (c *call) size(name string) size {
	return c.p.solve(collect(traced[any](c, name, "a number"), func(v any) int {
		n, ok := whole(v)
		if !ok {
			fail.With("%s is not an integer", c.what(name))
		}
		return n
	}), c.what(name))
}

// whole returns a number without a fraction.
func whole(v any) (int, bool) {
	switch x := v.(type) {
	case int:
		return x, true
	case float64:
		return int(x), x == math.Trunc(x) && math.Abs(x) < 1<<53
	}
	return 0, false
}

// sizeOr is size with a default for None.
func (c *call) sizeOr(name string, n int) size {
	if !c.has(name) {
		return size{fixed: n}
	}
	return c.size(name)
}

// int returns an integer that must not depend on free sizes.
func (c *call) int(name string) int { return c.fixed(c.size(name), name) }

func (c *call) fixed(s size, name string) int {
	if !s.constant() {
		fail.With("%s depends on a free size: it is %s", c.what(name), c.p.describe(s))
	}
	return s.fixed
}

// sizeList returns a list of integers that may depend on free sizes, nil for None.
func (c *call) sizeList(name string) []size {
	if !c.has(name) {
		return nil
	}
	return c.p.solveAll(traced[[]int](c, name, "a list of integers"), c.what(name))
}

// ints returns a list of integers that must not depend on free sizes, nil for None.
func (c *call) ints(name string) []int {
	var out []int
	for _, s := range c.sizeList(name) {
		out = append(out, c.fixed(s, name))
	}
	return out
}

// number returns a float or an integer.
func (c *call) number(name string) float64 {
	x, ok := number(c.node.Args[name])
	if !ok {
		fail.With("%s is not a number", c.what(name))
	}
	for _, g := range c.p.traces[1:] {
		if y, _ := number(g.Nodes[c.index].Args[name]); y != x && !(math.IsNaN(x) && math.IsNaN(y)) {
			fail.With("%s depends on a free size", c.what(name))
		}
	}
	return x
}

// numberOr is number with a default for None.
func (c *call) numberOr(name string, x float64) float64 {
	if !c.has(name) {
		return x
	}
	return c.number(name)
}

func number(v any) (float64, bool) {
	switch x := v.(type) {
	case int:
		return float64(x), true
	case float64:
		return x, true
	case bool:
		return float64(flag(x)), true
	}
	return 0, false
}

// flag is a bool as ONNX's attributes have it.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *call) bool(name string) bool {
	b, _ := c.node.Args[name].(bool)
	return b
}

func (c *call) string(name string) string {
	s, _ := c.node.Args[name].(string)
	return s
}

// axis returns a dimension of a tensor of that rank, counted from the front.
func (c *call) axis(name string, rank int) int {
	d := c.int(name)
	if d < 0 {
		d += rank
	}
	return d
}

// axes returns the dimensions that an argument names; all of them when it is
// empty or None.
func (c *call) axes(name string, rank int) []int {
	ds := slices.Clone(c.ints(name))
	for i, d := range ds {
		if d < 0 {
			ds[i] += rank
		}
	}
	if len(ds) == 0 {
		return counted(rank)
	}
	return ds
}

// dimsOf returns one dimension, or several.
func (c *call) dimsOf(name string, rank int) []int {
	if _, ok := c.node.Args[name].(int); ok {
		return []int{c.axis(name, rank)}
	}
	return c.axes(name, rank)
}

// wanted reports whether something uses the i-th result.
func (c *call) wanted(i int) bool { return c.need[c.node.Results[i]] }

// shapeOf and dtypeOf describe the i-th result.
func (c *call) shapeOf(i int) []size {
	return c.p.shape(c.node.Results[i], "a result of "+c.node.Op)
}

func (c *call) dtypeOf(i int) torch.DType { return c.p.traces[0].DTypes[c.node.Results[i]] }

// set stores a named value of the file as the i-th result.
func (c *call) set(i int, name string) *value {
	v := &value{name: name, shape: c.shapeOf(i), dtype: c.dtypeOf(i)}
	if v.dtype.IsComplex() {
		v.name, v.parts = "", name
		c.alias(i, v)
		return v
	}
	c.graph.ValueInfo = append(c.graph.ValueInfo, valueInfo(name, v.dtype, v.shape))
	c.values[c.node.Results[i]] = v
	c.measure(name, v.shape)
	return v
}

// alias stores a value as the i-th result.
func (c *call) alias(i int, v *value) { c.values[c.node.Results[i]] = v }

// put adds a node whose output is the call's only result.
func (c *call) put(op string, inputs []string, attributes ...attribute) *value {
	return c.set(0, c.op(c.label, op, inputs, attributes...))
}

// add adds a node for an intermediate value.
func (c *call) add(op string, inputs []string, attributes ...attribute) string {
	return c.op(c.label, op, inputs, attributes...)
}

// as returns the name of a value, cast to type d where it has another.
func (c *call) as(v *value, d torch.DType) string {
	if v.dtype == d {
		return c.in(v)
	}
	return c.cast(c.in(v), d)
}

// allAs returns the names of a list of tensors, cast to type d.
func (c *call) allAs(name string, d torch.DType) []string {
	return collect(c.tensors(name), func(v *value) string { return c.as(v, d) })
}

// cast writes a cast of a name.
func (c *call) cast(x string, d torch.DType) string {
	return c.add("Cast", []string{x}, attrInt("to", int(elementCode(d))))
}

// needs refuses an opset that is too old.
func (c *call) needs(opset int, what string) {
	if c.opset < opset {
		fail.With("%s: %s needs opset %d, and the file has %d: set Signature.Opset", c.node.Op, what, opset, c.opset)
	}
}

// operand returns an argument, tensor or number, as type d.
func (c *call) operand(name string, d torch.DType) string {
	if v := c.optional(name); v != nil {
		return c.as(v, d)
	}
	first, ok := whole(c.node.Args[name])
	differs := false
	for _, v := range traced[any](c, name, "a number") {
		n, integer := whole(v)
		ok, differs = ok && integer, differs || n != first
	}
	if ok && differs { // a size
		return c.cast(c.scalarSize(c.size(name)), d)
	}
	return c.scalar(c.number(name), d)
}

// sizeAt returns a value's size along a dimension.
func (v *value) sizeAt(d int) size {
	if d < 0 || d >= len(v.shape) {
		fail.With("there is no dimension %d in %v", d, v.shape)
	}
	return v.shape[d]
}

// integer returns a constant int64 without dimensions.
func (c *call) integer(n int) string { return c.scalar(float64(n), torch.Int64) }

// every returns 0, step, 2·step … below n, as int64.
func (c *call) every(step int, n size) string {
	return c.add("Range", []string{c.integer(0), c.scalarSize(n), c.integer(step)})
}

// scalarSize returns a size as an int64 without dimensions.
func (c *call) scalarSize(n size) string { return c.squeeze(c.sizes(n), 0) }

func (c *call) unsqueeze(x string, axes ...int) string {
	return c.add("Unsqueeze", []string{x, c.vector(axes...)})
}

func (c *call) squeeze(x string, axes ...int) string {
	return c.add("Squeeze", []string{x, c.vector(axes...)})
}

func (c *call) transpose(x string, perm ...int) string {
	return c.add("Transpose", []string{x}, attrInts("perm", perm...))
}

func (c *call) expand(x string, shape ...size) string {
	return c.add("Expand", []string{x, c.sizes(shape...)})
}

func (c *call) gather(x, places string, axis int) string {
	return c.add("Gather", []string{x, places}, attrInt("axis", axis))
}

// split takes a dimension apart into parts of these sizes.
func (c *call) split(x string, axis int, parts ...size) []string {
	return c.emit(c.label, "Split", []string{x, c.sizes(parts...)}, slices.Repeat(oneOutput, len(parts)), attrInt("axis", axis))
}

// slice takes from, from+1 … to-1 of a dimension.
func (c *call) slice(x string, axis int, from, to size) string {
	return c.add("Slice", []string{x, c.sizes(from), c.sizes(to), c.vector(axis)})
}

// flat gives a value one dimension.
func (c *call) flat(x string) string { return c.add("Reshape", []string{x, c.vector(-1)}) }
