// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The table of entries, in the order of ct_cuda_api; see ../table.cpp.

#include <cstddef>

#include "entries.h"

#define FIELD(file, name) .name = etude::cuda::file::name,
#define ONE(file, name) +1

static_assert(offsetof(ct_cuda_api, available) + sizeof(void*) * (0 CT_CUDA_ENTRIES(ONE)) ==
                  sizeof(ct_cuda_api),
              "an entry of ct_cuda_api is missing above");

extern "C" __attribute__((visibility("default"))) const ct_cuda_api* ct_cuda_get_api(void) {
  static const ct_cuda_api api = {
      .abi = CT_CUDA_ABI, .size = sizeof(ct_cuda_api), CT_CUDA_ENTRIES(FIELD)};
  return &api;
}
