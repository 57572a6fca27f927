// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

func lowerIndexSelect(c *call) {
	x, index := c.tensor("self"), c.tensor("index")
	if len(x.shape) == 0 {
		c.set(0, c.reshape(c.in(x), x.shape, c.shapeOf(0)))
		return
	}
	c.set(0, c.gather(c.in(x), c.in(index), c.axis("dim", len(x.shape))))
}

func lowerEmbedding(c *call) {
	w := c.parameter("weight")
	c.set(0, c.gather(c.in(w), c.in(c.tensor("indices")), 0))
}

// lowerEmbeddingBag writes the sums, means or maxima of rows of the weight. The bags begin at
// offsets: each place is compared with each bag.
func lowerEmbeddingBag(c *call) {
	w, indices, offsets, d := c.parameter("weight"), c.tensor("indices"), c.tensor("offsets"), c.dtypeOf(0)
	total := c.sizes(indices.shape[0])
	places := c.every(1, indices.shape[0])
	starts := c.as(offsets, torch.Int64)
	ends := c.slice(starts, 0, size{fixed: 1}, size{fixed: math.MaxInt64})
	if c.bool("include_last_offset") {
		starts = c.slice(starts, 0, size{}, size{fixed: -1})
	} else {
		ends = c.add("Concat", []string{ends, total}, attrInt("axis", 0))
	}
	column := func(x string) string { return c.unsqueeze(x, 1) }
	known := map[string]string{"at": places, "from": column(starts), "to": column(ends), "i": c.as(indices, torch.Int64)}
	text := "from <= at && at < to"
	if c.has("padding_idx") && c.int("padding_idx") >= 0 {
		known["padding"] = c.integer(c.int("padding_idx"))
		text += " && !(i == padding)"
	}
	inside := c.formula(torch.Int64, text, known) // [bags, places]
	rows := c.gather(c.in(w), c.in(indices), 0)
	if v := c.optional("per_sample_weights"); v != nil {
		rows = c.add("Mul", []string{rows, column(c.in(v))})
	}
	if c.int("mode") == 2 {
		known = map[string]string{"in": c.unsqueeze(inside, 2), "rows": rows}
		y := c.reduced("ReduceMax", c.formula(d, "Where(in, rows, -Inf)", known), false, 1)
		c.set(0, c.formula(d, "Where(y == -Inf, 0, y)", map[string]string{"y": y})) // a bag without rows
		return
	}
	share := c.cast(inside, d)
	y := c.add("MatMul", []string{share, rows})
	if c.int("mode") == 1 {
		y = c.formula(d, "y / Max(n, 1)", map[string]string{"y": y, "n": c.reduced("ReduceSum", share, true, 1)})
	}
	c.set(0, y)
}

// lowerMaskedScatter writes the first elements of source, one by one, where the mask is true.
func lowerMaskedScatter(c *call) {
	d, shape := c.dtypeOf(0), c.sizes(c.shapeOf(0)...)
	mask := c.add("Expand", []string{c.in(c.tensor("mask")), shape})
	count := c.add("CumSum", []string{c.cast(c.flat(mask), torch.Int64), c.vector(0)})
	at := c.formula(torch.Int64, "Max(n - 1, 0)", map[string]string{"n": count})
	src := c.add("Gather", []string{c.flat(c.operand("source", d)), at})
	c.set(0, c.formula(d, "Where(mask, src, self)", map[string]string{"mask": mask, "src": c.add("Reshape", []string{src, shape})}))
}

// lowerPut writes elements to their places among all.
func lowerPut(c *call) {
	x := c.tensor("self")
	y := c.scattered(c.flat(c.in(x)), c.flat(c.in(c.tensor("index"))), c.flat(c.in(c.tensor("source"))), 0,
		map[bool]string{true: "add", false: "none"}[c.bool("accumulate")])
	c.set(0, c.reshape(y, nil, x.shape))
}

// lowerTake picks elements by their place among all.
func lowerTake(c *call) {
	flat := c.flat(c.in(c.tensor("self")))
	c.put("Gather", []string{flat, c.in(c.tensor("index"))})
}

// lowerOneHot writes 1 at the place of each class, and 0 elsewhere.
func lowerOneHot(c *call) {
	x := c.tensor("self")
	n := c.int("num_classes")
	if n < 0 {
		fail.With("%s: num_classes is needed to export it", c.node.Op)
	}
	c.put("OneHot", []string{c.in(x), c.vector(n), c.vector(0, 1)}, attrInt("axis", -1))
}

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

// broadcast returns the shape of several indices together.
func (c *call) broadcast(indices []*value) (shape []size) {
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
	return shape
}

// places joins indices of the first dimensions to one of [..., dimensions], as GatherND
// and ScatterND take them.
func (c *call) places(indices []*value, shape []size) string {
	parts := collect(indices, func(v *value) string {
		return c.unsqueeze(c.expand(c.as(v, torch.Int64), shape...), len(shape))
	})
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

// lowerIndex picks elements by tensors of indices.
func lowerIndex(c *call) {
	x := c.tensor("self")
	indices, first := c.indexed()
	at := c.places(indices, c.broadcast(indices))
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
	shape := c.broadcast(indices)
	src := c.expand(c.operand("values", x.dtype), slices.Concat(shape, x.shape[len(indices):])...)
	attributes := []attribute{}
	if c.bool("accumulate") {
		c.needs(16, "accumulate")
		attributes = append(attributes, attrString("reduction", "add"))
	}
	c.put("ScatterND", []string{c.in(x), c.places(indices, shape), src}, attributes...)
}
