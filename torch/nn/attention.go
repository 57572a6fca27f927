// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// MultiheadAttention lets each query gather values, weighted by how well their keys fit,
// in several heads side by side:
//
//	head_i = softmax(q·W_qᵢ·(k·W_kᵢ)ᵀ/√d + mask)·v·W_vᵢ
//	y = concat(head_1, …, head_h)·W_o
//
// with d = embed/heads. From "Attention is all you need", Vaswani et al., 2017.
//
// Shape: queries [queries, batch, embed], keys [keys, batch, kdim] and values [keys, batch,
// vdim] to [queries, batch, embed]; with BatchFirst the batch comes first everywhere, and
// it may be missing everywhere.
//
// Parameters, in order: in_proj_weight [3·embed, embed], for queries, keys and values, or
// if KDim or VDim differ from embed, q_proj_weight [embed, embed], k_proj_weight [embed,
// kdim] and v_proj_weight [embed, vdim], all by [XavierUniform]; unless NoBias
// in_proj_bias [3·embed], zero; with BiasKV bias_k and bias_v [1, 1, embed], by
// [XavierNormal]; out_proj, a [Linear] whose bias is zero. The last is drawn first.
type MultiheadAttention struct {
	Embed, Heads int
	Dropout      float64 // of the weights, in training
	BatchFirst   bool
	ZeroAttn     bool
	Training     bool

	InProjWeight *torch.Tensor // nil where the next three are there
	QProjWeight  *torch.Tensor
	KProjWeight  *torch.Tensor
	VProjWeight  *torch.Tensor
	InProjBias   *torch.Tensor // nil for none
	BiasK, BiasV *torch.Tensor // nil for none
	OutProj      *Linear
}

// MultiheadAttentionConfig holds settings that are rarely changed. The zero value is
// PyTorch's default.
type MultiheadAttentionConfig struct {
	Dropout    float64 // probability with which a weight becomes zero
	NoBias     bool
	BiasKV     bool // adds a key and a value that are trained
	ZeroAttn   bool // adds a key and a value of zeros
	KDim, VDim int  // features of keys and values; 0 stands for those of the queries
	BatchFirst bool
	DType      torch.DType // of the parameters
}

// AttentionMasks say which keys attention leaves out. Those of bools are true where it
// does, and those of numbers are added to the scores. All that are given count.
type AttentionMasks struct {
	// Mask is [queries, keys], or [batch·heads, queries, keys].
	Mask *torch.Tensor
	// Padding, PyTorch's key_padding_mask, is [batch, keys], or [keys] without a batch.
	Padding *torch.Tensor
	// Causal leaves out the keys behind each query's own place. No Mask is needed.
	Causal bool
}

// NewMultiheadAttention returns an attention of so many heads, which divide the features
// embed, on device d.
func NewMultiheadAttention(embed, heads int, d torch.Device, c ...MultiheadAttentionConfig) *MultiheadAttention {
	const op = "nn.MultiheadAttention"
	config := optional(c, MultiheadAttentionConfig{})
	positive(op, "embed", embed)
	positive(op, "heads", heads)
	probability(op, "Dropout", config.Dropout)
	must(op, embed%heads == 0, "%d features cannot be divided by %d heads", embed, heads)
	config.KDim, config.VDim = cmp.Or(config.KDim, embed), cmp.Or(config.VDim, embed)
	positive(op, "KDim or VDim", min(config.KDim, config.VDim))
	l := &MultiheadAttention{
		Embed: embed, Heads: heads, Dropout: config.Dropout, BatchFirst: config.BatchFirst, ZeroAttn: config.ZeroAttn, Training: true,
		OutProj: NewLinear(embed, embed, d, LinearConfig{NoBias: config.NoBias, DType: config.DType}),
	}
	project := func(out, in int) *torch.Tensor {
		return newParameter(d, config.DType, func(w *torch.Tensor) { XavierUniform(w, 1) }, out, in)
	}
	if config.KDim == embed && config.VDim == embed {
		l.InProjWeight = project(3*embed, embed)
	} else {
		l.QProjWeight, l.KProjWeight, l.VProjWeight = project(embed, embed), project(embed, config.KDim), project(embed, config.VDim)
	}
	if !config.NoBias {
		l.InProjBias = constantParameter(d, config.DType, 0, 3*embed)
		Constant(l.OutProj.Bias, 0)
	}
	if config.BiasKV {
		bias := func(w *torch.Tensor) { XavierNormal(w, 1) }
		l.BiasK, l.BiasV = newParameter(d, config.DType, bias, 1, 1, embed), newParameter(d, config.DType, bias, 1, 1, embed)
	}
	return l
}

// Forward returns what the queries q gather from the values v with the keys k. All three
// are the same tensor for self-attention, whose projections are then one product.
func (l *MultiheadAttention) Forward(q, k, v *torch.Tensor) *torch.Tensor {
	return l.ForwardMasked(q, k, v, AttentionMasks{})
}

// ForwardMasked is Forward with masks.
func (l *MultiheadAttention) ForwardMasked(q, k, v *torch.Tensor, m AttentionMasks) *torch.Tensor {
	y, _ := l.attend(q, k, v, m, false)
	return y
}

// ForwardWeights is ForwardMasked that also returns the weights, after dropout: of each
// head, [batch, heads, queries, keys], or their average over the heads, [batch, queries,
// keys]; without batch if q has none. BiasKV and ZeroAttn add one key each.
func (l *MultiheadAttention) ForwardWeights(q, k, v *torch.Tensor, m AttentionMasks, average bool) (y, weights *torch.Tensor) {
	y, weights = l.attend(q, k, v, m, true)
	if average {
		weights = weights.Mean(1)
	}
	if q.Dim() == 2 {
		weights = weights.Squeeze(0)
	}
	return y, weights
}

// attend returns the output, and the weights [batch, heads, queries, keys] if they are
// wanted. It computes with the batch second, as PyTorch does: the order of the elements
// in memory decides which of them the dropout of the next layer meets.
func (l *MultiheadAttention) attend(q, k, v *torch.Tensor, m AttentionMasks, wanted bool) (y, weights *torch.Tensor) {
	l.check(q, k, v)
	batched, self := q.Dim() == 3, q == k && k == v
	arrange := func(x *torch.Tensor) *torch.Tensor {
		switch {
		case !batched:
			return x.Unsqueeze(1)
		case l.BatchFirst:
			return x.Transpose(0, 1)
		}
		return x
	}
	q = arrange(q)
	if self {
		k, v = q, q
	} else {
		k, v = arrange(k), arrange(v)
	}
	if !batched && m.Padding != nil && m.Padding.Dim() == 1 {
		m.Padding = m.Padding.Unsqueeze(0)
	}
	queries, batch, keys, in := q.Size(0), q.Size(1), k.Size(0), q
	q, k, v = l.project(q, k, v, self)
	k, v = l.extend(k, l.BiasK), l.extend(v, l.BiasV)
	mask := l.merge(m, in, keys, k.Size(0)-keys, !wanted)
	size := l.Embed / l.Heads
	heads := func(x *torch.Tensor) *torch.Tensor {
		return x.Reshape(x.Size(0), batch, l.Heads, size).Permute(1, 2, 0, 3)
	}
	q, k, v = heads(q), heads(k), heads(v)
	dropout := 0.0
	if l.Training {
		dropout = l.Dropout
	}
	if wanted {
		flat := func(x *torch.Tensor) *torch.Tensor { return x.Flatten(0, 1) }
		apart := func(x *torch.Tensor) *torch.Tensor { return x.Reshape(batch, l.Heads, queries, -1) }
		q, k = flat(q).MulScalar(math.Sqrt(1/float64(size))), flat(k).Transpose(1, 2)
		var scores *torch.Tensor
		if mask == nil {
			scores = q.Bmm(k)
		} else {
			mask = flat(mask.Expand(batch, l.Heads, queries, k.Size(2)))
			scores = torch.Call("aten::baddbmm", mask, q, k).Tensor()
		}
		weights = torch.Dropout(scores.Softmax(-1), dropout, true)
		y, weights = apart(weights.Bmm(flat(v))), apart(weights)
	} else {
		// Without a mask, the operator knows a faster way to be causal.
		y = torch.ScaledDotProductAttention(q, k, v, torch.AttentionOptions{Mask: mask, Dropout: dropout, Causal: m.Causal && mask == nil})
	}
	y = l.OutProj.Forward(y.Permute(2, 0, 1, 3).Reshape(queries, batch, l.Embed))
	switch {
	case !batched:
		y = y.Squeeze(1)
	case l.BatchFirst:
		y = y.Transpose(0, 1)
	}
	return y, weights
}

// project returns queries, keys and values [*, batch, embed].
func (l *MultiheadAttention) project(q, k, v *torch.Tensor, self bool) (*torch.Tensor, *torch.Tensor, *torch.Tensor) {
	weights, biases := []*torch.Tensor{l.QProjWeight, l.KProjWeight, l.VProjWeight}, make([]*torch.Tensor, 3)
	if l.InProjWeight != nil {
		if self {
			all := torch.Linear(q, l.InProjWeight, l.InProjBias).Chunk(3, -1)
			return all[0], all[1], all[2]
		}
		weights = l.InProjWeight.Chunk(3, 0)
	}
	if l.InProjBias != nil {
		biases = l.InProjBias.Chunk(3, 0)
	}
	return torch.Linear(q, weights[0], biases[0]), torch.Linear(k, weights[1], biases[1]), torch.Linear(v, weights[2], biases[2])
}

// extend adds the keys or values of BiasKV and ZeroAttn to x [keys, batch, embed].
func (l *MultiheadAttention) extend(x, bias *torch.Tensor) *torch.Tensor {
	all, one := []*torch.Tensor{x}, []int{1, x.Size(1), l.Embed}
	if bias != nil {
		all = append(all, bias.Expand(one...))
	}
	if l.ZeroAttn {
		all = append(all, torch.Zeros(one, torch.Options{DType: x.DType(), Device: x.Device()}))
	}
	if len(all) == 1 {
		return x
	}
	return torch.Cat(all, 0)
}

// merge returns the sum of the masks, which broadcasts to [batch, heads, queries, keys],
// with the extra keys that extend adds; nil for none. With alone, a causal mask that would
// be the only one is left to the operator.
func (l *MultiheadAttention) merge(m AttentionMasks, q *torch.Tensor, keys, extra int, alone bool) *torch.Tensor {
	queries, batch := q.Size(0), q.Size(1)
	var sum *torch.Tensor
	add := func(mask *torch.Tensor, want, as []int) {
		got := mask.Shape()
		fit("nn.MultiheadAttention", slices.Equal(got, want), got, "the mask must have the shape %v", want)
		mask = additive(mask, q.DType()).Reshape(as...)
		if sum != nil {
			mask = sum.Add(mask)
		}
		sum = mask
	}
	if m.Mask != nil && m.Mask.Dim() == 3 {
		add(m.Mask, []int{batch * l.Heads, queries, keys}, []int{batch, l.Heads, queries, keys})
	} else if m.Mask != nil {
		add(m.Mask, []int{queries, keys}, []int{queries, keys})
	}
	if m.Padding != nil {
		add(m.Padding, []int{batch, keys}, []int{batch, 1, 1, keys})
	}
	if m.Causal && (sum != nil || extra > 0 || !alone) {
		add(CausalMask(queries, keys, torch.Options{Device: q.Device()}), []int{queries, keys}, []int{queries, keys})
	}
	if sum != nil && extra > 0 {
		sum = sum.Pad([]int{0, extra}, "constant", 0)
	}
	return sum
}

func (l *MultiheadAttention) check(q, k, v *torch.Tensor) {
	kdim, vdim := l.Embed, l.Embed
	if l.InProjWeight == nil {
		kdim, vdim = l.KProjWeight.Size(1), l.VProjWeight.Size(1)
	}
	shapes := [][]int{q.Shape(), k.Shape(), v.Shape()}
	n := len(shapes[0])
	ok := n == 2 || n == 3
	for i, features := range []int{l.Embed, kdim, vdim} {
		ok = ok && len(shapes[i]) == n && shapes[i][n-1] == features
	}
	ok = ok && slices.Equal(shapes[1][:n-1], shapes[2][:n-1])
	if at := batchDim(l.BatchFirst); ok && n == 3 {
		ok = shapes[0][at] == shapes[1][at]
	}
	if !ok {
		want := "[queries, batch, %d], [keys, batch, %d] and [keys, batch, %d]"
		if l.BatchFirst {
			want = "[batch, queries, %d], [batch, keys, %d] and [batch, keys, %d]"
		}
		panic(&torch.Error{Op: "nn.MultiheadAttention", Shapes: shapes, Message: fmt.Sprintf(
			"queries, keys and values must have the shapes "+want+", or all without the batch", l.Embed, kdim, vdim)})
	}
}

// CausalMask returns a mask [queries, keys] of bools, true where a key lies behind the
// query's own place.
func CausalMask(queries, keys int, o torch.Options) *torch.Tensor {
	o.DType = torch.Bool
	return torch.Full([]int{queries, keys}, true, o).Triu(1)
}

// additive returns a mask that is added to scores: bools become -∞ and 0.
func additive(mask *torch.Tensor, d torch.DType) *torch.Tensor {
	if mask.DType() != torch.Bool {
		return mask
	}
	return torch.Zeros(mask.Shape(), torch.Options{DType: d, Device: mask.Device()}).MaskedFill(mask, math.Inf(-1))
}
