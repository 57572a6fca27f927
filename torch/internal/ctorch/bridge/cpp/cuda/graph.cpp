// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// CUDA graphs: work that is captured once and replayed with one launch.

#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGraphsC10Utils.h>
#include <c10/cuda/CUDAGuard.h>

#include "cuda.h"

namespace etude::cuda::graph {
namespace {

at::cuda::CUDAGraph& graph_of(ct_cuda_graph g) {
  return *reinterpret_cast<at::cuda::CUDAGraph*>(g);
}

ct_cuda_pool pack(c10::MempoolId_t id) { return {id.first, id.second}; }

// Drops what a graph captured. That must not fail a capture of mode "global" that is
// under way on another thread, as it would where the garbage collector, which knows of
// none, frees a graph.
template <class F>
void drop(F&& f) {
  c10::cuda::CUDAStreamCaptureModeGuard relaxed(cudaStreamCaptureModeRelaxed);
  f();
}

}  // namespace

ct_error* pool_new(ct_cuda_pool* out) {
  return guard([&] {
    need_any();
    *out = pack(at::cuda::graph_pool_handle());
  });
}

ct_error* graph_new(ct_cuda_graph* out) {
  return guard([&] {
    need_any();
    // The constructor asks for the current device's stream, which would give that
    // device a context: where one has one, let it be that one.
    c10::cuda::OptionalCUDAGuard on(c10::cuda::getDeviceIndexWithPrimaryContext());
    *out = reinterpret_cast<ct_cuda_graph>(new at::cuda::CUDAGraph());
  });
}

void graph_free(ct_cuda_graph g) {
  if (ct_error* err = guard([&] { drop([&] { delete &graph_of(g); }); })) free(err);
}

ct_error* graph_begin(ct_cuda_graph g, ct_cuda_pool pool, int32_t mode) {
  return guard([&] {
    TORCH_CHECK(mode >= 0 && mode <= 2, "capture mode ", mode, " is not one of 0, 1, 2");
    // cuBLAS has a handle for each thread, and none can be made inside a capture: but
    // a goroutine may have warmed up on another thread.
    (void)at::cuda::getCurrentCUDABlasHandle();
    graph_of(g).capture_begin({pool.first, pool.second}, static_cast<cudaStreamCaptureMode>(mode));
  });
}

ct_error* graph_end(ct_cuda_graph g) {
  return guard([&] { graph_of(g).capture_end(); });
}

ct_error* graph_replay(ct_cuda_graph g) {
  return guard([&] { graph_of(g).replay(); });
}

ct_error* graph_reset(ct_cuda_graph g) {
  return guard([&] { drop([&] { graph_of(g).reset(); }); });
}

ct_error* graph_pool(ct_cuda_graph g, ct_cuda_pool* out) {
  return guard([&] { *out = pack(graph_of(g).pool()); });
}

}  // namespace etude::cuda::graph
