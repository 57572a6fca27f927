// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The table of entries, in the order of ct_cuda_api; see ../table.cpp.

#include <cstddef>

#include "entries.h"

#define ENTRIES(E) \
  E(device::, available)          \
  E(device::, versions)           \
  E(device::, properties)         \
  E(device::, device_swap)        \
  E(device::, synchronize)        \
  E(device::, sync_debug_mode)    \
  E(device::, memory_info)        \
  E(device::, memory_stats)       \
  E(device::, reset_peak_stats)   \
  E(device::, empty_cache)        \
  E(stream::, stream_new)         \
  E(stream::, stream_current)     \
  E(stream::, stream_swap)        \
  E(stream::, stream_synchronize) \
  E(stream::, stream_query)       \
  E(stream::, stream_wait)        \
  E(stream::, event_new)          \
  E(stream::, event_free)         \
  E(stream::, event_record)       \
  E(stream::, event_synchronize)  \
  E(stream::, event_query)        \
  E(stream::, event_elapsed)      \
  E(graph::, pool_new)            \
  E(graph::, graph_new)           \
  E(graph::, graph_free)          \
  E(graph::, graph_begin)         \
  E(graph::, graph_end)           \
  E(graph::, graph_replay)        \
  E(graph::, graph_reset)         \
  E(graph::, graph_pool)          \
  E(nccl::, nccl_new)

#define FIELD(file, name) .name = etude::cuda::file name,
#define ONE(file, name) +1

static_assert(offsetof(ct_cuda_api, available) + sizeof(void*) * (0 ENTRIES(ONE)) ==
                  sizeof(ct_cuda_api),
              "an entry of ct_cuda_api is missing above");

extern "C" __attribute__((visibility("default"))) const ct_cuda_api* ct_cuda_get_api(void) {
  static const ct_cuda_api api = {
      .abi = CT_CUDA_ABI, .size = sizeof(ct_cuda_api), ENTRIES(FIELD)};
  return &api;
}
