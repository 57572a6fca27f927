// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

/*
 * The boundary between Go and what only a CUDA build of libtorch has. The rules
 * are those of ct.h. Beside them:
 *   - Every entry that takes a device makes sure that it is there, and else
 *     returns an error with CUDA's own reason. None crashes without a GPU.
 *   - Devices are numbered from 0, as CUDA_VISIBLE_DEVICES leaves them.
 *   - A stream is a value: streams come from libtorch's pool and are never freed.
 */
#ifndef ETUDE_CT_CUDA_H
#define ETUDE_CT_CUDA_H

#ifdef __cplusplus
#include "../ct.h"
extern "C" {
#else
#include "bridge/cpp/ct.h"
#endif

/* Raised with every change of this file; checked when the library is loaded. */
#define CT_CUDA_ABI 3

typedef uintptr_t ct_cuda_event; /* at::cuda::CUDAEvent*, never 0 */
typedef uintptr_t ct_cuda_graph; /* at::cuda::CUDAGraph*, never 0 */

typedef struct ct_cuda_stream {
  int64_t id; /* c10::StreamId */
  int32_t device;
} ct_cuda_stream;

typedef struct ct_cuda_pool { /* c10::MempoolId_t; {0, 0} for a graph's own */
  uint64_t first, second;
} ct_cuda_pool;

typedef struct ct_cuda_properties {
  char name[256];
  uint8_t uuid[16];
  int32_t major, minor; /* compute capability */
  int32_t multiprocessors;
  int64_t total_memory; /* bytes */
} ct_cuda_properties;

/* What the caching allocator counts for a device; bytes unless said otherwise. */
typedef struct ct_cuda_stats {
  int64_t allocated, allocated_peak; /* held by live tensors */
  int64_t reserved, reserved_peak;   /* taken from the device */
  int64_t allocations;               /* count: tensors' blocks, ever */
  int64_t device_allocations;        /* count: cudaMalloc and the like */
  int64_t retries, out_of_memory;    /* counts */
} ct_cuda_stats;

typedef struct ct_cuda_api {
  uint32_t abi;  /* CT_CUDA_ABI the library was compiled with */
  uint32_t size; /* sizeof(ct_cuda_api) */

  /* Devices. `available` fails with the reason when there is none. */
  ct_error *(*available)(int32_t *count);
  /* 13020 is 13.2. driver is 0 without one, cudnn 0 where it does not load. */
  ct_error *(*versions)(int32_t *runtime, int32_t *driver, int64_t *cudnn);
  ct_error *(*properties)(int32_t device, ct_cuda_properties *out);
  /* The calling thread's. With old NULL a device is put back that was current before:
   * that alone gives it no context, which would take some hundred MB of its memory. */
  ct_error *(*device_swap)(int32_t device, int32_t *old);
  ct_error *(*synchronize)(int32_t device);
  ct_error *(*sync_debug_mode)(int32_t mode); /* 0 none, 1 warn, 2 error; for the process */

  /* Memory. */
  ct_error *(*memory_info)(int32_t device, int64_t *free_bytes, int64_t *total_bytes);
  ct_error *(*memory_stats)(int32_t device, ct_cuda_stats *out);
  ct_error *(*reset_peak_stats)(int32_t device);
  ct_error *(*empty_cache)(void);

  /* Streams. */
  ct_error *(*stream_new)(int32_t device, int32_t high_priority, ct_cuda_stream *out);
  ct_error *(*stream_current)(int32_t device, ct_cuda_stream *out);
  ct_error *(*stream_swap)(ct_cuda_stream stream, ct_cuda_stream *old); /* the calling thread's */
  ct_error *(*stream_synchronize)(ct_cuda_stream stream);
  ct_error *(*stream_query)(ct_cuda_stream stream, int32_t *done);
  ct_error *(*stream_wait)(ct_cuda_stream stream, ct_cuda_event event);

  /* Events. */
  ct_error *(*event_new)(int32_t timing, ct_cuda_event *out); /* freed with event_free */
  void (*event_free)(ct_cuda_event event);
  ct_error *(*event_record)(ct_cuda_event event, ct_cuda_stream stream);
  ct_error *(*event_synchronize)(ct_cuda_event event);
  ct_error *(*event_query)(ct_cuda_event event, int32_t *done);
  ct_error *(*event_elapsed)(ct_cuda_event start, ct_cuda_event end, double *milliseconds);

  /* Graphs. Capture begins and ends on the calling thread's current stream. */
  ct_error *(*pool_new)(ct_cuda_pool *out);
  ct_error *(*graph_new)(ct_cuda_graph *out); /* freed with graph_free */
  void (*graph_free)(ct_cuda_graph graph);
  /* mode is cudaStreamCaptureMode: 0 global, 1 thread-local, 2 relaxed. */
  ct_error *(*graph_begin)(ct_cuda_graph graph, ct_cuda_pool pool, int32_t mode);
  ct_error *(*graph_end)(ct_cuda_graph graph);
  ct_error *(*graph_replay)(ct_cuda_graph graph);
  ct_error *(*graph_reset)(ct_cuda_graph graph);
  ct_error *(*graph_pool)(ct_cuda_graph graph, ct_cuda_pool *out);

  /* A c10d::ProcessGroupNCCL over a c10d::Store (ct_dist.h), for ct_group_options.nccl. */
  ct_error *(*nccl_new)(uintptr_t store, const char *prefix, int32_t rank, int32_t size,
                        int64_t timeout, void **out);
} ct_cuda_api;

/* The only exported symbol. */
const ct_cuda_api *ct_cuda_get_api(void);

#ifdef __cplusplus
}
#endif
#endif
