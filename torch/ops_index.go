// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Gather returns out[i][j]… = t[index[i][j]…][j]… for dim 0, and likewise for others.
// index, of int64, has as many dimensions as t, and the result has its shape.
func (t *Tensor) Gather(dim int, index *Tensor) *Tensor {
	return on("aten::gather", t).int(dim).tensor(index).bool(false).one()
}

// Scatter returns a copy of t in which the elements that Gather would read are those of
// src. Where index names an element twice, one of the two values is taken.
func (t *Tensor) Scatter(dim int, index, src *Tensor) *Tensor {
	return on("aten::scatter.src", t).int(dim).tensor(index).tensor(src).one()
}

// ScatterAdd returns a copy of t to which the elements of src are added where Scatter
// would put them.
func (t *Tensor) ScatterAdd(dim int, index, src *Tensor) *Tensor {
	return on("aten::scatter_add", t).int(dim).tensor(index).tensor(src).one()
}

// IndexAdd returns a copy of t with the entries of src added to the entries of dimension
// dim that index, a vector of int64, names.
func (t *Tensor) IndexAdd(dim int, index, src *Tensor) *Tensor {
	return on("aten::index_add", t).int(dim).tensor(index).tensor(src).double(1).one()
}

// IndexCopy returns a copy of t with the entries of src in place of those of dimension
// dim that index, a vector of int64, names.
func (t *Tensor) IndexCopy(dim int, index, src *Tensor) *Tensor {
	return on("aten::index_copy", t).int(dim).tensor(index).tensor(src).one()
}

// IndexCopyInPlace puts the entries of src in place of those of dimension dim that index, a
// vector of int64, names, and returns t.
func (t *Tensor) IndexCopyInPlace(dim int, index, src *Tensor) *Tensor {
	on("aten::index_copy_", t).int(dim).tensor(index).tensor(src).void()
	return t
}

// MaskedFill returns a copy of t with x, a number, where mask, of bools, is true.
func (t *Tensor) MaskedFill(mask *Tensor, x any) *Tensor {
	return on("aten::masked_fill.Scalar", t).tensor(mask).scalar(x).one()
}

// MaskedSelect returns the elements where mask, of bools, is true, as a vector.
func (t *Tensor) MaskedSelect(mask *Tensor) *Tensor { return on("aten::masked_select", t, mask).one() }

// Nonzero returns the indices of the elements that are not zero: int64 [n, dimensions].
func (t *Tensor) Nonzero() *Tensor { return on("aten::nonzero", t).one() }

// OneHot returns, for classes of int64 [*], int64 [*, n] with 1 at the class and 0
// elsewhere.
func (t *Tensor) OneHot(n int) *Tensor { return on("aten::one_hot", t).int(n).one() }

// Span is a part of a dimension, an index that [Slice] makes.
type Span struct{ bounds [3]any }

// The other indices of [Tensor.Index]: Ellipsis stands for as many whole dimensions as are
// left, and NewAxis inserts a dimension of size 1.
var (
	Ellipsis = new(marker)
	NewAxis  = new(marker)
)

type marker struct{ _ byte } // not empty, so that the two have different addresses

// Slice returns the index start:end:step of Python for [Tensor.Index]. A bound that is
// nil or left out reaches to that end of the dimension, negative ones count from its
// end, and step is at least 1: Slice() is a whole dimension, Slice(nil, -1) all but its
// last entry, Slice(2, 8, 2) the entries 2, 4 and 6.
func Slice(bounds ...any) Span {
	var s Span
	if len(bounds) > len(s.bounds) {
		throw("slice", "takes start, end and step, got %d numbers", len(bounds))
	}
	copy(s.bounds[:], bounds)
	return s
}

// Index returns what t[indices…] is in PyTorch. An index is an int, which removes the
// dimension; a [Slice]; [Ellipsis]; [NewAxis]; a tensor of int64, whose entries are
// taken; or a tensor of bools, which takes the entries where it is true. Without tensors
// the result is a view of t. Dimensions that no index is for stay whole.
//
//	x.Index(0)                                    // x[0]
//	x.Index(torch.Ellipsis, torch.Slice(nil, 3))  // x[..., :3]
//	x.Index(torch.Slice(), rows)                  // x[:, rows]
func (t *Tensor) Index(indices ...any) *Tensor {
	view, tensors := t.indexed(indices)
	if tensors == nil {
		return view
	}
	return Call("aten::index.Tensor", view, tensors).Tensor()
}

// IndexPutInPlace sets t[indices…], as in [Tensor.Index], to value: a number, or a tensor
// that is broadcast to the shape of what the indices select. It returns t.
func (t *Tensor) IndexPutInPlace(value any, indices ...any) *Tensor {
	view, tensors := t.indexed(indices)
	source, isTensor := value.(*Tensor)
	switch {
	case tensors != nil && isTensor:
		Call("aten::index_put_", view, tensors, source)
	case tensors != nil:
		Call("aten::index_put_", view, tensors, Full([]int{}, value, Options{DType: t.DType(), Device: t.Device()}))
	case isTensor:
		view.CopyInPlace(source)
	default:
		view.FillInPlace(value)
	}
	return t
}

// indexed applies the indices that make views, and returns the others by the dimension
// of the view that they are for; nil if there are none.
func (t *Tensor) indexed(indices []any) (view *Tensor, tensors []*Tensor) {
	taken := 0
	for _, index := range indices {
		switch x := index.(type) {
		case *marker:
		case *Tensor:
			taken += x.consumes()
		default:
			taken++
		}
	}
	rank := t.Dim()
	if taken > rank {
		throw("index", "%d indices for a tensor of %d dimensions", taken, rank)
	}
	view = on("aten::alias", t).one() // so that the result is another tensor than t
	dim := 0
	for _, index := range indices {
		switch x := index.(type) {
		case Span:
			view = view.slice(dim, x)
			dim++
		case *marker:
			if x == NewAxis {
				view = view.Unsqueeze(dim)
				dim++
			} else {
				dim += rank - taken
			}
		case *Tensor:
			for len(tensors) < dim {
				tensors = append(tensors, nil)
			}
			tensors = append(tensors, x)
			dim += x.consumes()
		default:
			i, ok := asInt(index)
			if !ok {
				throw("index", "expected an int, a torch.Slice, torch.Ellipsis, torch.NewAxis or a *torch.Tensor, given %T", index)
			}
			view = view.Select(dim, i)
		}
	}
	return view, tensors
}

// consumes returns for how many dimensions t stands as an index.
func (t *Tensor) consumes() int {
	if t.DType() == Bool {
		return t.Dim()
	}
	return 1
}

func (t *Tensor) slice(dim int, s Span) *Tensor {
	a := on("aten::slice.Tensor", t).int(dim)
	for _, bound := range s.bounds {
		if i, ok := asInt(bound); ok {
			a.int(i)
		} else if bound == nil {
			a.omit()
		} else {
			a.refuse("a bound is an int or nil, given %T", bound)
		}
	}
	return a.one()
}
