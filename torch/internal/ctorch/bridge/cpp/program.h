// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// A sequence of kernels and calls, put into an order in which little memory moves and
// threads seldom wait for each other.
#pragma once

#include <functional>
#include <variant>
#include <vector>

#include "kernels.h"
#include "pool.h"

namespace etude {

// Memory that an item reads or writes: from lo to hi, of it `width` bytes in each `stride`.
struct Range {
  const char *lo, *hi;
  int64_t stride, width;
  const void* value;  // what lies there; others may lie there at other times
  bool local;         // nobody sees it after the step
  bool meets(const Range&) const;
};

struct Item {
  std::variant<kernels::Kernel, std::function<void()>> what;  // a call runs alone
  std::vector<Range> reads, writes;
  std::vector<Range> operands;  // of a chain: what lies where its operands point to

  template <class K>
  K* as() {
    auto* k = std::get_if<kernels::Kernel>(&what);
    return k ? std::get_if<K>(k) : nullptr;
  }
};

class Program final : Pool::Work {
 public:
  // Items in an order in which they give the right result. They keep it, and none becomes part
  // of another, unless arrange is set.
  Program(std::vector<Item> items, Pool& pool, bool arrange);
  void run();

 private:
  struct Task {
    const kernels::Kernel* kernel;
    int part, of;
  };
  // Kernels that do not depend on each other, or one call.
  struct Phase {
    std::function<void()>* call = nullptr;
    std::vector<std::vector<Task>> lanes;
    std::vector<uint16_t> counts;
    bool alone = true;  // all in the caller's lane
  };
  std::vector<Item> items_;
  Pool& pool_;
  std::vector<Phase> phases_;
  const Phase* now_ = nullptr;

  void split_adam();
  void advance_adam();
  void merge_adam();
  void join_chains();
  void divide();
  void task(int lane, int i) noexcept override;
};

// The kernels for the vectors that libtorch itself uses in this process.
const kernels::Width& kernels_here();

// The depth at which a product by code of our own has the bits of libtorch's BLAS, if it is
// faster as well, as it is where the BLAS does not use the widest vectors; else 0.
int own_depth(const kernels::Product&);

}  // namespace etude
