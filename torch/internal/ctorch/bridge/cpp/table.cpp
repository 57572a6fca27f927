// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The table of entries. Each entry stands once, in the order of ct_api: C++ refuses
// names in another order, and the function is found by the same name.

#include <cstddef>

#include "entries.h"

#define ENTRIES(E) \
  E(process::, error_free)       \
  E(call::, op_find)             \
  E(call::, op_overloads)        \
  E(process::, text_free)        \
  E(call::, call)                \
  E(call::, list_take)           \
  E(call::, observe)             \
  E(call::, observed)            \
  E(tensor::, tensors_free)      \
  E(tensor::, tensor_retain)     \
  E(tensor::, tensor_take)       \
  E(tensor::, tensor_give)       \
  E(tensor::, tensor_from)       \
  E(tensor::, tensor_read)       \
  E(tensor::, tensor_info)       \
  E(tensor::, grad_fn)           \
  E(tensor::, set_requires_grad) \
  E(tensor::, grad)              \
  E(tensor::, set_grad)          \
  E(tensor::, clear_grads)       \
  E(tensor::, backward)          \
  E(record::, record_new)        \
  E(record::, record_begin)      \
  E(record::, record_end)        \
  E(record::, record_graph)      \
  E(record::, record_abandon)    \
  E(record::, record_free)       \
  E(record::, record_results)    \
  E(record::, record_plan)       \
  E(record::, replay)            \
  E(process::, scope_swap)       \
  E(process::, grad_mode_swap)   \
  E(process::, threads_swap)     \
  E(process::, flush_swap)       \
  E(autocast::, autocast_enter)  \
  E(autocast::, autocast_leave)  \
  E(process::, threads_set)      \
  E(process::, threads_get)      \
  E(process::, warning_take)     \
  E(rng::, seed)                 \
  E(rng::, rng_state)            \
  E(rng::, set_rng_state)        \
  E(rng::, generators_new)       \
  E(rng::, generators_free)      \
  E(rng::, generators_swap)      \
  E(process::, cpu_capability)   \
  E(process::, option_set)       \
  E(process::, option_get)       \
  E(process::, device_count)     \
  E(process::, device_type)      \
  E(process::, device_name)      \
  E(process::, memory)           \
  E(process::, memory_add)

#define FIELD(file, name) .name = etude::file name,
#define ONE(file, name) +1

static_assert(offsetof(ct_api, error_free) + sizeof(void*) * (0 ENTRIES(ONE)) == sizeof(ct_api),
              "an entry of ct_api is missing above");

extern "C" __attribute__((visibility("default"))) const ct_api* ct_get_api(void) {
  [[maybe_unused]] static const bool started = (etude::process::start(), true);
  static const ct_api api = {
      .abi = CT_ABI,
      .size = sizeof(ct_api),
      .libtorch_version = etude::process::libtorch_version,
      .warnings = etude::process::warnings,
      ENTRIES(FIELD)};
  return &api;
}
