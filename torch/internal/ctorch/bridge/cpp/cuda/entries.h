// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The entries of the CUDA bridge, in the order of ct_cuda_api; see ../entries.h.
#pragma once

#include <type_traits>

#include "ct_cuda.h"

#define CT_CUDA_ENTRIES(E) \
  E(device, available)          \
  E(device, versions)           \
  E(device, properties)         \
  E(device, device_swap)        \
  E(device, synchronize)        \
  E(device, sync_debug_mode)    \
  E(device, memory_info)        \
  E(device, memory_stats)       \
  E(device, reset_peak_stats)   \
  E(device, empty_cache)        \
  E(stream, stream_new)         \
  E(stream, stream_current)     \
  E(stream, stream_swap)        \
  E(stream, stream_synchronize) \
  E(stream, stream_query)       \
  E(stream, stream_wait)        \
  E(stream, event_new)          \
  E(stream, event_free)         \
  E(stream, event_record)       \
  E(stream, event_synchronize)  \
  E(stream, event_query)        \
  E(stream, event_elapsed)      \
  E(graph, pool_new)            \
  E(graph, graph_new)           \
  E(graph, graph_free)          \
  E(graph, graph_begin)         \
  E(graph, graph_end)           \
  E(graph, graph_replay)        \
  E(graph, graph_reset)         \
  E(graph, graph_pool)          \
  E(nccl, nccl_new)

// Declares an entry, as ct_cuda_api has it, in the namespace of its file.
#define DECLARE(file, name)                                \
  namespace etude::cuda::file {                            \
  std::remove_pointer_t<decltype(ct_cuda_api::name)> name; \
  }
CT_CUDA_ENTRIES(DECLARE)
#undef DECLARE
