// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

var embeddingModules = moduleTable{
	"Embedding": func(c moduleCase) any {
		config := embeddingConfig(c, 3)
		if p, ok := c.value(2, "padding_idx").(int); ok {
			config.Padding = &p
		}
		return nn.NewEmbedding(c.int(0, "num_embeddings", 0), c.int(1, "embedding_dim", 0), torch.CPU, config)
	},
	"EmbeddingBag": func(c moduleCase) any {
		config := nn.EmbeddingBagConfig{EmbeddingConfig: embeddingConfig(c, 2), Mode: c.string(5, "mode", ""), IncludeLastOffset: c.bool(8, "include_last_offset", false)}
		if p, ok := c.value(9, "padding_idx").(int); ok {
			config.Padding = &p
		}
		l := nn.NewEmbeddingBag(c.int(0, "num_embeddings", 0), c.int(1, "embedding_dim", 0), torch.CPU, config)
		return called{l, func(in arguments) []*torch.Tensor {
			return []*torch.Tensor{l.ForwardBags(in.tensor(0, ""), in.tensor(1, ""), in.tensor(2, ""))}
		}}
	},
	"Bilinear": func(c moduleCase) any {
		return nn.NewBilinear(c.int(0, "in1_features", 0), c.int(1, "in2_features", 0), c.int(2, "out_features", 0), torch.CPU,
			nn.LinearConfig{NoBias: !c.bool(3, "bias", true), DType: c.dtype})
	},
}

// embeddingConfig reads the arguments that begin with max_norm, the i-th one.
func embeddingConfig(c moduleCase, i int) nn.EmbeddingConfig {
	return nn.EmbeddingConfig{MaxNorm: c.float(i, "max_norm", 0), NormType: c.float(i+1, "norm_type", 2),
		ScaleGradByFreq: c.bool(i+2, "scale_grad_by_freq", false), DType: c.dtype}
}
