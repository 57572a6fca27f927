// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// What only a CUDA build of libtorch has. Linking this library is also what
// brings libtorch_cuda.so into the process and so registers its kernels.

#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

#include "../guard.h"

extern "C" {

__attribute__((visibility("default"))) int32_t ct_cuda_count(void) {
  return c10::cuda::device_count();
}

// Waits until the current stream of the device has done all its work.
__attribute__((visibility("default"))) ct_error* ct_cuda_synchronize(int32_t device) {
  return etude::guard([&] {
    c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device)).synchronize();
  });
}

// Bytes that live tensors hold on the device, as its caching allocator counts them.
__attribute__((visibility("default"))) ct_error* ct_cuda_memory(int32_t device, int64_t* bytes) {
  return etude::guard([&] {
    auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(
        static_cast<c10::DeviceIndex>(device));
    *bytes = stats.allocated_bytes[0].current;
  });
}
}
