// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Sees the operators that libtorch runs for a step.
#pragma once

#include <ATen/record_function.h>

#include <c10/util/ThreadLocalDebugInfo.h>

#include <functional>
#include <mutex>
#include <stdexcept>

#include "plan.h"

namespace etude::record {

// Why a step cannot be replayed. The text goes on from "the step cannot be recorded: ".
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Records the leaves among the operators that the calling thread runs: those with a kernel
// of their own, below autograd and autocast. What they call themselves is not looked at. libtorch
// goes backward through tensors of a GPU on a thread of that GPU, which works for the calling one.
class Recorder : public c10::DebugInfoBase {
 public:
  Recorder();
  ~Recorder() override;
  Recorder(const Recorder&) = delete;

  // Ends the recording. results are wanted after each step. A CUDA graph has captured the step or
  // has not. Throws Refused.
  Recording finish(const std::vector<at::Tensor>& results, bool captured);

  // Gives the recording up, for the first of all reasons.
  void refuse(std::string why) {
    if (refused_.empty()) refused_ = std::move(why);
  }
  // That of the calling thread; null: it records nothing.
  static Recorder* current();

 private:
  struct Context;
  using Key = std::vector<int64_t>;  // storage, offset, type, whether it is a wrapped number, sizes, strides
  struct Hash {
    size_t operator()(const Key&) const;
  };

  int place(const at::Tensor&, const std::string& of);
  void begin(const at::RecordFunction&, Context&);
  void end(const at::RecordFunction&, Context&);
  void check_device(bool captured) const;

  Recording r_;
  std::string refused_;
  std::unordered_map<Key, int, Hash> index_;
  at::CallbackHandle handle_;
  std::mutex mutex_;
};

// Throws Refused where two recordings of a step are not the same: what differs would stay as
// it was in every replay. Values from outside are compared as they are now.
void compare(const Recording& a, const Recording& b);

// Lets go of the memory of what a step made; compare still takes the recording, as a.
void release_memory(Recording&);

// Whether autocast calls the operator again, with other arguments (autocast.cpp).
bool casts(const c10::OperatorHandle&);

// "argument weight of aten::addmm"
std::string name_of(const Node&, size_t arg);

}  // namespace etude::record
