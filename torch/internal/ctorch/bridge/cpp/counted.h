// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Blocks of memory that know their size, so that the bytes alive can be counted
// exactly: malloc_usable_size depends on what the heap had at hand.
#pragma once

#include <cstddef>
#include <cstdint>

namespace etude {

// One cache line before the data holds the size; libtorch wants the data aligned to 64.
constexpr size_t kHeader = 64;

inline void* enter_block(void* block, size_t n) {
  *static_cast<size_t*>(block) = n;
  return static_cast<char*>(block) + kHeader;
}

inline void* block_of(void* data) { return static_cast<char*>(data) - kHeader; }

inline int64_t block_size(void* data) {
  return static_cast<int64_t>(*static_cast<size_t*>(block_of(data)));
}

}  // namespace etude
