// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// A recorded step, proved and replayed.
#pragma once

#include "plan.h"

namespace etude::record {

// What a step leaves behind: values from outside, its results, and the random generator.
class Snapshot {
 public:
  explicit Snapshot(const Recording&);
  Snapshot now() const;  // of the same
  void restore() const;
  void forget();  // the values, not what they are of
  // What first is not as it was, by the operator that writes to it; empty: nothing.
  std::string difference() const;

 private:
  Snapshot() = default;
  struct Value {
    std::string name;
    at::Tensor place, copy;
    bool result;  // each step makes it anew
  };
  std::vector<Value> values_;
  at::Tensor generator_;
};

class Replay {
 public:
  Replay(Recording, bool move, bool lowers);

  // Runs steps from the present state, each operator in all ways that there are, and keeps those
  // ways that give the bits of libtorch's operator in each. Leaves other state behind.
  void prove();
  void step();
  const Plan& plan() const { return plan_; }
  // How many operators run as plain code, and how many of the others write into given memory.
  int lowered() const { return static_cast<int>(std::count(proved_.begin(), proved_.end(), true)); }
  int outs() const {
    int n = 0;
    for (size_t k = 0; k < proved_.size(); k++) n += !proved_[k] && plan_.nodes[k].out;
    return n;
  }
  // The number of threads that the proof is for.
  int threads() const { return threads_; }

 private:
  void prove(size_t node);
  bool keeps_shape(const Node&, const c10::OperatorHandle& out) const;

  Plan plan_;
  bool lowers_;
  std::unique_ptr<Lowered> lowered_;  // for threads_
  std::vector<bool> proved_;  // nodes whose plain code is right so far
  int threads_ = 0;
};

}  // namespace etude::record
