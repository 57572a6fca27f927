// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// TransformerConfig holds the settings of the layers of a transformer. Start from
// [DefaultTransformer]; a Dropout or Eps of 0 is 0.
type TransformerConfig struct {
	Feedforward int     // features between the two linear layers; 0 stands for 2048
	Dropout     float64 // of the weights of attention, and of what each part adds
	Activation  Module  // between the linear layers; nil stands for ReLU
	Eps         float64 // of the layer norms
	BatchFirst  bool
	NormFirst   bool // normalises what goes into each part, and not the sum behind it
	NoBias      bool
	DType       torch.DType // of the parameters
}

// DefaultTransformer returns PyTorch's settings: 2048 features, Dropout 0.1, ReLU and Eps
// 1e-5. They are those of the constructors without settings.
func DefaultTransformer() TransformerConfig {
	return TransformerConfig{Feedforward: 2048, Dropout: 0.1, Eps: 1e-5}
}

func (c TransformerConfig) attention(model, heads int, d torch.Device) *MultiheadAttention {
	return NewMultiheadAttention(model, heads, d, MultiheadAttentionConfig{Dropout: c.Dropout, NoBias: c.NoBias, BatchFirst: c.BatchFirst, DType: c.DType})
}

// linear returns the two linear layers.
func (c TransformerConfig) linear(op string, model int, d torch.Device) (first, second *Linear) {
	wide := cmp.Or(c.Feedforward, DefaultTransformer().Feedforward)
	positive(op, "Feedforward", wide)
	settings := LinearConfig{NoBias: c.NoBias, DType: c.DType}
	return NewLinear(model, wide, d, settings), NewLinear(wide, model, d, settings)
}

func (c TransformerConfig) norm(model int, d torch.Device) *LayerNorm {
	return NewLayerNorm([]int{model}, d, LayerNormConfig{Eps: c.Eps, NoBias: c.NoBias, DType: c.DType})
}

func (c TransformerConfig) activation() Module { return cmp.Or(c.Activation, Module(ReLU{})) }

// residual adds to x what a part makes of it, and normalises before or behind.
func residual(x *torch.Tensor, normFirst bool, norm *LayerNorm, part func(x *torch.Tensor) *torch.Tensor) *torch.Tensor {
	if normFirst {
		return x.Add(part(norm.Forward(x)))
	}
	return norm.Forward(x.Add(part(x)))
}

// TransformerEncoderLayer is self-attention and two linear layers, each with dropout, a
// sum with its input and a layer norm. From "Attention is all you need", Vaswani et al.,
// 2017; NormFirst is from "On layer normalization in the transformer architecture", Xiong
// et al., 2020.
//
// Shape: [steps, batch, model], or [batch, steps, model] with BatchFirst, or without batch
// [steps, model], to the same.
//
// Parameters, in order: self_attn, a [MultiheadAttention], linear1, linear2, norm1 and
// norm2, with the initial values of these layers.
type TransformerEncoderLayer struct {
	SelfAttn         *MultiheadAttention
	Linear1, Linear2 *Linear
	Norm1, Norm2     *LayerNorm
	Activation       Module
	Dropout          *Dropout
	NormFirst        bool
}

// NewTransformerEncoderLayer returns a layer of so many features and heads, on device d.
func NewTransformerEncoderLayer(model, heads int, d torch.Device, c ...TransformerConfig) *TransformerEncoderLayer {
	config := optional(c, DefaultTransformer())
	l := &TransformerEncoderLayer{SelfAttn: config.attention(model, heads, d), Activation: config.activation(),
		Dropout: NewDropout(config.Dropout), NormFirst: config.NormFirst}
	l.Linear1, l.Linear2 = config.linear("nn.TransformerEncoderLayer", model, d)
	l.Norm1, l.Norm2 = config.norm(model, d), config.norm(model, d)
	return l
}

// Forward returns the encoded x.
func (l *TransformerEncoderLayer) Forward(x *torch.Tensor) *torch.Tensor {
	return l.ForwardMasked(x, AttentionMasks{})
}

// ForwardMasked is Forward with masks.
func (l *TransformerEncoderLayer) ForwardMasked(x *torch.Tensor, m AttentionMasks) *torch.Tensor {
	x = residual(x, l.NormFirst, l.Norm1, func(x *torch.Tensor) *torch.Tensor {
		return l.Dropout.Forward(l.SelfAttn.ForwardMasked(x, x, x, m))
	})
	return residual(x, l.NormFirst, l.Norm2, func(x *torch.Tensor) *torch.Tensor {
		x = l.Dropout.Forward(l.Activation.Forward(l.Linear1.Forward(x)))
		return l.Dropout.Forward(l.Linear2.Forward(x))
	})
}

// TransformerDecoderLayer is self-attention, attention to the memory that an encoder has
// left, and two linear layers, each as in [TransformerEncoderLayer].
//
// Shape: x [steps, batch, model] and memory [keys, batch, model] to the shape of x; with
// BatchFirst the batch comes first, and it may be missing.
//
// Parameters, in order: self_attn, multihead_attn, linear1, linear2, norm1, norm2 and
// norm3.
type TransformerDecoderLayer struct {
	SelfAttn, MultiheadAttn *MultiheadAttention
	Linear1, Linear2        *Linear
	Norm1, Norm2, Norm3     *LayerNorm
	Activation              Module
	Dropout                 *Dropout
	NormFirst               bool
}

// NewTransformerDecoderLayer returns a layer of so many features and heads, on device d.
func NewTransformerDecoderLayer(model, heads int, d torch.Device, c ...TransformerConfig) *TransformerDecoderLayer {
	config := optional(c, DefaultTransformer())
	l := &TransformerDecoderLayer{SelfAttn: config.attention(model, heads, d), MultiheadAttn: config.attention(model, heads, d),
		Activation: config.activation(), Dropout: NewDropout(config.Dropout), NormFirst: config.NormFirst}
	l.Linear1, l.Linear2 = config.linear("nn.TransformerDecoderLayer", model, d)
	l.Norm1, l.Norm2, l.Norm3 = config.norm(model, d), config.norm(model, d), config.norm(model, d)
	return l
}

// Forward returns what x becomes with a memory.
func (l *TransformerDecoderLayer) Forward(x, memory *torch.Tensor) *torch.Tensor {
	return l.ForwardMasked(x, memory, AttentionMasks{}, AttentionMasks{})
}

// ForwardMasked is Forward with masks of the self-attention, and of that to the memory.
func (l *TransformerDecoderLayer) ForwardMasked(x, memory *torch.Tensor, self, toMemory AttentionMasks) *torch.Tensor {
	x = residual(x, l.NormFirst, l.Norm1, func(x *torch.Tensor) *torch.Tensor {
		return l.Dropout.Forward(l.SelfAttn.ForwardMasked(x, x, x, self))
	})
	x = residual(x, l.NormFirst, l.Norm2, func(x *torch.Tensor) *torch.Tensor {
		return l.Dropout.Forward(l.MultiheadAttn.ForwardMasked(x, memory, memory, toMemory))
	})
	return residual(x, l.NormFirst, l.Norm3, func(x *torch.Tensor) *torch.Tensor {
		x = l.Dropout.Forward(l.Activation.Forward(l.Linear1.Forward(x)))
		return l.Dropout.Forward(l.Linear2.Forward(x))
	})
}

// TransformerEncoder is a stack of layers.
//
// Shape: that of [TransformerEncoderLayer].
//
// Parameters, in order: layers.0, layers.1 and so on, and norm.
type TransformerEncoder struct {
	Layers []*TransformerEncoderLayer
	Norm   *LayerNorm // behind the last layer; nil for none
}

// NewTransformerEncoder returns a stack of n copies of a layer, which begin with its
// values. norm may be nil.
func NewTransformerEncoder(layer *TransformerEncoderLayer, n int, norm *LayerNorm) *TransformerEncoder {
	return &TransformerEncoder{copies("nn.TransformerEncoder", layer, n), norm}
}

// Forward returns the encoded x.
func (l *TransformerEncoder) Forward(x *torch.Tensor) *torch.Tensor {
	return l.ForwardMasked(x, AttentionMasks{})
}

// ForwardMasked is Forward with masks, for each layer the same.
func (l *TransformerEncoder) ForwardMasked(x *torch.Tensor, m AttentionMasks) *torch.Tensor {
	for _, layer := range l.Layers {
		x = layer.ForwardMasked(x, m)
	}
	return normalised(x, l.Norm)
}

// TransformerDecoder is a stack of layers.
//
// Shape: that of [TransformerDecoderLayer].
//
// Parameters, in order: layers.0, layers.1 and so on, and norm.
type TransformerDecoder struct {
	Layers []*TransformerDecoderLayer
	Norm   *LayerNorm // behind the last layer; nil for none
}

// NewTransformerDecoder returns a stack of n copies of a layer, which begin with its
// values. norm may be nil.
func NewTransformerDecoder(layer *TransformerDecoderLayer, n int, norm *LayerNorm) *TransformerDecoder {
	return &TransformerDecoder{copies("nn.TransformerDecoder", layer, n), norm}
}

// Forward returns what x becomes with a memory.
func (l *TransformerDecoder) Forward(x, memory *torch.Tensor) *torch.Tensor {
	return l.ForwardMasked(x, memory, AttentionMasks{}, AttentionMasks{})
}

// ForwardMasked is Forward with masks of the self-attention, and of that to the memory,
// for each layer the same.
func (l *TransformerDecoder) ForwardMasked(x, memory *torch.Tensor, self, toMemory AttentionMasks) *torch.Tensor {
	for _, layer := range l.Layers {
		x = layer.ForwardMasked(x, memory, self, toMemory)
	}
	return normalised(x, l.Norm)
}

// Transformer is an encoder, and a decoder that has the encoded source as its memory.
//
// Shape: source [steps, batch, model] and target [steps', batch, model] to the shape of
// target; with BatchFirst the batch comes first, and it may be missing.
//
// Parameters, in order: encoder and decoder, each with a norm. All that have two
// dimensions are drawn by [XavierUniform] once the layers are there.
type Transformer struct {
	Encoder *TransformerEncoder
	Decoder *TransformerDecoder
}

// TransformerMasks are the masks of a [Transformer].
type TransformerMasks struct {
	Source AttentionMasks // within the source
	Target AttentionMasks // within the target
	Memory AttentionMasks // from the target to the source
}

// NewTransformer returns a transformer of so many features, heads and layers, on device d.
func NewTransformer(model, heads, encoderLayers, decoderLayers int, d torch.Device, c ...TransformerConfig) *Transformer {
	config := optional(c, DefaultTransformer())
	encoder := NewTransformerEncoderLayer(model, heads, d, config)
	decoder := NewTransformerDecoderLayer(model, heads, d, config)
	t := &Transformer{
		Encoder: NewTransformerEncoder(encoder, encoderLayers, config.norm(model, d)),
		Decoder: NewTransformerDecoder(decoder, decoderLayers, config.norm(model, d)),
	}
	for _, p := range slices.Concat(Parameters(encoder), Parameters(decoder)) {
		p.Close()
	}
	for _, p := range Parameters(t) {
		if p.Dim() > 1 {
			redraw(p, func(w *torch.Tensor) { XavierUniform(w, 1) })
		}
	}
	return t
}

// Forward returns what the target becomes with the source.
func (t *Transformer) Forward(source, target *torch.Tensor) *torch.Tensor {
	return t.ForwardMasked(source, target, TransformerMasks{})
}

// ForwardMasked is Forward with masks.
func (t *Transformer) ForwardMasked(source, target *torch.Tensor, m TransformerMasks) *torch.Tensor {
	return t.Decoder.ForwardMasked(target, t.Encoder.ForwardMasked(source, m.Source), m.Target, m.Memory)
}

// copies returns n copies of a layer.
func copies[L any](op string, layer *L, n int) []*L {
	positive(op, "the number of layers", n)
	layers := make([]*L, n)
	for i := range layers {
		layers[i] = Clone(layer)
	}
	return layers
}

func normalised(x *torch.Tensor, norm *LayerNorm) *torch.Tensor {
	if norm == nil {
		return x
	}
	return norm.Forward(x)
}
