// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package cuda controls NVIDIA GPUs beyond tensors: devices and their memory, streams,
// events, and graphs that are captured once and replayed. It follows torch.cuda in
// Python, and uses its names.
//
// Nothing here is needed to train on a GPU: a tensor, a network or a run takes
// torch.CUDA(0) as its device, and each run of package trainer has a stream of its
// own. Use it to measure, to order the work of several streams, and for steps so small
// that launching them costs more than running them.
//
// Nothing here needs a GPU to be called. Every function returns an error where no
// device can be used, the one of [Available].
//
// Like PyTorch's, a stream is current for a thread, not for a goroutine, so
// [Stream.Do] locks the goroutine to its thread, as torch.Scope and torch.NoGrad do.
//
// This package has been compiled and loaded against libtorch 2.11 and 2.15; it has
// not run on a GPU yet, only, by its tests, on a stand-in for CUDA whose kernels do
// nothing. make gpu-check runs it on a GPU.
package cuda
