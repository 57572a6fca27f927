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
