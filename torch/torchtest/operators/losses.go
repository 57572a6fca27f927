// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package operators

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// moreLosses returns cases of the losses that stand in no list of golden answers: nn's tests
// compare them with PyTorch.
func moreLosses() []Case {
	classes, z, mean := below(width, batch), normal(batch, width), torch.ReduceMean
	signs := func(shape ...int) Maker { return func() tensor { return torch.Randn(shape).Sign() } }
	loss := func(name, ops string, kind Kind, f any, in ...Maker) Case {
		return op(name, ops, kind, f, in...).grad(kind)
	}
	labels := func() tensor { // two classes of each row, then -1
		rows := make([]int64, batch*width)
		for i := range rows {
			rows[i] = -1
		}
		for i := range batch {
			rows[i*width], rows[i*width+1] = int64(i), int64(i+batch)
		}
		return torch.FromSlice(rows, batch, width)
	}
	const steps, sequences, spelled, letters = 10, 8, 4, 16
	words := func() tensor { return below(letters-1, sequences*spelled)().AddScalar(1).Reshape(sequences, spelled) }
	return []Case{
		loss("SmoothL1Loss", "smooth_l1_loss", Sum, func(a, b tensor) tensor { return torch.SmoothL1Loss(a, b, mean, 0.7) }, x, y),
		loss("NLLLoss", "nll_loss_nd", Sum, func(x, y, w tensor) tensor { return torch.NLLLoss(x, y, w.Detach(), mean, 3) }, logShares, classes, divisor),
		loss("PoissonNLLLoss", "poisson_nll_loss", Sum, func(a, b tensor) tensor { return torch.PoissonNLLLoss(a, b.Detach(), true, true, 1e-8, mean) }, x, away),
		loss("PoissonNLLLoss of rates", "poisson_nll_loss", Sum,
			func(a, b tensor) tensor { return torch.PoissonNLLLoss(a, b.Detach(), false, false, 1e-8, mean) }, away, away),
		loss("HingeEmbeddingLoss", "hinge_embedding_loss", Sum,
			func(a, b tensor) tensor { return torch.HingeEmbeddingLoss(a, b.Detach(), 0.7, mean) }, x, signs(batch, width)),
		loss("CosineEmbeddingLoss", "cosine_embedding_loss", Chain,
			func(a, b, t tensor) tensor { return torch.CosineEmbeddingLoss(a, b, t.Detach(), 0.1, mean) }, x, y, signs(batch)),
		loss("MarginRankingLoss", "margin_ranking_loss", Sum,
			func(a, b, t tensor) tensor { return torch.MarginRankingLoss(a, b, t.Detach(), 0.1, mean) }, x, y, signs(batch, width)),
		loss("MultiLabelMarginLoss", "multilabel_margin_loss", Sum, func(a, b tensor) tensor { return torch.MultiLabelMarginLoss(a, b, mean) }, x, labels),
		loss("MultiMarginLoss", "multi_margin_loss", Sum,
			func(a, b, w tensor) tensor { return torch.MultiMarginLoss(a, b, 2, 0.7, w.Detach(), mean) }, x, classes, divisor),
		loss("SoftMarginLoss", "soft_margin_loss", Sum, func(a, b tensor) tensor { return torch.SoftMarginLoss(a, b.Detach(), mean) }, x, signs(batch, width)),
		loss("TripletMarginLoss", "triplet_margin_loss", Chain,
			func(a, b, c tensor) tensor { return torch.TripletMarginLoss(a, b, c, 3, 2, 1e-6, true, mean) }, x, y, z),
		loss("GaussianNLLLoss", "clamp_min_", Sum, func(a, b, v tensor) tensor { return nn.GaussianNLLLoss(a, b, v) }, x, y, away),
		op("the orthogonal factor", "linalg_qr", Chain, func(x tensor) tensor {
			factors := torch.Call("aten::linalg_qr", x, "reduced")
			return factors.TensorAt(0).Mul(factors.TensorAt(1).Diag(0).Sign()) // their signs differ between devices
		}, normal(width, batch/4)),
		loss("CTCLoss", "ctc_loss.IntList", Chain, func(x, y tensor) tensor {
			lengths := func(n int) []int { return []int{n, n, n - 1, n, n - 2, n, n, n} }
			return torch.CTCLoss(x.LogSoftmax(2), y, lengths(steps), lengths(spelled), 0, mean, true)
		}, normal(steps, sequences, letters), words),
	}
}
