// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Streams, and events that order them.

#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>

#include "cuda.h"

namespace etude::cuda::stream {
namespace {

at::cuda::CUDAEvent& event_of(ct_cuda_event e) {
  return *reinterpret_cast<at::cuda::CUDAEvent*>(e);
}

}  // namespace

ct_error* stream_new(int32_t device, int32_t high_priority, ct_cuda_stream* out) {
  return guard(
      [&] { *out = pack(c10::cuda::getStreamFromPool(high_priority != 0, need(device))); });
}

ct_error* stream_current(int32_t device, ct_cuda_stream* out) {
  return guard([&] { *out = pack(c10::cuda::getCurrentCUDAStream(need(device))); });
}

ct_error* stream_swap(ct_cuda_stream s, ct_cuda_stream* old) {
  return guard([&] {
    auto stream = unpack(s);
    *old = pack(c10::cuda::getCurrentCUDAStream(stream.device_index()));
    c10::cuda::setCurrentCUDAStream(stream);
  });
}

ct_error* stream_synchronize(ct_cuda_stream s) {
  return guard([&] {
    // CUDAStream::synchronize would be an error in the sync debug mode, which is for
    // what waits unasked.
    auto stream = unpack(s);
    c10::cuda::CUDAGuard on(stream.device_index());
    C10_CUDA_CHECK(cudaStreamSynchronize(stream));
  });
}

ct_error* stream_query(ct_cuda_stream s, int32_t* done) {
  return guard([&] { *done = unpack(s).query(); });
}

ct_error* stream_wait(ct_cuda_stream s, ct_cuda_event e) {
  return guard([&] { event_of(e).block(unpack(s)); });
}

ct_error* event_new(int32_t timing, ct_cuda_event* out) {
  return guard([&] {
    need_any();
    *out = reinterpret_cast<ct_cuda_event>(
        new at::cuda::CUDAEvent(timing ? cudaEventDefault : cudaEventDisableTiming));
  });
}

void event_free(ct_cuda_event e) {
  // Freeing cannot be refused; whatever CUDA says of it has no reader.
  if (ct_error* err = guard([&] { delete &event_of(e); })) free(err);
}

ct_error* event_record(ct_cuda_event e, ct_cuda_stream s) {
  return guard([&] { event_of(e).record(unpack(s)); });
}

ct_error* event_synchronize(ct_cuda_event e) {
  return guard([&] { event_of(e).synchronize(); });
}

ct_error* event_query(ct_cuda_event e, int32_t* done) {
  return guard([&] { *done = event_of(e).query(); });
}

ct_error* event_elapsed(ct_cuda_event start, ct_cuda_event end, double* milliseconds) {
  return guard([&] { *milliseconds = event_of(start).elapsed_time(event_of(end)); });
}

}  // namespace etude::cuda::stream
