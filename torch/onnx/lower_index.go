// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"math"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

func lowerNarrow(c *call) {
	x := c.tensor("self")
	axis, start, n := c.axis("dim", len(x.shape)), c.size("start"), c.size("length")
	if start.constant() && start.fixed < 0 {
		start = x.sizeAt(axis).plus(start.fixed)
	}
	end := c.p.derive("the end of "+c.node.Op, func(x []int) int { return x[0] + x[1] }, start, n)
	c.set(0, c.slice(c.in(x), axis, start, end)).zero = x.zero
}

// lowerSlice writes start:end:step. PyTorch and ONNX count and clip the bounds alike.
func lowerSlice(c *call) {
	x := c.tensor("self")
	in := []string{
		c.in(x), c.sizes(c.sizeOr("start", 0)), c.sizes(c.sizeOr("end", math.MaxInt64)),
		c.vector(c.axis("dim", len(x.shape))), c.vector(c.int("step")),
	}
	c.put("Slice", in).zero = x.zero
}

func lowerSelect(c *call) {
	x := c.tensor("self")
	axis, at := c.axis("dim", len(x.shape)), c.size("index")
	one := c.gather(c.in(x), c.sizes(at), axis)
	c.set(0, c.squeeze(one, axis)).zero = x.zero
}

// lowerSplit writes the parts that something uses.
func lowerSplit(c *call) {
	x := c.tensor("self")
	axis := c.axis("dim", len(x.shape))
	if len(c.node.Results) == 1 {
		c.alias(0, x)
		return
	}
	parts, keep := make([]size, len(c.node.Results)), make([]bool, len(c.node.Results))
	for i := range parts {
		parts[i] = c.shapeOf(i)[axis]
		keep[i] = true // Split has no optional outputs
	}
	for i, name := range c.emit(c.label, "Split", []string{c.in(x), c.sizes(parts...)}, keep, attrInt("axis", axis)) {
		c.set(i, name).zero = x.zero
	}
}

func lowerUnbind(c *call) {
	x := c.tensor("self")
	axis := c.axis("dim", len(x.shape))
	if !x.sizeAt(axis).constant() {
		fail.With("%s: a dimension of a free size cannot be taken apart: the number of results would depend on it", c.node.Op)
	}
	for i := range c.node.Results {
		if !c.wanted(i) {
			continue
		}
		one := c.gather(c.in(x), c.vector(i), axis)
		c.set(i, c.squeeze(one, axis))
	}
}

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

// lowerSearchsorted counts the boundaries below each value. Boundaries of several dimensions
// stand beside the values of the same place.
func lowerSearchsorted(c *call) {
	x, b := c.tensor("self"), c.tensor(c.oneOf("boundaries", "sorted_sequence"))
	if c.has("sorter") {
		fail.With("%s: sorter cannot be exported; sort the values", c.node.Op)
	}
	d, in := promoted(x, b), c.in(b)
	if n := len(b.shape); n > 1 {
		in = c.unsqueeze(in, n-1)
	}
	text := "b < x"
	if c.bool("right") || c.string("side") == "right" {
		text = "b <= x"
	}
	known := map[string]string{"b": in, "x": c.unsqueeze(c.as(x, d), len(x.shape))}
	if b.dtype != d {
		known["b"] = c.cast(in, d)
	}
	c.set(0, c.reduced("ReduceSum", c.cast(c.formula(d, text, known), c.dtypeOf(0)), false, -1))
}

// lowerIsin reports which elements are among others.
func lowerIsin(c *call) {
	x, others := c.tensor("elements"), c.tensor("test_elements")
	d := promoted(x, others)
	known := map[string]string{"x": c.unsqueeze(c.as(x, d), len(x.shape)),
		"y": c.flat(c.as(others, d))}
	y := c.reduced("ReduceMax", c.cast(c.formula(d, "x == y", known), torch.Int32), false, -1)
	y = c.cast(y, torch.Bool)
	if c.bool("invert") {
		y = c.add("Not", []string{y})
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

func lowerFlip(c *call) {
	x := c.tensor("self")
	c.set(0, c.flipped(c.in(x), c.ints("dims")...))
}

// lowerRot90 turns two dimensions by quarters of a circle.
func lowerRot90(c *call) {
	x := c.tensor("self")
	rank, dims := len(x.shape), c.axes("dims", len(x.shape))
	turned := func(axis int) {
		c.set(0, c.transpose(c.flipped(c.in(x), axis), swapped(rank, dims[0], dims[1])...))
	}
	switch c.int("k") & 3 {
	case 0:
		c.alias(0, x)
	case 1:
		turned(dims[1])
	case 2:
		c.set(0, c.flipped(c.in(x), dims...))
	case 3:
		turned(dims[0])
	}
}

// flipped reverses dimensions.
func (c *call) flipped(x string, dims ...int) string {
	back := c.vector(repeated(-1, len(dims))...)
	return c.add("Slice", []string{x, back, c.vector(repeated(math.MinInt64, len(dims))...), c.vector(dims...), back})
}
