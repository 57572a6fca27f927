// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

/*
 * The boundary between Go and c10d, libtorch's engine for several processes. The rules are
 * those of ct.h. Beside them:
 *   - A tensor is an at::Tensor* of tensor_give, and belongs to the entry from the call on.
 *   - Every entry that talks to other processes blocks until they have answered, one of
 *     them has closed its connections, group_abort was called or the group's timeout has passed.
 */
#ifndef ETUDE_CT_DIST_H
#define ETUDE_CT_DIST_H

#ifdef __cplusplus
#include "../ct.h"
extern "C" {
#else
#include "bridge/cpp/ct.h"
#endif

/* Raised with every change of this file; checked when the library is loaded. */
#define CT_DIST_ABI 3

typedef uintptr_t ct_store;   /* c10d::Store*, one reference */
typedef uintptr_t ct_group;   /* never 0 */
typedef uintptr_t ct_reducer; /* never 0 */

typedef struct ct_group_options {
  ct_store store;
  const char *prefix;  /* of the group's keys in the store */
  const char *address; /* on which this process listens for the others */
  int32_t rank, size;
  int64_t timeout; /* ms */
  void *nccl;      /* c10d::Backend* of the CUDA bridge, taken over; NULL for none */
} ct_group_options;

typedef struct ct_reducer_options {
  int64_t bucket_bytes_cap;
  int32_t find_unused_parameters, gradient_as_bucket_view;
} ct_reducer_options;

typedef struct ct_dist_api {
  uint32_t abi;  /* CT_DIST_ABI the library was compiled with */
  uint32_t size; /* sizeof(ct_dist_api) */

  /* A TCPStore. The server listens on all addresses; a client waits for it. `join` counts this
   * process among those whom a server of PyTorch waits for. */
  ct_error *(*store_new)(const char *host, int32_t port, int32_t server, int32_t join,
                         int64_t timeout, ct_store *out);
  void (*store_free)(ct_store s);
  ct_error *(*store_set)(ct_store s, const char *key, const char *value);
  ct_error *(*store_get)(ct_store s, const char *key, char **value /* malloc'ed; NULL: not set */);
  ct_error *(*store_add)(ct_store s, const char *key, int64_t n, int64_t *sum);

  /* A process group, with Gloo for tensors on the CPU and NCCL, where it is given, on CUDA. */
  ct_error *(*group_new)(const ct_group_options *options, ct_group *out);
  void (*group_free)(ct_group g);
  ct_error *(*group_abort)(ct_group g); /* closes the connections, and ends calls in progress */
  ct_error *(*all_reduce)(ct_group g, void *t, int32_t op /* c10d::ReduceOp::RedOpType */);
  ct_error *(*broadcast)(ct_group g, void *t, int32_t root);
  ct_error *(*all_gather)(ct_group g, void *t, void *out /* [size, …]; keeps what backward needs */);
  ct_error *(*barrier)(ct_group g);
  ct_error *(*monitored_barrier)(ct_group g, int64_t timeout);

  /* c10d::Reducer. `state` is what all ranks begin with as rank 0 has it: parameters, also those
   * that are not trained, and at last nbuffers that are rank 0's before each forward pass. */
  ct_error *(*reducer_new)(ct_group g, void *const *params, const char *const *names, int32_t nparams,
                           void *const *state, int32_t nstate, int32_t nbuffers,
                           const ct_reducer_options *options, ct_reducer *out);
  void (*reducer_free)(ct_reducer r);
  ct_error *(*reducer_forward)(ct_reducer r);
  /* Expects the backward pass of `loss` next. unused[i] becomes 1 if parameter i is not in its
   * graph; where that is not allowed, nothing else happens then. */
  ct_error *(*reducer_backward)(ct_reducer r, void *loss, int32_t *unused);
} ct_dist_api;

/* The only exported symbol. */
const ct_dist_api *ct_dist_get_api(void);

#ifdef __cplusplus
}
#endif
#endif
