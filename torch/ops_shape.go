// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Reshape returns the elements in another shape; one size may be -1. It is a
// view where that is possible.
func (t *Tensor) Reshape(shape ...int) *Tensor { return on("aten::reshape", t).ints(shape...).one() }

// View is Reshape that refuses to copy.
func (t *Tensor) View(shape ...int) *Tensor { return on("aten::view", t).ints(shape...).one() }

// Permute returns a view with the dimensions in another order.
func (t *Tensor) Permute(dims ...int) *Tensor { return on("aten::permute", t).ints(dims...).one() }

// Transpose returns a view with two dimensions exchanged.
func (t *Tensor) Transpose(a, b int) *Tensor { return on("aten::transpose.int", t).int(a).int(b).one() }

// T returns the transpose of a matrix, a view.
func (t *Tensor) T() *Tensor { return on("aten::t", t).one() }

// Squeeze returns a view without dimension dim if its size is 1.
func (t *Tensor) Squeeze(dim int) *Tensor { return on("aten::squeeze.dim", t).int(dim).one() }

// Unsqueeze returns a view with a dimension of size 1 inserted at dim.
func (t *Tensor) Unsqueeze(dim int) *Tensor { return on("aten::unsqueeze", t).int(dim).one() }

// Expand returns a view in which dimensions of size 1 are repeated.
func (t *Tensor) Expand(shape ...int) *Tensor {
	return on("aten::expand", t).ints(shape...).bool(false).one()
}

// Narrow returns a view of length elements of dimension dim, from start on.
func (t *Tensor) Narrow(dim, start, length int) *Tensor {
	return on("aten::narrow", t).int(dim).int(start).int(length).one()
}

// Select returns a view of one index of dimension dim, which it removes.
func (t *Tensor) Select(dim, index int) *Tensor {
	return on("aten::select.int", t).int(dim).int(index).one()
}

// IndexSelect returns the entries of dimension dim that index, of int64, names.
func (t *Tensor) IndexSelect(dim int, index *Tensor) *Tensor {
	return on("aten::index_select", t).int(dim).tensor(index).one()
}

// Chunk returns n views of nearly equal size along dim.
func (t *Tensor) Chunk(n, dim int) []*Tensor { return on("aten::chunk", t).int(n).int(dim).list() }

// Split returns views of size entries each along dim; the last may be shorter.
func (t *Tensor) Split(size, dim int) []*Tensor {
	return on("aten::split.Tensor", t).int(size).int(dim).list()
}

// Cat joins tensors along a dimension that they have.
func Cat(ts []*Tensor, dim int) *Tensor { return on("aten::cat").tensors(ts).int(dim).one() }

// Stack joins tensors of one shape along a new dimension.
func Stack(ts []*Tensor, dim int) *Tensor { return on("aten::stack").tensors(ts).int(dim).one() }

// Flip reverses the order along dims.
func (t *Tensor) Flip(dims ...int) *Tensor { return on("aten::flip", t).ints(dims...).one() }

// Clone returns a copy, through which gradients flow.
func (t *Tensor) Clone() *Tensor { return on("aten::clone", t).none().one() }

// Detach returns a view that is not part of the graph.
func (t *Tensor) Detach() *Tensor { return on("aten::detach", t).one() }

// Contiguous returns t in row-major order, copied if it is not already.
func (t *Tensor) Contiguous() *Tensor {
	return on("aten::contiguous", t).int(int(ContiguousFormat)).one()
}

// To returns t on device d, copied if it is not there already.
func (t *Tensor) To(d Device) *Tensor { return t.to(d, false) }

func (t *Tensor) to(d Device, nonBlocking bool) *Tensor {
	dtype := t.DType()
	return on("aten::to.device", t).device(d).dtype(dtype).bool(nonBlocking).bool(false).none().one()
}

// ToNonBlocking is To that does not wait for a copy between host and device: for
// one to the device, t has to be in pinned memory and to stay unchanged until it
// is done (see cuda.Stream.Synchronize); what one to the host brings may only be
// read after that. Other copies wait as in To.
func (t *Tensor) ToNonBlocking(d Device) *Tensor { return t.to(d, true) }

// PinMemory returns a copy of a CPU tensor in pinned memory, which a GPU reads and
// writes while the host goes on; t itself if it is pinned. It needs a GPU.
func (t *Tensor) PinMemory() *Tensor { return on("aten::pin_memory", t).none().one() }

// IsPinned reports whether t is in pinned memory.
func (t *Tensor) IsPinned() bool { return on("aten::is_pinned", t).none().holds() }

// ToDType returns t with elements of type d, copied if they are not already.
func (t *Tensor) ToDType(d DType) *Tensor {
	return on("aten::to.dtype", t).dtype(d).bool(false).bool(false).none().one()
}

// AsStrided returns a view with any sizes and strides into t's storage, from the
// element offset on.
func (t *Tensor) AsStrided(size, stride []int, offset int) *Tensor {
	return on("aten::as_strided", t).ints(size...).ints(stride...).int(offset).one()
}

// Flatten merges the dimensions from start to end, both included, into one.
func (t *Tensor) Flatten(start, end int) *Tensor {
	return on("aten::flatten.using_ints", t).int(start).int(end).one()
}

// Unflatten replaces dimension dim by dimensions of the given sizes; one may be -1.
func (t *Tensor) Unflatten(dim int, sizes ...int) *Tensor {
	return on("aten::unflatten.int", t).int(dim).ints(sizes...).one()
}

// Movedim returns a view with dimension from moved to the place to.
func (t *Tensor) Movedim(from, to int) *Tensor {
	return on("aten::movedim.intlist", t).ints(from).ints(to).one()
}

// Unbind returns a view of each entry of dim, without that dimension.
func (t *Tensor) Unbind(dim int) []*Tensor { return on("aten::unbind.int", t).int(dim).list() }

// SplitSizes returns views of the given sizes along dim, which add up to its size.
func (t *Tensor) SplitSizes(sizes []int, dim int) []*Tensor {
	return on("aten::split_with_sizes", t).ints(sizes...).int(dim).list()
}

// Unfold returns a view of all windows of size entries of dim, step apart, with the
// entries of each window in a new last dimension.
func (t *Tensor) Unfold(dim, size, step int) *Tensor {
	return on("aten::unfold", t).int(dim).int(size).int(step).one()
}

// Diagonal returns a view of the diagonal of the dimensions dim1 and dim2, offset places
// right of the main one, as the last dimension.
func (t *Tensor) Diagonal(offset, dim1, dim2 int) *Tensor {
	return on("aten::diagonal", t).int(offset).int(dim1).int(dim2).one()
}

// Diag returns the diagonal of a matrix, or the matrix with the vector t on its diagonal.
func (t *Tensor) Diag(diagonal int) *Tensor { return on("aten::diag", t).int(diagonal).one() }

// Tril returns the lower triangle of matrices [*, n, m], up to the given diagonal, and
// zeros elsewhere.
func (t *Tensor) Tril(diagonal int) *Tensor { return on("aten::tril", t).int(diagonal).one() }

// Triu returns the upper triangle of matrices [*, n, m], from the given diagonal on, and
// zeros elsewhere.
func (t *Tensor) Triu(diagonal int) *Tensor { return on("aten::triu", t).int(diagonal).one() }

// Pad adds pad[0] elements before and pad[1] after those of the last dimension, pad[2]
// and pad[3] to the one before it, and so on; negative numbers take elements away. mode
// is "constant", which fills with value, "reflect", "replicate" or "circular".
func (t *Tensor) Pad(pad []int, mode string, value float64) *Tensor {
	a := on("aten::pad", t).ints(pad...).string(mode)
	if mode == "constant" {
		return a.double(value).one()
	}
	return a.none().one()
}

// Roll moves the elements by shifts[i] places along dims[i]; those that leave one end
// enter at the other.
func (t *Tensor) Roll(shifts, dims []int) *Tensor {
	return on("aten::roll", t).ints(shifts...).ints(dims...).one()
}

// Repeat returns t repeated times[i] times along dimension i; more numbers than
// dimensions add dimensions in front.
func (t *Tensor) Repeat(times ...int) *Tensor { return on("aten::repeat", t).ints(times...).one() }

// RepeatInterleave returns each entry of dim n times in a row.
func (t *Tensor) RepeatInterleave(n, dim int) *Tensor {
	return on("aten::repeat_interleave.self_int", t).int(n).int(dim).none().one()
}

// BroadcastTo returns a view of t with the given shape; see Expand.
func (t *Tensor) BroadcastTo(shape ...int) *Tensor {
	return on("aten::broadcast_to", t).ints(shape...).one()
}

// BroadcastTensors returns views of all ts with the shape that they have together.
func BroadcastTensors(ts ...*Tensor) []*Tensor {
	return on("aten::broadcast_tensors").tensors(ts).list()
}

// Meshgrid returns for vectors of n, m, … elements one tensor [n, m, …] each, in which
// only the dimension of that vector varies.
func Meshgrid(ts ...*Tensor) []*Tensor {
	return on("aten::meshgrid.indexing").tensors(ts).string("ij").list()
}
