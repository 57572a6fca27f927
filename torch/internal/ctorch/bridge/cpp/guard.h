// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Shared by the bridge's C++ files: errors, handles, per-thread state.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cstdlib>
#include <cstring>
#include <exception>

#include "entries.h"

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

// How the calling thread rounds, traps and treats denormal numbers. Threads that compute for
// another one take over its state first.
uint64_t float_state() noexcept;
void set_float_state(uint64_t) noexcept;

// The calling thread while libtorch works on it. Number of threads, warning handler and
// denormal numbers are properties of a thread, but a goroutine runs on whatever thread is at
// hand: so every entry that may compute sets them first. Go's code computes as before.
struct Working {
  Working();
  ~Working();
  uint64_t before;
};

// guard for an entry that may compute. (Of this library alone: the CUDA bridge, which
// shares this header, has no Working.)
template <class F>
ct_error* work(F&& f) noexcept {
  return guard([&] {
    Working working;
    f();
  });
}

// A device type that libtorch has: it trusts the number as an index into its tables.
inline c10::DeviceType device_kind(int32_t type) {
  TORCH_CHECK(type >= 0 && type < c10::COMPILE_TIME_MAX_DEVICE_TYPES,
              "there is no device type with the number ", type);
  return static_cast<c10::DeviceType>(type);
}

}  // namespace etude
