// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// A stand-in for CUDA, loaded before everything else: two devices whose memory is the
// host's. Copies copy; kernels, products and networks of cuDNN do nothing. It keeps
// the rules that need no GPU to be broken: which calls give a device a context, what a
// capture forbids to which thread. Whatever is given to a stream is written to
// $ETUDE_TEST_STANDIN, a line each: device, what, stream.
#pragma once

#include <cuda_runtime_api.h>

// What every library of NVIDIA's exports.
#define STANDIN extern "C" __attribute__((visibility("default")))

namespace standin {

// Adds work to a stream, and to its capture if there is one.
void give(const char* what, cudaStream_t stream);

// Whether a call that acts at once, as to take memory, is forbidden by a capture,
// which fails then.
bool forbidden();

bool has_context(int device);

}  // namespace standin
