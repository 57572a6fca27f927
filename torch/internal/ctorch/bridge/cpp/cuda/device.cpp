// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Devices and their memory. Linking this library also brings libtorch_cuda.so into the
// process and so registers its kernels.

#include <ATen/Context.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>

#include <cstdio>
#include <cstring>

#include "cuda.h"

namespace etude::cuda {
namespace {

// How many devices can be used; throws with CUDA's reason when it is none.
int count() {
  int n = 0;
  cudaError_t err = c10::cuda::GetDeviceCount(&n);
  if (err != cudaSuccess) {
    int driver = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess) driver = 0;
    (void)cudaGetLastError();  // it must not surface in a later, innocent call
    // CUDA calls a driver that is not there one that is too old.
    TORCH_CHECK(err != cudaErrorInsufficientDriver || driver != 0,
                "no CUDA device can be used: there is no NVIDIA driver, or it is not visible here");
    TORCH_CHECK(false, "no CUDA device can be used: ", cudaGetErrorString(err), " (CUDA error ",
                static_cast<int>(err), ")");
  }
  TORCH_CHECK(n > 0, "no CUDA device can be used: there is none");
  return n;
}

}  // namespace

c10::DeviceIndex need(int32_t device) {
  // Asked once: the number cannot change any more, and every entry comes by here. (A
  // count that throws is asked for again.)
  static const int n = count();
  TORCH_CHECK(device >= 0 && device < n, "there is no device cuda:", device, ": there are ", n,
              ", numbered from 0");
  at::globalContext().lazyInitDevice(c10::DeviceType::CUDA);
  return static_cast<c10::DeviceIndex>(device);
}

void need_any() { need(0); }

namespace device {

ct_error* available(int32_t* n) {
  return guard([&] {
    *n = 0;
    *n = count();
  });
}

ct_error* versions(int32_t* runtime, int32_t* driver, int64_t* cudnn) {
  return guard([&] {
    *runtime = CUDART_VERSION;
    *driver = 0;
    *cudnn = 0;
    // Both may fail without a driver, for which 0 stands.
    if (cudaRuntimeGetVersion(runtime) != cudaSuccess) *runtime = CUDART_VERSION;
    if (cudaDriverGetVersion(driver) != cudaSuccess) *driver = 0;
    (void)cudaGetLastError();
    try {
      auto& hooks = at::detail::getCUDAHooks();
      if (hooks.hasCuDNN()) *cudnn = hooks.versionCuDNN();
    } catch (const c10::Error&) {
      // A cuDNN that does not load is 0, not a failure: the rest works without.
    }
  });
}

ct_error* properties(int32_t index, ct_cuda_properties* out) {
  return guard([&] {
    const cudaDeviceProp* p = at::cuda::getDeviceProperties(need(index));
    *out = {};
    snprintf(out->name, sizeof out->name, "%s", p->name);
    static_assert(sizeof out->uuid == sizeof p->uuid.bytes);
    memcpy(out->uuid, p->uuid.bytes, sizeof out->uuid);
    out->major = p->major;
    out->minor = p->minor;
    out->multiprocessors = p->multiProcessorCount;
    out->total_memory = static_cast<int64_t>(p->totalGlobalMem);
  });
}

ct_error* device_swap(int32_t index, int32_t* old) {
  return guard([&] {
    auto d = need(index);
    if (!old) {
      C10_CUDA_CHECK(c10::cuda::MaybeSetDevice(d));
      return;
    }
    *old = c10::cuda::current_device();
    c10::cuda::set_device(d);
  });
}

ct_error* synchronize(int32_t index) {
  return guard([&] {
    c10::cuda::CUDAGuard on(need(index));
    c10::cuda::device_synchronize();
  });
}

ct_error* sync_debug_mode(int32_t mode) {
  return guard([&] {
    TORCH_CHECK(mode >= 0 && mode <= 2, "sync debug mode ", mode, " is not one of 0, 1, 2");
    need_any();
    c10::cuda::warning_state().set_sync_debug_mode(static_cast<c10::cuda::SyncDebugMode>(mode));
  });
}

ct_error* memory_info(int32_t index, int64_t* free_bytes, int64_t* total_bytes) {
  return guard([&] {
    c10::cuda::CUDAGuard on(need(index));
    size_t free = 0, total = 0;
    C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    *free_bytes = static_cast<int64_t>(free);
    *total_bytes = static_cast<int64_t>(total);
  });
}

ct_error* memory_stats(int32_t index, ct_cuda_stats* out) {
  return guard([&] {
    auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(need(index));
    constexpr auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    *out = {};
    out->allocated = stats.allocated_bytes[all].current;
    out->allocated_peak = stats.allocated_bytes[all].peak;
    out->reserved = stats.reserved_bytes[all].current;
    out->reserved_peak = stats.reserved_bytes[all].peak;
    out->allocations = stats.allocation[all].allocated;
    out->device_allocations = stats.num_device_alloc;
    out->retries = stats.num_alloc_retries;
    out->out_of_memory = stats.num_ooms;
  });
}

ct_error* reset_peak_stats(int32_t index) {
  return guard([&] { c10::cuda::CUDACachingAllocator::resetPeakStats(need(index)); });
}

ct_error* empty_cache() {
  return guard([&] {
    need_any();
    c10::cuda::CUDACachingAllocator::emptyCache();
  });
}

}  // namespace device
}  // namespace etude::cuda
