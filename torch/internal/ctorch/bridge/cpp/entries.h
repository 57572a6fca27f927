// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The entries of the bridge, by the file that defines them. Nothing of libtorch is
// included here, so that the table of entries compiles alone.
#pragma once

#include "ct.h"

namespace etude {

namespace call {
ct_error* op_find(const char*, const char*, ct_op*, char**);
ct_error* op_overloads(const char*, char**);
ct_error* call(ct_op, const ct_value*, int32_t, const int64_t*, ct_value*, int32_t, int32_t,
               ct_result*);
void list_take(int64_t, int64_t*, int32_t);
ct_error* observe(int32_t);
ct_error* observed(char**, ct_value*, int32_t, int32_t*, ct_value*, int32_t, int32_t*);
}  // namespace call

namespace tensor {
void tensors_free(const ct_tensor*, int32_t);
void tensor_retain(ct_tensor);
ct_tensor tensor_take(const void*);
void* tensor_give(ct_tensor);
ct_error* tensor_from(const void*, int64_t, const int64_t*, int32_t, int32_t, ct_tensor*,
                      ct_result*);
ct_error* tensor_read(ct_tensor, void*, int64_t);
ct_error* tensor_info(ct_tensor, ct_info*, int64_t*, int64_t*, int32_t);
ct_error* grad_fn(ct_tensor, char**);
ct_error* set_requires_grad(ct_tensor, int32_t);
ct_error* grad(ct_tensor, ct_tensor*, ct_result*);
ct_error* set_grad(ct_tensor, ct_tensor);
ct_error* clear_grads(const ct_tensor*, int32_t);
ct_error* backward(ct_tensor, ct_tensor, int32_t, int32_t);
}  // namespace tensor

namespace record {
ct_error* record_new(ct_recording*);
ct_error* record_begin(ct_recording);
ct_error* record_end(ct_recording, const ct_tensor*, int32_t, int32_t*, char**);
void record_graph(ct_recording, ct_graph);
void record_abandon(ct_recording);
void record_free(ct_recording);
ct_error* record_results(ct_recording, ct_tensor*);
void record_plan(ct_recording, ct_plan*);
ct_error* replay(ct_recording, int64_t, const int32_t*, int64_t*);
}  // namespace record

namespace autocast {
ct_error* autocast_enter(const ct_autocast*, ct_autocast*);
void autocast_leave(const ct_autocast*);
}  // namespace autocast

namespace rng {
ct_error* seed(uint64_t);
ct_error* rng_state(int32_t, int32_t, ct_tensor*, ct_result*);
ct_error* set_rng_state(int32_t, int32_t, ct_tensor);
ct_error* generators_new(ct_generators*);
void generators_free(ct_generators);
ct_generators generators_swap(ct_generators);
}  // namespace rng

namespace process {
extern const char libtorch_version[];
extern const int32_t* const warnings;  // how many warnings wait
void start();
void error_free(ct_error*);
void text_free(char*);
uint32_t scope_swap(uint32_t);
int32_t grad_mode_swap(int32_t);
int32_t threads_swap(int32_t);
int32_t flush_swap(int32_t);
void threads_set(int32_t);
int32_t threads_get();
char* warning_take();
const char* cpu_capability();
ct_error* option_set(int32_t, int32_t);
ct_error* option_get(int32_t, int32_t*);
ct_error* device_count(int32_t, int32_t*);
ct_error* device_type(const char*, int32_t*);
ct_error* device_name(int32_t, char*, int32_t);
void memory(ct_memory*);
void memory_add(int64_t);
}  // namespace process

}  // namespace etude
