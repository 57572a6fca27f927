// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// triangle keeps the elements on one side of a diagonal.
func triangle(upper int) lowering {
	return func(c *call) { c.set(0, c.triangle(c.tensor("self"), c.int("diagonal"), upper)) }
}

// triangle writes zeros on one side of a diagonal.
func (c *call) triangle(x *value, diagonal, upper int) string {
	if c.opset >= 14 {
		return c.add("Trilu", []string{c.in(x), c.integer(diagonal)}, attrInt("upper", upper))
	}
	rank := len(x.shape)
	known := map[string]string{
		"r": c.unsqueeze(c.every(1, x.shape[rank-2]), 1), "c": c.every(1, x.shape[rank-1]), "d": c.integer(diagonal),
		"x": c.in(x), "none": c.scalar(0, x.dtype),
	}
	side := []string{"c - r <= d", "c - r >= d"}[upper]
	if x.dtype == torch.Bool { // which ONNX Runtime's Where does not take
		return c.formula(x.dtype, "x && "+side, known)
	}
	return c.formula(x.dtype, "Where("+side+", x, none)", known)
}

// diagonalOf returns where the call's diagonal lies: its distance from the main one, and the
// dimensions of rows and columns.
func (c *call) diagonalOf(rank int) (offset, rows, columns int) {
	offset = c.int(c.oneOf("offset", "diagonal"))
	if c.has("dim1") {
		return offset, c.axis("dim1", rank), c.axis("dim2", rank)
	}
	return offset, 0, 1
}

// lowerDiagonal picks the diagonal of two dimensions, which becomes the last.
func lowerDiagonal(c *call) {
	x := c.tensor("self")
	rank := len(x.shape)
	if rank == 1 { // diag of a vector
		lowerDiagEmbed(c)
		return
	}
	offset, a, b := c.diagonalOf(rank)
	c.set(0, c.diagonal(x, offset, a, b))
}

func lowerTrace(c *call) {
	c.set(0, c.reduced("ReduceSum", c.cast(c.diagonal(c.tensor("self"), 0, 0, 1), c.dtypeOf(0)), false, -1))
}

func (c *call) diagonal(x *value, offset, a, b int) string {
	rank := len(x.shape)
	rows, columns := c.fixed(x.sizeAt(a), "self"), c.fixed(x.sizeAt(b), "self")
	var at []int
	for i := range rows {
		if j := i + offset; j >= 0 && j < columns {
			at = append(at, i*columns+j)
		}
	}
	others := slices.DeleteFunc(counted(rank), func(d int) bool { return d == a || d == b })
	shape := collect(others, func(d int) size { return x.shape[d] })
	y := c.transpose(c.in(x), append(others, a, b)...)
	y = c.reshape(y, nil, append(shape, size{fixed: rows * columns}))
	return c.gather(y, c.vector(at...), rank-2)
}

// lowerDiagEmbed writes the last dimension as the diagonal of two, with zeros around it.
func lowerDiagEmbed(c *call) {
	x, rank := c.tensor("self"), len(c.shapeOf(0))
	offset, a, b := c.diagonalOf(rank)
	n := c.fixed(x.sizeAt(len(x.shape)-1), "self") + max(offset, -offset)
	c.set(0, c.onDiagonal(x, c.scalar(0, x.dtype), offset, n, n, a, b))
}

// lowerDiagonalScatter replaces a diagonal.
func lowerDiagonalScatter(c *call) {
	x := c.tensor("self")
	offset, a, b := c.diagonalOf(len(x.shape))
	c.set(0, c.onDiagonal(c.tensor("src"), c.in(x), offset, c.fixed(x.sizeAt(a), "self"), c.fixed(x.sizeAt(b), "self"), a, b))
}

// onDiagonal puts the last dimension of x on a diagonal of rows and columns, which are the
// dimensions a and b of the result. Elsewhere are those of rest.
func (c *call) onDiagonal(x *value, rest string, offset, rows, columns, a, b int) string {
	rank := len(x.shape) + 1
	n := c.fixed(x.sizeAt(rank-2), "self")
	at, mask := make([]int, rows*columns), make([]float32, rows*columns)
	for i := range n {
		k := (i+max(-offset, 0))*columns + i + max(offset, 0)
		at[k], mask[k] = i, 1
	}
	y := c.gather(c.in(x), c.matrix(rows, columns, at), rank-2) // the first element, where none belongs
	shape := append(repeated(1, rank-2), rows, columns)
	on := c.cast(c.once(fmt.Sprint("diagonal_", offset, shape), torch.Float32, shape, bytesOf(mask)), torch.Bool)
	perm := counted(rank - 2)
	for i, d := range []int{min(a, b), max(a, b)} {
		perm = slices.Insert(perm, d, rank-2+i)
	}
	if b < a {
		perm[a], perm[b] = perm[b], perm[a]
	}
	turned := func(x string) string { return c.transpose(x, perm...) }
	return c.add("Where", []string{turned(on), turned(y), rest})
}

// matrix returns a constant int64 [rows, columns].
func (c *call) matrix(rows, columns int, xs []int) string {
	return c.once(fmt.Sprint("matrix_", rows, xs), torch.Int64, []int{rows, columns}, bytesOf(integers[int64](xs)))
}

// lowerBlockDiag puts matrices on a diagonal, with zeros around them.
func lowerBlockDiag(c *call) {
	columns, at, d := c.fixed(c.shapeOf(0)[1], "tensors"), 0, c.dtypeOf(0)
	var parts []string
	for _, v := range c.tensors("tensors") {
		in, n := c.as(v, d), 1
		if len(v.shape) > 0 {
			n = c.fixed(v.shape[len(v.shape)-1], "tensors")
		}
		if len(v.shape) < 2 {
			in = c.add("Reshape", []string{in, c.vector(1, n)})
		}
		parts = append(parts, c.add("Pad", []string{in, c.vector(0, at, 0, columns-at-n)}))
		at += n
	}
	c.put("Concat", parts, attrInt("axis", 0))
}
