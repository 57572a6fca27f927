// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The entries of the bridge, each with the file that defines it, in the order of ct_api: C++
// refuses names in another order. Nothing of libtorch is included here, so that the table of
// entries compiles alone.
#pragma once

#include <type_traits>

#include "ct.h"

#define CT_ENTRIES(E) \
  E(process, error_free)       \
  E(call, op_find)             \
  E(call, op_overloads)        \
  E(call, call)                \
  E(call, list_take)           \
  E(call, observe)             \
  E(call, observed)            \
  E(tensor, tensors_free)      \
  E(tensor, tensor_retain)     \
  E(tensor, tensor_take)       \
  E(tensor, tensor_give)       \
  E(tensor, tensor_from)       \
  E(tensor, tensor_read)       \
  E(tensor, tensor_info)       \
  E(tensor, grad_fn)           \
  E(tensor, set_requires_grad) \
  E(tensor, grad)              \
  E(tensor, set_grad)          \
  E(tensor, clear_grads)       \
  E(tensor, backward)          \
  E(record, record_new)        \
  E(record, record_begin)      \
  E(record, record_end)        \
  E(record, record_graph)      \
  E(record, record_abandon)    \
  E(record, record_free)       \
  E(record, record_results)    \
  E(record, record_plan)       \
  E(record, replay)            \
  E(process, scope_swap)       \
  E(process, grad_mode_swap)   \
  E(process, threads_swap)     \
  E(process, flush_swap)       \
  E(autocast, autocast_enter)  \
  E(autocast, autocast_leave)  \
  E(process, threads_set)      \
  E(process, threads_get)      \
  E(process, warning_take)     \
  E(rng, seed)                 \
  E(rng, rng_state)            \
  E(rng, set_rng_state)        \
  E(rng, generators_new)       \
  E(rng, generators_free)      \
  E(rng, generators_swap)      \
  E(process, cpu_capability)   \
  E(process, option_set)       \
  E(process, option_get)       \
  E(process, device_count)     \
  E(process, device_type)      \
  E(process, device_name)      \
  E(process, memory)           \
  E(process, memory_add)

// Declares an entry, as ct_api has it, in the namespace of its file.
#define DECLARE(file, name)                             \
  namespace etude::file {                               \
  std::remove_pointer_t<decltype(ct_api::name)> name;   \
  }
CT_ENTRIES(DECLARE)
#undef DECLARE

namespace etude::process {
extern const char libtorch_version[];
extern const int32_t* const warnings;  // how many warnings wait
void start();
}  // namespace etude::process
