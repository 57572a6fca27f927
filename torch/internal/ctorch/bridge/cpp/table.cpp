// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The table of entries.

#include <cstddef>

#include "entries.h"

#define FIELD(file, name) .name = etude::file::name,
#define ONE(file, name) +1

static_assert(offsetof(ct_api, error_free) + sizeof(void*) * (0 CT_ENTRIES(ONE)) == sizeof(ct_api),
              "an entry of ct_api is missing above");

extern "C" __attribute__((visibility("default"))) const ct_api* ct_get_api(void) {
  [[maybe_unused]] static const bool started = (etude::process::start(), true);
  static const ct_api api = {
      .abi = CT_ABI,
      .size = sizeof(ct_api),
      .libtorch_version = etude::process::libtorch_version,
      .warnings = etude::process::warnings,
      CT_ENTRIES(FIELD)};
  return &api;
}
