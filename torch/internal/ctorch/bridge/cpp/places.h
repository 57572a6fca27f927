// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Where the values of a plan lie, as a program wants to know it.
#pragma once

#include <optional>

#include "plan.h"
#include "program.h"

namespace etude::record {

using Items = std::vector<Item>;  // of a node; empty: there is no code for it

// What an operator reads or writes: the tensor, and where it lies.
struct Source {
  at::Tensor tensor;
  Range range;
};

class Places {
 public:
  explicit Places(const Plan& plan) : plan_(plan) {
    for (int p : plan_.results)
      if (p >= 0) results_.insert(plan_.storage(p));
  }

 protected:
  const Plan& plan_;

  Range range(const at::Tensor& t, const void* value, bool local) const {
    auto lo = static_cast<const char*>(t.const_data_ptr());
    int64_t last = 0, size = int64_t(t.element_size());
    if (t.numel() == 0) return {lo, lo, 0, 0, value, local};
    for (int64_t d = 0; d < t.dim(); d++) last += (t.size(d) - 1) * t.stride(d);
    Range r{lo, lo + (last + 1) * size, 0, 0, value, local};
    if (t.dim() == 2 && t.stride(1) == 1 && t.stride(0) > t.size(1)) r.stride = t.stride(0) * size, r.width = t.size(1) * size;
    return r;
  }
  // Whether nobody sees a value after the step.
  bool local(Storage s) const { return plan_.made.count(s) && !results_.count(s); }
  Source source(int place) const {
    auto& t = plan_.at(place);
    return {t, range(t, plan_.storage(place), local(plan_.storage(place)))};
  }
  static bool is_float(const at::Tensor& t) { return t.defined() && t.scalar_type() == at::kFloat && t.numel() > 0; }
  template <class T = float>
  static T* data(const at::Tensor& t) { return static_cast<T*>(t.data_ptr()); }

  // The place of a tensor argument; -1: it is something else.
  static int place(const Node& n, size_t arg) { return arg < n.args.size() && n.args[arg].kind == Arg::kTensor ? n.args[arg].places[0] : -1; }
  std::optional<double> number(const Node& n, size_t arg) const {
    const Arg& a = n.args[arg];
    if (a.kind == Arg::kTensor && a.places[0] >= 0) {
      auto& t = plan_.at(a.places[0]);
      if (t.unsafeGetTensorImpl()->is_wrapped_number() && !t.is_complex()) return t.item<double>();
    }
    if (a.kind == Arg::kValue && a.value.isScalar() && !a.value.isComplexDouble()) return a.value.toScalar().toDouble();
    return {};
  }

 private:
  std::unordered_set<Storage> results_;
};

}  // namespace etude::record
