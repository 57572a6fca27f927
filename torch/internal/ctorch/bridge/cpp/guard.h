// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Shared by the bridge's C++ files: errors, handles, per-thread state.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cstdlib>
#include <cstring>
#include <exception>

#include "ct.h"

namespace etude {

inline ct_error* make_error(int32_t kind, const char* text) {
  size_t length = strlen(text);
  auto* e = static_cast<ct_error*>(malloc(sizeof(ct_error) + length + 1));
  if (!e) abort();  // nothing sensible is left to do
  e->kind = kind;
  e->length = static_cast<int32_t>(length);
  memcpy(e->text, text, length + 1);
  return e;
}

// Runs f and turns whatever it throws into an error of our own.
template <class F>
ct_error* guard(F&& f) noexcept {
  try {
    f();
    return nullptr;
  } catch (const c10::Error& e) {
    return make_error(CT_ERR_TORCH, e.what_without_backtrace());
  } catch (const std::exception& e) {
    return make_error(CT_ERR_OTHER, e.what());
  } catch (...) {
    return make_error(CT_ERR_OTHER, "an unknown C++ exception");
  }
}

using Impl = c10::intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>;

// A tensor that shares the caller's handle: takes a reference of its own.
inline at::Tensor borrow(ct_tensor t) {
  return at::Tensor(Impl::unsafe_reclaim_from_nonowning(reinterpret_cast<at::TensorImpl*>(t)));
}

// Hands the reference over to the caller. t must be defined.
inline ct_tensor release(at::Tensor&& t) {
  return reinterpret_cast<ct_tensor>(t.unsafeReleaseTensorImpl());
}

uint32_t current_scope() noexcept;

// libtorch's number of threads is a property of the calling thread. Every entry
// that may compute calls this first, so that a goroutine finds the right number
// on whatever thread it happens to run.
void apply_threads();

void count_bytes(int64_t bytes) noexcept;

// Entries, by the file that defines them.
namespace call {
ct_error* op_find(const char*, const char*, ct_op*, char**);
ct_error* op_overloads(const char*, char**);
ct_error* call(ct_op, const ct_value*, int32_t, const int64_t*, ct_value*, int32_t, int32_t,
               ct_result*);
void list_take(int64_t, int64_t*, int32_t);
}  // namespace call

namespace tensor {
void tensors_free(const ct_tensor*, int32_t);
void tensor_retain(ct_tensor);
ct_error* tensor_from(const void*, int64_t, const int64_t*, int32_t, int32_t, ct_tensor*,
                      ct_result*);
ct_error* tensor_read(ct_tensor, void*, int64_t);
ct_error* tensor_info(ct_tensor, ct_info*, int64_t*, int64_t*, int32_t);
ct_error* set_requires_grad(ct_tensor, int32_t);
ct_error* grad(ct_tensor, ct_tensor*, ct_result*);
ct_error* set_grad(ct_tensor, ct_tensor);
ct_error* clear_grads(const ct_tensor*, int32_t);
ct_error* backward(ct_tensor, ct_tensor, int32_t, int32_t);
}  // namespace tensor

namespace rng {
ct_error* seed(uint64_t);
ct_error* rng_state(int32_t, int32_t, ct_tensor*, ct_result*);
ct_error* set_rng_state(int32_t, int32_t, ct_tensor);
ct_error* generators_new(ct_generators*);
void generators_free(ct_generators);
ct_generators generators_swap(ct_generators);
}  // namespace rng

}  // namespace etude
