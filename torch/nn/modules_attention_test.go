// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

var attentionModules = moduleTable{
	"MultiheadAttention": func(c moduleCase) any {
		l := nn.NewMultiheadAttention(c.int(0, "embed_dim", 0), c.int(1, "num_heads", 0), torch.CPU, nn.MultiheadAttentionConfig{
			Dropout: c.float(2, "dropout", 0), NoBias: !c.bool(3, "bias", true), BiasKV: c.bool(4, "add_bias_kv", false),
			ZeroAttn: c.bool(5, "add_zero_attn", false), KDim: c.int(6, "kdim", 0), VDim: c.int(7, "vdim", 0),
			BatchFirst: c.bool(8, "batch_first", false), DType: c.dtype,
		})
		return called{l, func(in arguments) []*torch.Tensor {
			q, k, v, m := in.tensor(0, ""), in.tensor(1, ""), in.tensor(2, ""), in.masks("attn_mask", "key_padding_mask")
			if !in.bool(-1, "need_weights", true) {
				return []*torch.Tensor{l.ForwardMasked(q, k, v, m)}
			}
			y, weights := l.ForwardWeights(q, k, v, m, in.bool(-1, "average_attn_weights", true))
			return []*torch.Tensor{y, weights}
		}}
	},
	"TransformerEncoderLayer": func(c moduleCase) any {
		l := nn.NewTransformerEncoderLayer(c.int(0, "d_model", 0), c.int(1, "nhead", 0), torch.CPU, transformerConfig(c, 2))
		return called{l, func(in arguments) []*torch.Tensor {
			return []*torch.Tensor{l.ForwardMasked(in.tensor(0, ""), in.masks("src_mask", "src_key_padding_mask"))}
		}}
	},
	"TransformerDecoderLayer": func(c moduleCase) any {
		l := nn.NewTransformerDecoderLayer(c.int(0, "d_model", 0), c.int(1, "nhead", 0), torch.CPU, transformerConfig(c, 2))
		return called{l, func(in arguments) []*torch.Tensor {
			return []*torch.Tensor{l.ForwardMasked(in.tensor(0, ""), in.tensor(1, ""), in.masks("tgt_mask", "tgt_key_padding_mask"),
				in.masks("memory_mask", "memory_key_padding_mask"))}
		}}
	},
	"TransformerEncoder": func(c moduleCase) any {
		model, heads, config := layerArgument(c)
		layer := nn.NewTransformerEncoderLayer(model, heads, torch.CPU, config)
		loadArgument(c, 0, layer)
		l := nn.NewTransformerEncoder(layer, c.int(1, "num_layers", 0), normArgument(c, model))
		return called{l, func(in arguments) []*torch.Tensor {
			return []*torch.Tensor{l.ForwardMasked(in.tensor(0, ""), in.masks("mask", "src_key_padding_mask"))}
		}}
	},
	"TransformerDecoder": func(c moduleCase) any {
		model, heads, config := layerArgument(c)
		layer := nn.NewTransformerDecoderLayer(model, heads, torch.CPU, config)
		loadArgument(c, 0, layer)
		l := nn.NewTransformerDecoder(layer, c.int(1, "num_layers", 0), normArgument(c, model))
		return called{l, func(in arguments) []*torch.Tensor {
			return []*torch.Tensor{l.ForwardMasked(in.tensor(0, ""), in.tensor(1, ""), in.masks("tgt_mask", "tgt_key_padding_mask"),
				in.masks("memory_mask", "memory_key_padding_mask"))}
		}}
	},
	"Transformer": func(c moduleCase) any {
		l := nn.NewTransformer(c.int(0, "d_model", 512), c.int(1, "nhead", 8), c.int(2, "num_encoder_layers", 6), c.int(3, "num_decoder_layers", 6),
			torch.CPU, transformerConfig(c, 4))
		return called{l, func(in arguments) []*torch.Tensor {
			return []*torch.Tensor{l.ForwardMasked(in.tensor(0, ""), in.tensor(1, ""), nn.TransformerMasks{
				Source: in.masks("src_mask", "src_key_padding_mask"), Target: in.masks("tgt_mask", "tgt_key_padding_mask"),
				Memory: in.masks("memory_mask", "memory_key_padding_mask"),
			})}
		}}
	},
}

// transformerConfig reads the arguments that begin with dim_feedforward, the i-th one.
func transformerConfig(c moduleCase, i int) nn.TransformerConfig {
	activation := map[string]nn.Module{"relu": nil, "gelu": nn.GELU{}}[c.string(i+2, "activation", "relu")]
	return nn.TransformerConfig{
		Feedforward: c.int(i, "dim_feedforward", 2048), Dropout: c.float(i+1, "dropout", 0.1), Activation: activation,
		Eps: c.float(i+3, "layer_norm_eps", 1e-5), BatchFirst: c.bool(i+4, "batch_first", false), NormFirst: c.bool(i+5, "norm_first", false),
		NoBias: !c.bool(i+6, "bias", true), DType: c.dtype,
	}
}

// layerArgument returns the arguments of the layer that a stack was made of.
func layerArgument(c moduleCase) (model, heads int, config nn.TransformerConfig) {
	layer := c.value(0, "layer").(*torch.Dict)
	settings := moduleCase{t: c.t, named: torchtest.Entry[*torch.Dict](c.t, layer, "settings")}
	config = nn.TransformerConfig{
		Feedforward: settings.int(-1, "linear1.out_features", 0), Dropout: settings.float(-1, "dropout.p", 0), Eps: settings.float(-1, "norm1.eps", 0),
		BatchFirst: settings.bool(-1, "self_attn.batch_first", false), NormFirst: settings.bool(-1, ".norm_first", false), DType: c.dtype,
	}
	if settings.int(-1, ".activation_relu_or_gelu", 1) == 2 {
		config.Activation = nn.GELU{}
	}
	_, biased := torchtest.Entry[*torch.Dict](c.t, layer, "state").Get("linear1.bias")
	config.NoBias = !biased
	return settings.int(-1, "linear1.in_features", 0), settings.int(-1, "self_attn.num_heads", 0), config
}

// normArgument returns the norm of a stack, nil for none.
func normArgument(c moduleCase, model int) *nn.LayerNorm {
	if c.value(2, "norm") == nil {
		return nil
	}
	config := nn.DefaultLayerNorm()
	config.DType = c.dtype
	return nn.NewLayerNorm([]int{model}, torch.CPU, config)
}

// loadArgument loads the state of the i-th argument, a module.
func loadArgument(c moduleCase, i int, module any) {
	require.NoError(c.t, nn.LoadStateDict(module, torchtest.Entry[*torch.Dict](c.t, c.value(i, "").(*torch.Dict), "state")))
}

// called is a module with a function that calls it with Python's arguments.
type called struct {
	M any
	f func(in arguments) []*torch.Tensor
}

func (m called) NamedTensors() []nn.NamedTensor { return nn.NamedTensors(m.M) }

func (m called) run(c moduleCase, inputs []any, named *torch.Dict) []*torch.Tensor {
	return m.f(arguments{moduleCase{c.t, inputs, named, c.dtype}})
}

// arguments are those of a call.
type arguments struct{ moduleCase }

func (a arguments) masks(mask, padding string) nn.AttentionMasks {
	return nn.AttentionMasks{Mask: a.tensor(-1, mask), Padding: a.tensor(-1, padding)}
}
