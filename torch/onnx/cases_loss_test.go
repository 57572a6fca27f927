// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import "github.com/etude-ml/etude/torch"

// lossCases are the networks of operatorCases for losses.
func lossCases() map[string]forward {
	type t = *torch.Tensor
	type opts = torch.Named
	m, v4, v6, target := torch.Randn([]int{4, 6}), torch.Randn([]int{4}), torch.Randn([]int{6}), torch.Rand([]int{4, 6})
	classes := torch.FromSlice([]int64{3, 0, 5, 1})
	fixed := func(x t) t { return x.Select(0, 0) } // [4, 6]
	vector := func(x t) t { return fixed(x).Select(0, 1) }
	all := map[string]forward{}
	first := func(name string, args ...any) t { return torch.Call(name, args...).At(0).(t) }
	// on has a network that gives the operator the first sample and other arguments, with a
	// reduction.
	on := func(reduction, op string, args ...any) {
		all[op+reduction] = func(x t) t { return first("aten::"+op, append([]any{fixed(x)}, args...)...) }
	}
	for _, op := range []string{"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss", "binary_cross_entropy_with_logits", "kl_div", "binary_cross_entropy"} {
		all[op] = func(x t) t { return first("aten::"+op, x.Sigmoid(), target.Expand(x.Size(0), 4, 6)) }
		all[op+" sum"] = func(x t) t {
			return first("aten::"+op, x.Sigmoid(), target.Expand(x.Size(0), 4, 6), opts{"reduction": 2})
		}
		all[op+" none"] = func(x t) t {
			return first("aten::"+op, x.Sigmoid(), target.Expand(x.Size(0), 4, 6), opts{"reduction": 0})
		}
	}
	all["kl_div log"] = func(x t) t {
		return first("aten::kl_div", x, m.Expand(x.Size(0), 4, 6), opts{"log_target": true})
	}
	all["bce weight"] = func(x t) t {
		return first("aten::binary_cross_entropy_with_logits", x, target.Expand(x.Size(0), 4, 6), target, v6.Abs())
	}
	for k, reduction := range []string{" none", "", " sum"} {
		n := opts{"reduction": k, "ignore_index": 1}
		w := opts{"reduction": k, "weight": v6.Abs()}
		on(reduction, "cross_entropy_loss", classes, n)
		on(reduction, "nll_loss", classes, n)
		all["nll_loss_nd"+reduction] = func(x t) t { return first("aten::nll_loss_nd", fixed(x), classes, w) }
		all["nll_loss2d"+reduction] = func(x t) t {
			return first("aten::nll_loss2d", x.Unsqueeze(-1).Permute(0, 2, 1, 3).Narrow(0, 0, 1), classes.Reshape(1, 4, 1), n)
		}
		all["cross_entropy"+reduction] = func(x t) t { return first("aten::cross_entropy_loss", fixed(x), classes, w) }
	}
	all["nll_loss_forward"] = func(x t) t { return first("aten::nll_loss_forward", fixed(x), classes, nil, 1, -100) }
	all["nll_loss2d_forward"] = func(x t) t {
		return first("aten::nll_loss2d_forward", x.Unsqueeze(-1).Permute(0, 2, 1, 3).Narrow(0, 0, 1), classes.Reshape(1, 4, 1), nil, 1, -100)
	}

	signs := m.Sign()
	labels := torch.FromSlice([]int64{3, 0, -1, 5, 1, -1, -1, -1, 2, 0, 4, -1, 2, 1, 5, 3, 0, -1, 4, 0, 1, -1, -1, -1}, 4, 6)
	for k, reduction := range []string{" none", "", " sum"} {
		r := opts{"reduction": k}
		on(reduction, "hinge_embedding_loss", signs, r)
		on(reduction, "margin_ranking_loss", m, signs, 0.5, r)
		on(reduction, "triplet_margin_loss", m, target, 1, 3, 1e-6, true, r)
		on(reduction, "cosine_embedding_loss", target, torch.FromSlice([]float32{1, -1, -1, 1}), 0.1, r)
		for suffix, log := range map[string]bool{"": true, " rates": false} {
			all["poisson_nll_loss"+suffix+reduction] = func(x t) t {
				return first("aten::poisson_nll_loss", x.Sigmoid(), m.Abs().MulScalar(3).Expand(x.Size(0), 4, 6), log, true, 1e-8, k)
			}
		}
		all["multi_margin_loss"+reduction] = func(x t) t { return first("aten::multi_margin_loss", fixed(x), classes, 1+k%2, 0.7, v6, k) }
		on(reduction, "multilabel_margin_loss", labels, r)
		all["multilabel_margin_loss_forward"+reduction] = func(x t) t { return first("aten::multilabel_margin_loss_forward", fixed(x), labels, k) }
		for name, n := range map[string]opts{"": {"weight": v6.Abs(), "ignore_index": 1}, " plain": {}} {
			n["reduction"], n["label_smoothing"] = k, 0.2
			all["cross_entropy smooth"+name+reduction] = func(x t) t { return first("aten::cross_entropy_loss", fixed(x), classes, n) }
			all["cross_entropy shares"+name+reduction] = func(x t) t {
				return first("aten::cross_entropy_loss", fixed(x), target, opts{"reduction": k, "label_smoothing": 0.1, "weight": n["weight"]})
			}
		}
	}
	all["multi_margin_loss of one"] = func(x t) t { return first("aten::multi_margin_loss", vector(x), classes.Select(0, 1), 2, 1, nil, 0) }
	all["multilabel_margin_loss of one"] = func(x t) t { return first("aten::multilabel_margin_loss", vector(x), labels.Select(0, 1), 0) }
	all["multilabel_margin_loss targets"] = func(x t) t {
		return torch.Call("aten::multilabel_margin_loss_forward", fixed(x), labels, 1).At(1).(t).Add(fixed(x))
	}
	all["cross_entropy smooth of one"] = func(x t) t {
		return first("aten::cross_entropy_loss", vector(x), classes.Select(0, 1), opts{"label_smoothing": 0.2, "reduction": 0})
	}
	all["cross_entropy of images"] = func(x t) t {
		return first("aten::cross_entropy_loss", x, torch.FromSlice([]int64{3, 0, 2, 1, 1, 0}).Expand(x.Size(0), 6), opts{"label_smoothing": 0.2, "weight": v4.Abs()})
	}
	return all
}
