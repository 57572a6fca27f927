// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package optim holds optimizers: SGD, Adam and AdamW, on libtorch's fused
// kernels, with the rules, the defaults and the state dicts of PyTorch's.
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
// One call updates all parameters of a group, and no value is read by the host.
// A parameter without gradient is skipped: it is neither decayed nor counted.
//
// A step's tensors are freed with it. What an optimizer remembers is made at the
// first step that needs it, belongs to no scope, and lies on the parameter's
// device: move a network before its first step, not after.
//
// Wrong settings and lists of parameters panic with *torch.Error, as operations
// on tensors do.
package optim
