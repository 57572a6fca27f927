// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// PackedSequence holds sequences of different lengths without padding, as the recurrent
// layers take them: the first elements of all sequences, then the second ones of those
// that have one, and so on. The longest sequence comes first.
type PackedSequence struct {
	Data       *torch.Tensor // [elements, *]
	BatchSizes *torch.Tensor // sequences at each step, int64 on the CPU
	Sorted     *torch.Tensor // the number of each sequence before it was packed; nil if they were in this order
	Unsorted   *torch.Tensor // the place of each of those sequences; nil with Sorted
}

// PackPadded packs sequences x [steps, batch, *], or [batch, steps, *] if batchFirst is
// set. lengths are at least 1 and at most steps, in any order.
func PackPadded(x *torch.Tensor, lengths []int, batchFirst bool) *PackedSequence {
	const op = "nn.PackPadded"
	shape, at := x.Shape(), batchDim(batchFirst)
	fit(op, len(shape) >= 2 && len(lengths) > 0 && shape[at] == len(lengths) && slices.Min(lengths) >= 1 && slices.Max(lengths) <= shape[1-at], shape, "there must be a length for each sequence of the batch, from 1 to the number of steps")
	order := make([]int64, len(lengths))
	for i := range order {
		order[i] = int64(i)
	}
	slices.SortStableFunc(order, func(a, b int64) int { return cmp.Compare(lengths[b], lengths[a]) })
	p, sorted, places := &PackedSequence{}, make([]int64, len(lengths)), make([]int64, len(lengths))
	for place, i := range order {
		sorted[place], places[i] = int64(lengths[i]), int64(place)
	}
	if !slices.IsSorted(order) {
		p.Sorted, p.Unsorted = torch.FromSlice(order).To(x.Device()), torch.FromSlice(places).To(x.Device())
		x = x.IndexSelect(at, p.Sorted)
	}
	packed := torch.Call("aten::_pack_padded_sequence", x, torch.FromSlice(sorted), batchFirst)
	p.Data, p.BatchSizes = packed.TensorAt(0), packed.TensorAt(1)
	return p
}

// PadPacked is the reverse of PackPadded: it returns the sequences, padded with value to
// so many steps, or to the longest if steps is 0, and their lengths.
func PadPacked(p *PackedSequence, batchFirst bool, value float64, steps int) (x *torch.Tensor, lengths []int) {
	longest := p.BatchSizes.Numel()
	if steps = cmp.Or(steps, longest); steps < longest {
		throw("nn.PadPacked", "the longest sequence has %d steps, more than %d", longest, steps)
	}
	padded := torch.Call("aten::_pad_packed_sequence", p.Data, p.BatchSizes, batchFirst, value, steps)
	x = padded.TensorAt(0)
	sorted := torch.ToSlice[int64](padded.TensorAt(1))
	lengths = make([]int, len(sorted))
	for place, n := range sorted {
		lengths[place] = int(n)
	}
	if p.Unsorted != nil {
		x = x.IndexSelect(batchDim(batchFirst), p.Unsorted)
		for i, place := range torch.ToSlice[int64](p.Unsorted.To(torch.CPU)) {
			lengths[i] = int(sorted[place])
		}
	}
	return x, lengths
}

// PadSequence puts sequences [steps, *] of different lengths side by side, each padded
// with value to the longest: [steps, batch, *], or [batch, steps, *] if batchFirst is set.
func PadSequence(sequences []*torch.Tensor, batchFirst bool, value float64) *torch.Tensor {
	return torch.Call("aten::pad_sequence", sequences, batchFirst, value).Tensor()
}
