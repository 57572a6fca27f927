// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"slices"

	"github.com/etude-ml/etude/torch"
)

// optimCases are the kernels of optimizers and of clipping, on lists of two
// parameters: each list is a pair of neighbours among the inputs.
func optimCases() []Case {
	pair := func(of func(shape ...int) Maker) []Maker { return []Maker{of(batch, width), of(width)} }
	positive := func(shape ...int) Maker { return between(0.01, 1, shape...) }
	step := func(...int) Maker { return given([]float32{3}, []int{}...) }
	// pairs has f change the lists in place, and returns all that may have changed.
	pairs := func(f func(lists ...[]*torch.Tensor)) Runner {
		return func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
			f(slices.Collect(slices.Chunk(in, 2))...)
			return in
		}
	}
	foreach := func(name, op string, f func(xs []*torch.Tensor)) Case {
		return Case{Name: name, Ops: []string{"aten::" + op}, Kind: Pointwise, In: pair(normal),
			Run: pairs(func(l ...[]*torch.Tensor) { f(l[0]) })}
	}
	adam := func(name, op string, amsgrad bool) Case {
		in := slices.Concat(pair(normal), pair(normal), pair(normal), pair(positive), pair(step))
		if amsgrad {
			in = append(in, pair(positive)...)
		}
		return Case{Name: name, Ops: []string{"aten::" + op}, Kind: Pointwise, In: in, Run: pairs(func(l ...[]*torch.Tensor) {
			largest := []*torch.Tensor{}
			if amsgrad {
				largest = l[5]
			}
			torch.Call("aten::"+op, l[0], l[1], l[2], l[3], largest, l[4], torch.Named{
				"lr": 1e-2, "beta1": 0.9, "beta2": 0.999, "weight_decay": 1e-2, "eps": 1e-8, "amsgrad": amsgrad, "maximize": false,
			})
		})}
	}
	sgd := func(name string, momentum float64, nesterov, first bool) Case {
		return Case{Name: name, Ops: []string{"aten::_fused_sgd_"}, Kind: Pointwise,
			In: slices.Concat(pair(normal), pair(normal), pair(normal)), Run: pairs(func(l ...[]*torch.Tensor) {
				buffers := l[2]
				if momentum == 0 {
					buffers = []*torch.Tensor{}
				}
				torch.Call("aten::_fused_sgd_", l[0], l[1], buffers, torch.Named{
					"weight_decay": 1e-2, "momentum": momentum, "lr": 1e-2, "dampening": 0.0,
					"nesterov": nesterov, "maximize": false, "is_first_step": first,
				})
			})}
	}
	return []Case{
		foreach("foreach add", "_foreach_add_.Scalar", func(xs []*torch.Tensor) { torch.Call("aten::_foreach_add_.Scalar", xs, 1) }),
		foreach("foreach clamp min", "_foreach_clamp_min_.Scalar", func(xs []*torch.Tensor) { torch.Call("aten::_foreach_clamp_min_.Scalar", xs, -0.3) }),
		foreach("foreach clamp max", "_foreach_clamp_max_.Scalar", func(xs []*torch.Tensor) { torch.Call("aten::_foreach_clamp_max_.Scalar", xs, 0.3) }),
		{Name: "foreach mul", Ops: []string{"aten::_foreach_mul_.Tensor"}, Kind: Pointwise, In: append(pair(normal), given([]float32{0.3}, []int{}...)),
			Run: func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
				torch.Call("aten::_foreach_mul_.Tensor", in[:2], in[2])
				return in[:2]
			}},
		{Name: "foreach norm", Ops: []string{"aten::_foreach_norm.Scalar"}, Kind: Sum, In: pair(normal),
			Run: func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
				return torch.Call("aten::_foreach_norm.Scalar", in, 2).Tensors()
			}},
		adam("fused adam", "_fused_adam_", false),
		adam("fused adam, amsgrad", "_fused_adam_", true),
		adam("fused adamw", "_fused_adamw_", false),
		sgd("fused sgd", 0, false, false),
		sgd("fused sgd, first momentum", 0.9, false, true),
		sgd("fused sgd, momentum", 0.9, false, false),
		sgd("fused sgd, nesterov", 0.9, true, false),
	}
}
