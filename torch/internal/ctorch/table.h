// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

/* The bridge's table of entries, and thin callers of it that cgo can bind. */
#ifndef ETUDE_TABLE_H
#define ETUDE_TABLE_H

#include "bridge/cpp/ct.h"
#include "bridge/cpp/cuda/ct_cuda.h"
#include "bridge/cpp/dist/ct_dist.h"

extern const ct_api *ct_table;
extern const ct_cuda_api *cuda_table;
extern const ct_dist_api *dist_table;

/* Opens the bridge. Returns NULL, or malloc'ed text that says why not. */
char *ct_open(const char *path);

/* The CUDA bridge; its table is cuda_table, NULL until it is open. */
char *ct_open_cuda(const char *path);

/* The bridge to c10d; its table is dist_table, NULL until it is open. */
char *ct_open_dist(const char *path);

/* CALLn makes GO(entry), which calls an entry of TABLE that takes n arguments. It is given the
 * entry's name, the type of its result and those of its arguments, as the headers above have
 * them. */
#define CALL0(f, R) static inline R GO(f)(void) { return TABLE->f(); }
#define CALL1(f, R, A) static inline R GO(f)(A a) { return TABLE->f(a); }
#define CALL2(f, R, A, B) static inline R GO(f)(A a, B b) { return TABLE->f(a, b); }
#define CALL3(f, R, A, B, C) static inline R GO(f)(A a, B b, C c) { return TABLE->f(a, b, c); }
#define CALL4(f, R, A, B, C, D) \
  static inline R GO(f)(A a, B b, C c, D d) { return TABLE->f(a, b, c, d); }
#define CALL5(f, R, A, B, C, D, E) \
  static inline R GO(f)(A a, B b, C c, D d, E e) { return TABLE->f(a, b, c, d, e); }
#define CALL6(f, R, A, B, C, D, E, F) \
  static inline R GO(f)(A a, B b, C c, D d, E e, F g) { return TABLE->f(a, b, c, d, e, g); }

#define GO(f) go_##f
#define TABLE ct_table

CALL1(error_free, void, ct_error *)
static inline char *go_error_text(ct_error *e) { return e->text; }
CALL4(op_find, ct_error *, const char *, const char *, ct_op *, char **)
CALL2(op_overloads, ct_error *, const char *, char **)
static inline ct_error *go_call(ct_op op, const ct_value *args, int32_t nargs, const int64_t *pool,
                                ct_value *results, int32_t max_results, int32_t discard,
                                ct_result *result) {
  return ct_table->call(op, args, nargs, pool, results, max_results, discard, result);
}
CALL3(list_take, void, int64_t, int64_t *, int32_t)
CALL1(observe, ct_error *, int32_t)
static inline ct_error *go_observed(char **name, ct_value *args, int32_t max_args, int32_t *nargs,
                                    ct_value *results, int32_t max_results, int32_t *nresults) {
  return ct_table->observed(name, args, max_args, nargs, results, max_results, nresults);
}
CALL2(tensors_free, void, const ct_tensor *, int32_t)
CALL1(tensor_retain, void, ct_tensor)
CALL1(tensor_take, ct_tensor, const void *)
CALL1(tensor_give, void *, ct_tensor)
static inline ct_error *go_tensor_from(const void *data, int64_t bytes, const int64_t *sizes,
                                       int32_t ndim, int32_t dtype, ct_tensor *out,
                                       ct_result *result) {
  return ct_table->tensor_from(data, bytes, sizes, ndim, dtype, out, result);
}
CALL3(tensor_read, ct_error *, ct_tensor, void *, int64_t)
CALL5(tensor_info, ct_error *, ct_tensor, ct_info *, int64_t *, int64_t *, int32_t)
CALL2(grad_fn, ct_error *, ct_tensor, char **)
CALL2(set_requires_grad, ct_error *, ct_tensor, int32_t)
CALL3(grad, ct_error *, ct_tensor, ct_tensor *, ct_result *)
CALL2(set_grad, ct_error *, ct_tensor, ct_tensor)
CALL2(clear_grads, ct_error *, const ct_tensor *, int32_t)
CALL4(backward, ct_error *, ct_tensor, ct_tensor, int32_t, int32_t)
CALL1(record_new, ct_error *, ct_recording *)
CALL1(record_begin, ct_error *, ct_recording)
CALL5(record_end, ct_error *, ct_recording, const ct_tensor *, int32_t, int32_t *, char **)
static inline void go_record_graph(ct_recording r, ct_cuda_graph g) {
  ct_table->record_graph(r, (ct_graph){g, cuda_table->graph_replay, cuda_table->graph_free});
}
CALL1(record_abandon, void, ct_recording)
CALL1(record_free, void, ct_recording)
CALL2(record_results, ct_error *, ct_recording, ct_tensor *)
CALL2(record_plan, void, ct_recording, ct_plan *)
CALL4(replay, ct_error *, ct_recording, int64_t, const int32_t *, int64_t *)
CALL1(scope_swap, uint32_t, uint32_t)
/* The calling thread's scope. One call, so that the goroutine stays on its thread. */
static inline uint32_t go_scope(void) {
  uint32_t scope = ct_table->scope_swap(0);
  ct_table->scope_swap(scope);
  return scope;
}
CALL1(grad_mode_swap, int32_t, int32_t)
CALL1(threads_swap, int32_t, int32_t)
CALL1(flush_swap, int32_t, int32_t)
CALL2(autocast_enter, ct_error *, const ct_autocast *, ct_autocast *)
CALL1(autocast_leave, void, const ct_autocast *)
CALL1(threads_set, void, int32_t)
CALL0(threads_get, int32_t)
CALL0(warning_take, char *)
CALL1(seed, ct_error *, uint64_t)
CALL4(rng_state, ct_error *, int32_t, int32_t, ct_tensor *, ct_result *)
CALL3(set_rng_state, ct_error *, int32_t, int32_t, ct_tensor)
CALL1(generators_new, ct_error *, ct_generators *)
CALL1(generators_free, void, ct_generators)
CALL1(generators_swap, ct_generators, ct_generators)
CALL0(cpu_capability, const char *)
CALL2(option_set, ct_error *, int32_t, int32_t)
CALL2(option_get, ct_error *, int32_t, int32_t *)
CALL2(device_count, ct_error *, int32_t, int32_t *)
CALL2(device_type, ct_error *, const char *, int32_t *)
CALL3(device_name, ct_error *, int32_t, char *, int32_t)
CALL1(memory, void, ct_memory *)
static inline const char *go_libtorch_version(void) { return ct_table->libtorch_version; }

/* The same for the CUDA bridge. */
#undef GO
#undef TABLE
#define GO(f) go_cuda_##f
#define TABLE cuda_table
CALL1(available, ct_error *, int32_t *)
CALL3(versions, ct_error *, int32_t *, int32_t *, int64_t *)
CALL2(properties, ct_error *, int32_t, ct_cuda_properties *)
CALL2(device_swap, ct_error *, int32_t, int32_t *)
static inline ct_error *go_cuda_device_restore(int32_t device) {
  return cuda_table->device_swap(device, 0);
}
CALL1(synchronize, ct_error *, int32_t)
CALL1(sync_debug_mode, ct_error *, int32_t)
CALL3(memory_info, ct_error *, int32_t, int64_t *, int64_t *)
CALL2(memory_stats, ct_error *, int32_t, ct_cuda_stats *)
CALL1(reset_peak_stats, ct_error *, int32_t)
CALL0(empty_cache, ct_error *)
CALL3(stream_new, ct_error *, int32_t, int32_t, ct_cuda_stream *)
CALL2(stream_current, ct_error *, int32_t, ct_cuda_stream *)
CALL2(stream_swap, ct_error *, ct_cuda_stream, ct_cuda_stream *)
CALL1(stream_synchronize, ct_error *, ct_cuda_stream)
CALL2(stream_query, ct_error *, ct_cuda_stream, int32_t *)
CALL2(stream_wait, ct_error *, ct_cuda_stream, ct_cuda_event)
CALL2(event_new, ct_error *, int32_t, ct_cuda_event *)
CALL1(event_free, void, ct_cuda_event)
CALL2(event_record, ct_error *, ct_cuda_event, ct_cuda_stream)
CALL1(event_synchronize, ct_error *, ct_cuda_event)
CALL2(event_query, ct_error *, ct_cuda_event, int32_t *)
CALL3(event_elapsed, ct_error *, ct_cuda_event, ct_cuda_event, double *)
CALL1(pool_new, ct_error *, ct_cuda_pool *)
CALL1(graph_new, ct_error *, ct_cuda_graph *)
CALL1(graph_free, void, ct_cuda_graph)
CALL3(graph_begin, ct_error *, ct_cuda_graph, ct_cuda_pool, int32_t)
CALL1(graph_end, ct_error *, ct_cuda_graph)
CALL1(graph_replay, ct_error *, ct_cuda_graph)
CALL1(graph_reset, ct_error *, ct_cuda_graph)
CALL2(graph_pool, ct_error *, ct_cuda_graph, ct_cuda_pool *)
CALL6(nccl_new, ct_error *, uintptr_t, const char *, int32_t, int32_t, int64_t, void **)

/* The same for the bridge to c10d. */
#undef GO
#undef TABLE
#define GO(f) go_##f
#define TABLE dist_table
CALL6(store_new, ct_error *, const char *, int32_t, int32_t, int32_t, int64_t, ct_store *)
CALL1(store_free, void, ct_store)
CALL3(store_set, ct_error *, ct_store, const char *, const char *)
CALL3(store_get, ct_error *, ct_store, const char *, char **)
CALL4(store_add, ct_error *, ct_store, const char *, int64_t, int64_t *)
CALL2(group_new, ct_error *, const ct_group_options *, ct_group *)
CALL1(group_free, void, ct_group)
CALL1(group_abort, ct_error *, ct_group)
CALL3(all_reduce, ct_error *, ct_group, void *, int32_t)
CALL3(broadcast, ct_error *, ct_group, void *, int32_t)
CALL3(all_gather, ct_error *, ct_group, void *, void *)
CALL1(barrier, ct_error *, ct_group)
CALL2(monitored_barrier, ct_error *, ct_group, int64_t)
static inline ct_error *go_reducer_new(ct_group g, void *const *params, const char *const *names,
                                       int32_t nparams, void *const *state, int32_t nstate,
                                       int32_t nbuffers, const ct_reducer_options *options,
                                       ct_reducer *out) {
  return dist_table->reducer_new(g, params, names, nparams, state, nstate, nbuffers, options, out);
}
CALL1(reducer_free, void, ct_reducer)
CALL1(reducer_forward, ct_error *, ct_reducer)
CALL3(reducer_backward, ct_error *, ct_reducer, void *, int32_t *)

#endif
