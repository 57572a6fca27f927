// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The entries of the CUDA bridge, by the file that defines them; see ../entries.h.
#pragma once

#include "ct_cuda.h"

namespace etude::cuda {

namespace device {
ct_error* available(int32_t*);
ct_error* versions(int32_t*, int32_t*, int64_t*);
ct_error* properties(int32_t, ct_cuda_properties*);
ct_error* device_swap(int32_t, int32_t*);
ct_error* synchronize(int32_t);
ct_error* sync_debug_mode(int32_t);
ct_error* memory_info(int32_t, int64_t*, int64_t*);
ct_error* memory_stats(int32_t, ct_cuda_stats*);
ct_error* reset_peak_stats(int32_t);
ct_error* empty_cache();
}  // namespace device

namespace stream {
ct_error* stream_new(int32_t, int32_t, ct_cuda_stream*);
ct_error* stream_current(int32_t, ct_cuda_stream*);
ct_error* stream_swap(ct_cuda_stream, ct_cuda_stream*);
ct_error* stream_synchronize(ct_cuda_stream);
ct_error* stream_query(ct_cuda_stream, int32_t*);
ct_error* stream_wait(ct_cuda_stream, ct_cuda_event);
ct_error* event_new(int32_t, ct_cuda_event*);
void event_free(ct_cuda_event);
ct_error* event_record(ct_cuda_event, ct_cuda_stream);
ct_error* event_synchronize(ct_cuda_event);
ct_error* event_query(ct_cuda_event, int32_t*);
ct_error* event_elapsed(ct_cuda_event, ct_cuda_event, double*);
}  // namespace stream

namespace graph {
ct_error* pool_new(ct_cuda_pool*);
ct_error* graph_new(ct_cuda_graph*);
void graph_free(ct_cuda_graph);
ct_error* graph_begin(ct_cuda_graph, ct_cuda_pool, int32_t);
ct_error* graph_end(ct_cuda_graph);
ct_error* graph_replay(ct_cuda_graph);
ct_error* graph_reset(ct_cuda_graph);
ct_error* graph_pool(ct_cuda_graph, ct_cuda_pool*);
}  // namespace graph

namespace nccl {
ct_error* nccl_new(uintptr_t, const char*, int32_t, int32_t, int64_t, void**);
}  // namespace nccl

}  // namespace etude::cuda
