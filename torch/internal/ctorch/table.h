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

static inline void go_error_free(ct_error *e) { ct_table->error_free(e); }
static inline char *go_error_text(ct_error *e) { return e->text; }
static inline ct_error *go_op_find(const char *name, const char *overload, ct_op *op,
                                   char **schema) {
  return ct_table->op_find(name, overload, op, schema);
}
static inline ct_error *go_op_overloads(const char *name, char **names) {
  return ct_table->op_overloads(name, names);
}
static inline void go_text_free(char *text) { ct_table->text_free(text); }
static inline ct_error *go_call(ct_op op, const ct_value *args, int32_t nargs, const int64_t *pool,
                                ct_value *results, int32_t max_results, int32_t discard,
                                ct_result *result) {
  return ct_table->call(op, args, nargs, pool, results, max_results, discard, result);
}
static inline void go_list_take(int64_t list, int64_t *dst, int32_t n) {
  ct_table->list_take(list, dst, n);
}
static inline ct_error *go_observe(int32_t mode) { return ct_table->observe(mode); }
static inline ct_error *go_observed(char **name, ct_value *args, int32_t max_args, int32_t *nargs,
                                    ct_value *results, int32_t max_results, int32_t *nresults) {
  return ct_table->observed(name, args, max_args, nargs, results, max_results, nresults);
}
static inline void go_tensors_free(const ct_tensor *tensors, int32_t n) {
  ct_table->tensors_free(tensors, n);
}
static inline void go_tensor_retain(ct_tensor t) { ct_table->tensor_retain(t); }
static inline ct_tensor go_tensor_take(const void *at_tensor) {
  return ct_table->tensor_take(at_tensor);
}
static inline void *go_tensor_give(ct_tensor t) { return ct_table->tensor_give(t); }
static inline ct_error *go_tensor_from(const void *data, int64_t bytes, const int64_t *sizes,
                                       int32_t ndim, int32_t dtype, ct_tensor *out,
                                       ct_result *result) {
  return ct_table->tensor_from(data, bytes, sizes, ndim, dtype, out, result);
}
static inline ct_error *go_tensor_read(ct_tensor t, void *dst, int64_t bytes) {
  return ct_table->tensor_read(t, dst, bytes);
}
static inline ct_error *go_tensor_info(ct_tensor t, ct_info *info, int64_t *sizes,
                                       int64_t *strides, int32_t capacity) {
  return ct_table->tensor_info(t, info, sizes, strides, capacity);
}
static inline ct_error *go_grad_fn(ct_tensor t, char **name) { return ct_table->grad_fn(t, name); }
static inline ct_error *go_set_requires_grad(ct_tensor t, int32_t on) {
  return ct_table->set_requires_grad(t, on);
}
static inline ct_error *go_grad(ct_tensor t, ct_tensor *out, ct_result *result) {
  return ct_table->grad(t, out, result);
}
static inline ct_error *go_set_grad(ct_tensor t, ct_tensor grad) {
  return ct_table->set_grad(t, grad);
}
static inline ct_error *go_clear_grads(const ct_tensor *tensors, int32_t n) {
  return ct_table->clear_grads(tensors, n);
}
static inline ct_error *go_backward(ct_tensor t, ct_tensor gradient, int32_t retain_graph,
                                    int32_t create_graph) {
  return ct_table->backward(t, gradient, retain_graph, create_graph);
}
static inline ct_error *go_record_new(ct_recording *out) { return ct_table->record_new(out); }
static inline ct_error *go_record_begin(ct_recording r) { return ct_table->record_begin(r); }
static inline ct_error *go_record_end(ct_recording r, const ct_tensor *results, int32_t n,
                                      int32_t *device, char **refused) {
  return ct_table->record_end(r, results, n, device, refused);
}
static inline void go_record_graph(ct_recording r, ct_cuda_graph g) {
  ct_table->record_graph(r, (ct_graph){g, cuda_table->graph_replay, cuda_table->graph_free});
}
static inline void go_record_abandon(ct_recording r) { ct_table->record_abandon(r); }
static inline void go_record_free(ct_recording r) { ct_table->record_free(r); }
static inline ct_error *go_record_results(ct_recording r, ct_tensor *out) {
  return ct_table->record_results(r, out);
}
static inline void go_record_plan(ct_recording r, ct_plan *out) { ct_table->record_plan(r, out); }
static inline ct_error *go_replay(ct_recording r, int64_t n, const int32_t *stop, int64_t *done) {
  return ct_table->replay(r, n, stop, done);
}
static inline uint32_t go_scope_swap(uint32_t scope) { return ct_table->scope_swap(scope); }
/* The calling thread's scope. One call, so that the goroutine stays on its thread. */
static inline uint32_t go_scope(void) {
  uint32_t scope = ct_table->scope_swap(0);
  ct_table->scope_swap(scope);
  return scope;
}
static inline int32_t go_grad_mode_swap(int32_t on) { return ct_table->grad_mode_swap(on); }
static inline int32_t go_threads_swap(int32_t n) { return ct_table->threads_swap(n); }
static inline int32_t go_flush_swap(int32_t on) { return ct_table->flush_swap(on); }
static inline ct_error *go_autocast_enter(const ct_autocast *mode, ct_autocast *old) {
  return ct_table->autocast_enter(mode, old);
}
static inline void go_autocast_leave(const ct_autocast *old) { ct_table->autocast_leave(old); }
static inline void go_threads_set(int32_t n) { ct_table->threads_set(n); }
static inline int32_t go_threads_get(void) { return ct_table->threads_get(); }
static inline char *go_warning_take(void) { return ct_table->warning_take(); }
static inline ct_error *go_seed(uint64_t seed) { return ct_table->seed(seed); }
static inline ct_error *go_rng_state(int32_t type, int32_t index, ct_tensor *out,
                                     ct_result *result) {
  return ct_table->rng_state(type, index, out, result);
}
static inline ct_error *go_set_rng_state(int32_t type, int32_t index, ct_tensor state) {
  return ct_table->set_rng_state(type, index, state);
}
static inline ct_error *go_generators_new(ct_generators *out) {
  return ct_table->generators_new(out);
}
static inline void go_generators_free(ct_generators g) { ct_table->generators_free(g); }
static inline ct_generators go_generators_swap(ct_generators g) {
  return ct_table->generators_swap(g);
}
static inline const char *go_cpu_capability(void) { return ct_table->cpu_capability(); }
static inline ct_error *go_option_set(int32_t option, int32_t value) {
  return ct_table->option_set(option, value);
}
static inline ct_error *go_option_get(int32_t option, int32_t *value) {
  return ct_table->option_get(option, value);
}
static inline ct_error *go_device_count(int32_t type, int32_t *count) {
  return ct_table->device_count(type, count);
}
static inline ct_error *go_device_type(const char *name, int32_t *type) {
  return ct_table->device_type(name, type);
}
static inline ct_error *go_device_name(int32_t type, char *name, int32_t capacity) {
  return ct_table->device_name(type, name, capacity);
}
static inline void go_memory(ct_memory *out) { ct_table->memory(out); }
static inline const char *go_libtorch_version(void) { return ct_table->libtorch_version; }

/* The same for the CUDA bridge. */
static inline ct_error *go_cuda_available(int32_t *count) { return cuda_table->available(count); }
static inline ct_error *go_cuda_versions(int32_t *r, int32_t *d, int64_t *c) {
  return cuda_table->versions(r, d, c);
}
static inline ct_error *go_cuda_properties(int32_t device, ct_cuda_properties *out) {
  return cuda_table->properties(device, out);
}
static inline ct_error *go_cuda_device_swap(int32_t device, int32_t *old) {
  return cuda_table->device_swap(device, old);
}
static inline ct_error *go_cuda_device_restore(int32_t device) {
  return cuda_table->device_swap(device, 0);
}
static inline ct_error *go_cuda_synchronize(int32_t device) {
  return cuda_table->synchronize(device);
}
static inline ct_error *go_cuda_sync_debug_mode(int32_t mode) {
  return cuda_table->sync_debug_mode(mode);
}
static inline ct_error *go_cuda_memory_info(int32_t device, int64_t *f, int64_t *t) {
  return cuda_table->memory_info(device, f, t);
}
static inline ct_error *go_cuda_memory_stats(int32_t device, ct_cuda_stats *out) {
  return cuda_table->memory_stats(device, out);
}
static inline ct_error *go_cuda_reset_peak_stats(int32_t device) {
  return cuda_table->reset_peak_stats(device);
}
static inline ct_error *go_cuda_empty_cache(void) { return cuda_table->empty_cache(); }
static inline ct_error *go_cuda_stream_new(int32_t device, int32_t high, ct_cuda_stream *out) {
  return cuda_table->stream_new(device, high, out);
}
static inline ct_error *go_cuda_stream_current(int32_t device, ct_cuda_stream *out) {
  return cuda_table->stream_current(device, out);
}
static inline ct_error *go_cuda_stream_swap(ct_cuda_stream s, ct_cuda_stream *old) {
  return cuda_table->stream_swap(s, old);
}
static inline ct_error *go_cuda_stream_synchronize(ct_cuda_stream s) {
  return cuda_table->stream_synchronize(s);
}
static inline ct_error *go_cuda_stream_query(ct_cuda_stream s, int32_t *done) {
  return cuda_table->stream_query(s, done);
}
static inline ct_error *go_cuda_stream_wait(ct_cuda_stream s, ct_cuda_event e) {
  return cuda_table->stream_wait(s, e);
}
static inline ct_error *go_cuda_event_new(int32_t timing, ct_cuda_event *out) {
  return cuda_table->event_new(timing, out);
}
static inline void go_cuda_event_free(ct_cuda_event e) { cuda_table->event_free(e); }
static inline ct_error *go_cuda_event_record(ct_cuda_event e, ct_cuda_stream s) {
  return cuda_table->event_record(e, s);
}
static inline ct_error *go_cuda_event_synchronize(ct_cuda_event e) {
  return cuda_table->event_synchronize(e);
}
static inline ct_error *go_cuda_event_query(ct_cuda_event e, int32_t *done) {
  return cuda_table->event_query(e, done);
}
static inline ct_error *go_cuda_event_elapsed(ct_cuda_event a, ct_cuda_event b, double *ms) {
  return cuda_table->event_elapsed(a, b, ms);
}
static inline ct_error *go_cuda_pool_new(ct_cuda_pool *out) { return cuda_table->pool_new(out); }
static inline ct_error *go_cuda_graph_new(ct_cuda_graph *out) { return cuda_table->graph_new(out); }
static inline void go_cuda_graph_free(ct_cuda_graph g) { cuda_table->graph_free(g); }
static inline ct_error *go_cuda_graph_begin(ct_cuda_graph g, ct_cuda_pool pool, int32_t mode) {
  return cuda_table->graph_begin(g, pool, mode);
}
static inline ct_error *go_cuda_graph_end(ct_cuda_graph g) { return cuda_table->graph_end(g); }
static inline ct_error *go_cuda_graph_replay(ct_cuda_graph g) {
  return cuda_table->graph_replay(g);
}
static inline ct_error *go_cuda_graph_reset(ct_cuda_graph g) { return cuda_table->graph_reset(g); }
static inline ct_error *go_cuda_graph_pool(ct_cuda_graph g, ct_cuda_pool *out) {
  return cuda_table->graph_pool(g, out);
}
static inline ct_error *go_cuda_nccl_new(uintptr_t store, const char *prefix, int32_t rank,
                                         int32_t size, int64_t timeout, void **out) {
  return cuda_table->nccl_new(store, prefix, rank, size, timeout, out);
}

/* The same for the bridge to c10d. */
static inline ct_error *go_store_new(const char *host, int32_t port, int32_t server, int32_t join,
                                     int64_t timeout, ct_store *out) {
  return dist_table->store_new(host, port, server, join, timeout, out);
}
static inline void go_store_free(ct_store s) { dist_table->store_free(s); }
static inline ct_error *go_store_set(ct_store s, const char *key, const char *value) {
  return dist_table->store_set(s, key, value);
}
static inline ct_error *go_store_get(ct_store s, const char *key, char **value) {
  return dist_table->store_get(s, key, value);
}
static inline ct_error *go_store_add(ct_store s, const char *key, int64_t n, int64_t *sum) {
  return dist_table->store_add(s, key, n, sum);
}
static inline ct_error *go_group_new(const ct_group_options *options, ct_group *out) {
  return dist_table->group_new(options, out);
}
static inline void go_group_free(ct_group g) { dist_table->group_free(g); }
static inline ct_error *go_group_abort(ct_group g) { return dist_table->group_abort(g); }
static inline ct_error *go_all_reduce(ct_group g, void *t, int32_t op) {
  return dist_table->all_reduce(g, t, op);
}
static inline ct_error *go_broadcast(ct_group g, void *t, int32_t root) {
  return dist_table->broadcast(g, t, root);
}
static inline ct_error *go_all_gather(ct_group g, void *t, void *const *out) {
  return dist_table->all_gather(g, t, out);
}
static inline ct_error *go_barrier(ct_group g) { return dist_table->barrier(g); }
static inline ct_error *go_monitored_barrier(ct_group g, int64_t timeout) {
  return dist_table->monitored_barrier(g, timeout);
}
static inline ct_error *go_reducer_new(ct_group g, void *const *params, const char *const *names,
                                       int32_t nparams, void *const *state, int32_t nstate,
                                       int32_t nbuffers, const ct_reducer_options *options,
                                       ct_reducer *out) {
  return dist_table->reducer_new(g, params, names, nparams, state, nstate, nbuffers, options, out);
}
static inline void go_reducer_free(ct_reducer r) { dist_table->reducer_free(r); }
static inline ct_error *go_reducer_forward(ct_reducer r) { return dist_table->reducer_forward(r); }
static inline ct_error *go_reducer_backward(ct_reducer r, void *loss, int32_t *unused) {
  return dist_table->reducer_backward(r, loss, unused);
}

#endif
