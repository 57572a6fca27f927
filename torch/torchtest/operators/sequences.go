// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package operators

import "github.com/etude-ml/etude/torch"

// sequences returns cases of tables of vectors and of recurrent layers.
func sequences() []Case {
	bags := func(o torch.EmbeddingBagOptions) func(w, i, offsets tensor) tensor {
		return func(w, i, offsets tensor) tensor { return torch.EmbeddingBag(w, i, offsets, o) }
	}
	table, indices, offsets := normal(50, 32), below(50, 200), given([]int64{0, 3, 3, 90})
	return []Case{
		op("Embedding by frequency", "embedding", Sum, func(w, i tensor) tensor {
			return torch.Call("aten::embedding", w, i, -1, true, false).Tensor()
		}, table, indices).grad(Sum),
		op("embedding renorm", "embedding_renorm_", Sum, func(w, i tensor) tensor {
			w = w.Clone()
			torch.Call("aten::embedding_renorm_", w, i, 1.5, 2.0)
			return w
		}, table, indices),
		op("EmbeddingBag", "embedding_bag.padding_idx", Sum, bags(torch.EmbeddingBagOptions{Mode: "mean"}), table, indices, offsets).grad(Sum),
		op("EmbeddingBag of the largest", "embedding_bag.padding_idx", Exact, bags(torch.EmbeddingBagOptions{Mode: "max"}), table, indices, offsets).grad(Sum),
		op("Bilinear layer", "bilinear", Sum, func(a, b, w tensor) tensor { return torch.Bilinear(a, b, w, nil) }, normal(64, 24), normal(64, 32), normal(16, 24, 32)).grad(Sum),
		op("baddbmm", "baddbmm", Sum, func(mask, a, b tensor) tensor { return torch.Call("aten::baddbmm", mask, a, b).Tensor() },
			normal(6, 16, 16), cube, normal(6, 32, 16)).grad(Sum),
	}
}
