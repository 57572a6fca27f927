// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Shared by the CUDA bridge's C++ files.
#pragma once

#include <c10/cuda/CUDAStream.h>

#include "../guard.h"
#include "entries.h"

namespace etude::cuda {

// Makes sure that a device is there and that libtorch's CUDA side is initialised.
// Without a device much of libtorch asserts or indexes empty tables, so every
// entry asks first.
c10::DeviceIndex need(int32_t device);

// The same where no particular device is named.
void need_any();

inline c10::cuda::CUDAStream unpack(ct_cuda_stream s) {
  return c10::cuda::CUDAStream::unpack3(s.id, need(s.device), c10::DeviceType::CUDA);
}

inline ct_cuda_stream pack(c10::cuda::CUDAStream s) {
  return {s.id(), static_cast<int32_t>(s.device_index())};
}

}  // namespace etude::cuda
