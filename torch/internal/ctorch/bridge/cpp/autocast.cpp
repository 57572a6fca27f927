// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Autocast: the operators that gain most from it compute in a short type.

#include <ATen/autocast_mode.h>

#include <atomic>

#include "guard.h"
#include "record.h"

namespace etude::autocast {
namespace {

// libtorch keeps the casts of parameters until the outermost autocast ends, but in one
// place for all threads, by the parameter alone. A thread that shared them with another
// would see them in the other's type, or parameters as they were before the other's
// optimizer changed them. So they belong to one thread at a time; a second one that
// is inside an autocast meanwhile casts each time.
std::atomic<bool> cache_taken{false};
thread_local bool owns_cache = false;
thread_local ct_autocast kept{};  // the owner's mode whose casts are in it

}  // namespace

ct_error* autocast_enter(const ct_autocast* mode, ct_autocast* old) {
  return guard([&] {
    auto type = device_kind(mode->device_type);
    TORCH_CHECK(at::autocast::is_autocast_available(type), "libtorch has no autocast for devices of the kind ",
                c10::DeviceTypeName(type, /*lower_case=*/true));
    *old = {mode->device_type, static_cast<int32_t>(at::autocast::get_autocast_dtype(type)),
            at::autocast::is_autocast_enabled(type), at::autocast::is_autocast_cache_enabled()};
    at::autocast::set_autocast_enabled(type, mode->enabled != 0);
    at::autocast::set_autocast_dtype(type, static_cast<at::ScalarType>(mode->dtype));
    if (at::autocast::increment_nesting() == 1) {
      owns_cache = !cache_taken.exchange(true);
      kept = {};
    }
    if (!kept.enabled) kept = *mode;
    bool same = kept.device_type == mode->device_type && kept.dtype == mode->dtype;
    at::autocast::set_autocast_cache_enabled(owns_cache && (same || !mode->enabled));
  });
}

void autocast_leave(const ct_autocast* old) {
  auto type = static_cast<c10::DeviceType>(old->device_type);
  if (at::autocast::decrement_nesting() == 0 && owns_cache) {
    at::autocast::clear_cache();
    owns_cache = false;
    cache_taken.store(false);
  }
  at::autocast::set_autocast_enabled(type, old->enabled != 0);
  at::autocast::set_autocast_dtype(type, static_cast<at::ScalarType>(old->dtype));
  at::autocast::set_autocast_cache_enabled(old->cached != 0);
}

}  // namespace etude::autocast

bool etude::record::casts(const c10::OperatorHandle& op) {
  auto on = [&](c10::DeviceType type, c10::DispatchKey key) {
    return at::autocast::is_autocast_enabled(type) && op.hasKernelForDispatchKey(key) && !c10::impl::tls_is_dispatch_key_excluded(key);
  };
  return on(at::kCPU, c10::DispatchKey::AutocastCPU) || on(at::kCUDA, c10::DispatchKey::AutocastCUDA);
}
