// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package optim holds the optimizers and the learning-rate schedulers of torch.optim, with
// their rules, defaults and state dicts: SGD, Adam and AdamW on libtorch's fused kernels,
// the others parameter by parameter, and LBFGS.
//
//	settings := optim.DefaultAdam()
//	settings.WeightDecay = 1e-4
//	opt := optim.NewAdam(nn.Parameters(model), settings)
//	for batch := range batches {
//		torch.Scope(func() {
//			opt.ZeroGrad()
//			nn.MSELoss(model.Forward(batch.X), batch.Y).Backward()
//			opt.Step()
//		})
//	}
//
// Settings start from a function such as [DefaultAdam], which fills in PyTorch's
// defaults; a zero is a zero everywhere.
//
// SGD, Adam and AdamW update all parameters of a group by one call, and no value is read
// by the host.
// A parameter without gradient is skipped: it is neither decayed nor counted.
//
// A step's tensors are freed with it. What an optimizer remembers is made at the
// first step that needs it, belongs to no scope, and lies on the parameter's
// device: move a network before its first step, not after.
//
// [GradScaler] goes with torch.Autocast in float16. Averages of weights are in package swa.
//
// Wrong settings and lists of parameters panic with *torch.Error, as operations
// on tensors do.
package optim
