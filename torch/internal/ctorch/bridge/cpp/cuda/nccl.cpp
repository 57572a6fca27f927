// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Process groups of NCCL, which ct_dist.h's groups use for tensors on CUDA.

#if __has_include(<nccl.h>)
#define USE_C10D_NCCL  // as libtorch itself was compiled
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "cuda.h"

namespace etude::cuda::nccl {

ct_error* nccl_new([[maybe_unused]] uintptr_t store, [[maybe_unused]] const char* prefix,
                   [[maybe_unused]] int32_t rank, [[maybe_unused]] int32_t size,
                   [[maybe_unused]] int64_t timeout, [[maybe_unused]] void** out) {
  return guard([&] {
#if __has_include(<nccl.h>)
    need_any();
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = std::chrono::milliseconds(timeout);
    auto prefixed = c10::make_intrusive<c10d::PrefixStore>(
        std::string(prefix) + "cuda/",
        c10::intrusive_ptr<c10d::Store>::reclaim_copy(reinterpret_cast<c10d::Store*>(store)));
    c10::intrusive_ptr<c10d::Backend> backend =
        c10::make_intrusive<c10d::ProcessGroupNCCL>(prefixed, rank, size, options);
    *out = backend.release();
#else
    TORCH_CHECK(false,
                "the CUDA bridge was compiled without NCCL's header nccl.h: install the package "
                "nvidia-nccl-cu13 (CUDA 12: nvidia-nccl-cu12) beside libtorch, then run `etude "
                "setup --force`");
#endif
  });
}

}  // namespace etude::cuda::nccl
