// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"math"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// lowerGather picks elements along a dimension, each by an index of its own. Where the
// index is smaller in another dimension, the rest of self there is cut off.
func lowerGather(c *call) {
	x, index := c.tensor("self"), c.tensor("index")
	axis, rank := c.axis("dim", len(x.shape)), len(index.shape)
	if rank == 0 || len(x.shape) == 0 {
		c.put("Identity", []string{c.in(x)})
		return
	}
	in := c.in(x)
	for d := range rank {
		if d != axis && x.shape[d] != index.shape[d] {
			in = c.slice(in, d, size{}, index.shape[d])
		}
	}
	c.put("GatherElements", []string{in, c.in(index)}, attrInt("axis", axis))
}

// lowerTakeAlongDim is gather with dimensions of size 1 that are repeated, on both sides.
func lowerTakeAlongDim(c *call) {
	x, index := c.tensor("self"), c.tensor("indices")
	if !c.has("dim") {
		flat := func(v *value) string { return c.flat(c.in(v)) }
		c.put("GatherElements", []string{flat(x), flat(index)})
		return
	}
	axis, out := c.axis("dim", len(x.shape)), c.shapeOf(0)
	full := func(v *value) string {
		shape := slices.Clone(out)
		shape[axis] = v.shape[axis]
		return c.expand(c.in(v), shape...)
	}
	c.put("GatherElements", []string{full(x), full(index)}, attrInt("axis", axis))
}

// scatter writes elements of src to places along a dimension: "none" replaces what is
// there, others combine it with src.
func scatter(reduction string) lowering {
	return func(c *call) {
		x, index, reduction := c.tensor("self"), c.tensor("index"), reduction
		c.rank()
		if kind := c.string("reduce"); kind != "" {
			reduction = kind
		}
		var src string
		if v := c.optional("src"); v != nil {
			src = c.as(v, x.dtype)
			for i, s := range index.shape {
				if v.shape[i] != s {
					src = c.slice(src, i, size{}, s)
				}
			}
		} else {
			src = c.expand(c.operand("value", x.dtype), index.shape...)
		}
		c.set(0, c.scattered(c.in(x), c.in(index), src, c.axis("dim", len(x.shape)), reduction))
	}
}

// reductions are those of ScatterElements, by PyTorch's names.
var reductions = map[string]struct {
	name    string
	opset   int
	neutral float64 // what it leaves as it is
}{
	"none": {"none", 13, 0}, "add": {"add", 16, 0}, "sum": {"add", 16, 0}, "mean": {"add", 16, 0}, "multiply": {"mul", 16, 1}, "prod": {"mul", 16, 1},
	"amax": {"max", 18, math.Inf(-1)}, "amin": {"min", 18, math.Inf(1)},
}

// scattered combines elements of x with those of src, at places that the index has. Where the
// call says that x itself does not count, it is replaced there first.
func (c *call) scattered(x, index, src string, axis int, reduction string) string {
	d, r := c.dtypeOf(0), reductions[reduction]
	c.needs(r.opset, reduction)
	write := func(x, src, reduction string) string {
		attributes := []attribute{attrInt("axis", axis)}
		if reduction != "none" {
			attributes = append(attributes, attrString("reduction", reduction))
		}
		return c.add("ScatterElements", []string{x, index, src}, attributes...)
	}
	likeIndex := func(x float64) string {
		return c.add("Expand", []string{c.scalar(x, d), c.add("Shape", []string{index})})
	}
	own, given := c.node.Args["include_self"].(bool)
	if own = own || !given; !own {
		x = write(x, likeIndex(r.neutral), "none")
	}
	y := write(x, src, r.name)
	if reduction == "mean" {
		n := c.add("Expand", []string{c.scalar(1, d), c.add("Shape", []string{x})})
		if !own {
			n = write(n, likeIndex(0), "none")
		}
		y = c.add("Div", []string{y, write(n, likeIndex(1), "add")})
	}
	return y
}

// alongAxis writes index_add, index_copy, index_fill and index_reduce: whole slices along a
// dimension. The index is repeated for the other dimensions.
func alongAxis(reduction string) lowering {
	return func(c *call) {
		x, index, reduction := c.tensor("self"), c.tensor("index"), reduction
		axis, shape := c.axis("dim", c.rank()), slices.Clone(x.shape)
		if kind := c.string("reduce"); kind != "" {
			reduction = kind
		}
		shape[axis] = size{fixed: 1}
		if len(index.shape) == 1 {
			shape[axis] = index.shape[0]
		}
		flat := repeated(1, len(shape))
		flat[axis] = -1
		places := c.add("Reshape", []string{c.as(index, torch.Int64), c.vector(flat...)})
		places = c.expand(places, shape...)
		text := c.oneOf("value", "source")
		if c.has("alpha") {
			text += " * alpha"
		}
		src := c.expand(c.formula(x.dtype, text, nil), shape...)
		c.set(0, c.scattered(c.in(x), places, src, axis, reduction))
	}
}

// places joins indices of the first dimensions to one of [..., dimensions], as GatherND
// and ScatterND take them.
func (c *call) places(x *value, indices []*value) string {
	var shape []size
	for _, v := range indices {
		if v.dtype == torch.Bool {
			fail.With("%s: a mask as an index cannot be exported: the result's shape depends on values. Use Where", c.node.Op)
		}
		for len(shape) < len(v.shape) {
			shape = append([]size{{fixed: 1}}, shape...)
		}
		for i, s := range v.shape {
			if at := len(shape) - len(v.shape) + i; s != (size{fixed: 1}) {
				shape[at] = s
			}
		}
	}
	var parts []string
	for _, v := range indices {
		full := c.expand(c.as(v, torch.Int64), shape...)
		parts = append(parts, c.unsqueeze(full, len(shape)))
	}
	return c.add("Concat", parts, attrInt("axis", len(shape)))
}

// indexed returns the given indices, the dimensions in front of them, and whether they
// follow each other.
func (c *call) indexed() (indices []*value, first int) {
	ids, _ := c.node.Args["indices"].([]torch.ValueID)
	last := -1
	for d, id := range ids {
		if id < 0 {
			continue
		}
		if indices == nil {
			first = d
		} else if d != last+1 {
			fail.With("%s: indices with a whole dimension between them cannot be exported", c.node.Op)
		}
		last = d
		indices = append(indices, c.valueOf(id, "indices"))
	}
	return indices, first
}

// moved puts n dimensions that begin at from to another place among the others.
func (c *call) moved(x string, rank, from, n, to int) string {
	if from == to || n == 0 {
		return x
	}
	perm := counted(rank)
	return c.transpose(x, slices.Insert(slices.Delete(slices.Clone(perm), from, from+n), to, perm[from:from+n]...)...)
}

// lowerIndex picks elements by tensors of indices.
func lowerIndex(c *call) {
	x := c.tensor("self")
	indices, first := c.indexed()
	at := c.places(x, indices)
	n, rank := len(indices), len(x.shape)
	y := c.add("GatherND", []string{c.moved(c.in(x), rank, first, n, 0), at})
	out := c.shapeOf(0)
	c.set(0, c.moved(y, len(out), 0, len(out)-(rank-n), first))
}

// lowerIndexPut writes values to places that tensors of indices have.
func lowerIndexPut(c *call) {
	x := c.tensor("self")
	indices, first := c.indexed()
	if first != 0 {
		fail.With("%s: an index of the first dimension is needed to export it", c.node.Op)
	}
	var shape []size
	for _, v := range indices {
		if len(v.shape) > len(shape) {
			shape = v.shape
		}
	}
	shape = append(slices.Clone(shape), x.shape[len(indices):]...)
	src := c.expand(c.operand("values", x.dtype), shape...)
	attributes := []attribute{}
	if c.bool("accumulate") {
		c.needs(16, "accumulate")
		attributes = append(attributes, attrString("reduction", "add"))
	}
	c.put("ScatterND", []string{c.in(x), c.places(x, indices), src}, attributes...)
}

// sorted writes the first n values of a sorted dimension and their places.
func (c *call) sorted(x, n string, axis int, descending bool) (values, places string) {
	out := c.emit(c.label, "TopK", []string{x, n}, []bool{true, true}, attrInt("axis", axis), attrInt("largest", flag(descending)))
	return out[0], out[1]
}

// lowerSort sorts a dimension, or gives its first values; argsort has the places only.
func lowerSort(c *call) {
	x, axis := c.tensor("self"), c.axis("dim", c.rank())
	n, descending := x.sizeAt(axis), c.bool("descending")
	if c.has("k") {
		n, descending = c.size("k"), c.bool("largest")
	}
	values, places := c.sorted(c.in(x), c.sizes(n), axis, descending)
	if len(c.node.Results) == 1 {
		c.set(0, places)
		return
	}
	c.set(0, values)
	c.set(1, places)
}

// lowerKth gives the k-th smallest value of a dimension, or the lower median, and its place.
// The median of all elements has no place.
func lowerKth(c *call) {
	x, axis := c.tensor("self"), 0
	in, axes := c.in(x), counted(c.rank())
	if c.has("dim") {
		axis = c.axis("dim", len(x.shape))
		axes = []int{axis}
	} else {
		in = c.flat(in)
	}
	var k string
	if c.has("k") {
		k = c.sizes(c.size("k"))
	} else {
		k = c.add("Div", []string{c.add("Add", []string{c.elementsAlong(x, axes), c.vector(1)}), c.vector(2)})
	}
	last := c.add("Sub", []string{k, c.vector(1)})
	values, places := c.sorted(in, k, axis, false)
	for i, v := range []string{values, places}[:len(c.node.Results)] {
		v = c.gather(v, last, axis)
		if !c.bool("keepdim") {
			v = c.squeeze(v, axis)
		}
		c.set(i, v)
	}
}

// lowerCumsum adds up along a dimension.
func lowerCumsum(c *call) {
	x := c.tensor("self")
	if len(x.shape) == 0 {
		c.alias(0, x)
		return
	}
	c.put("CumSum", []string{c.as(x, c.dtypeOf(0)), c.vector(c.axis("dim", len(x.shape)))})
}

// prefixes reduces all beginnings of a dimension: ONNX can add them up only. It compares
// each place with each other, so it is meant for short dimensions.
func prefixes(before string, rest float64, op, after string) lowering {
	return func(c *call) {
		x, d, rank := c.tensor("self"), c.dtypeOf(0), c.rank()
		axis := c.axis("dim", rank)
		n := x.sizeAt(axis)
		in := c.unsqueeze(c.moved(c.as(x, d), rank, axis, 1, rank-1), rank-1)
		mask := c.triangle(c.filled([]size{n, n}, torch.Float32, 1), 0, 0)
		known := map[string]string{"x": in, "mask": c.cast(mask, torch.Bool), "rest": c.scalar(rest, d)}
		known["x"] = c.formula(d, "Where(mask, x, rest)", known)
		known["m"] = c.reduced("ReduceMax", known["x"], true, rank)
		y := c.reduced(op, c.formula(d, before, known), true, rank)
		known["y"] = y
		back := func(y string) string {
			return c.moved(c.squeeze(y, rank), rank, rank-1, 1, axis)
		}
		c.set(0, back(c.formula(d, after, known)))
		if len(c.node.Results) > 1 && c.wanted(1) {
			place := strings.Replace(op, "Reduce", "Arg", 1)
			c.set(1, back(c.add(place, []string{known["x"]}, attrInt("axis", rank), attrInt("select_last_index", 1))))
		}
	}
}
