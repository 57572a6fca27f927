// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package swa averages the weights of a network over its training, as
// torch.optim.swa_utils: equally (SWA), or with weights that fall exponentially (EMA).
//
//	average := swa.NewAveragedModel(model, swa.Config{Average: swa.EMA(0.999)})
//	for batch := range batches {
//		…
//		opt.Step()
//		average.UpdateParameters(model)
//	}
//	nn.UpdateBN(average.Module, func() { … }) // if it has BatchNorm
//	y := average.Module.Forward(x)
//
// The learning rate of SWA is that of optim.SWALR. Averages are state to be saved:
// nn.StateDict and nn.LoadStateDict take an AveragedModel.
package swa
