// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// A recorded step, and what is left of it to be replayed.
//
//   record.cpp  sees the operators that libtorch runs for a step
//   plan.cpp    drops views and what nobody reads, keeps what never changes, gives all
//               values their memory
//   lower.cpp   has plain code for known operators
//   prove.cpp   runs libtorch's operators, their variants that write into given memory and
//               the plain code side by side, keeps what gives the same bits, and replays
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace etude::record {

using Storage = c10::StorageImpl*;

// Where a tensor lies: its storage, offset, sizes and strides. Storages are kept for the life of
// a recording, so a place means one value for ever, and a view is a place too.
struct Place {
  at::Tensor tensor;  // lies there, without autograd; the plan may move it
  Storage storage;    // which value it belongs to; of the recording, wherever tensor lies now
};

struct Arg {
  enum Kind : uint8_t { kValue, kTensor, kTensors, kOptionalTensors } kind = kValue;
  c10::IValue value;        // kValue
  std::vector<int> places;  // else; -1: undefined
};

struct Node {
  c10::OperatorHandle op;
  std::string name;       // with its overload: "aten::add.Tensor"
  std::vector<Arg> args;  // all of the schema's, in its order
  std::vector<int> outs;  // places of the results, those of a list one by one; -1: undefined
  bool list = false;      // the result is a list
  bool grad = false;      // grad mode then: some kernels look at it

  // What libtorch is called with. The results that the operator makes anew, by their
  // numbers, are copied to their places afterwards, or out writes them there.
  std::vector<c10::IValue> stack;
  std::vector<int> copies;
  std::optional<c10::OperatorHandle> out;
};

struct Recording {
  std::vector<Place> places;
  std::vector<Node> nodes;
  std::vector<int> results;          // places whose values are wanted after each step
  std::unordered_set<Storage> made;  // by the step; all others come from outside, and stay
  // Counts the changes of each tensor from outside that the step writes to, for autograd.
  std::unordered_map<Storage, c10::VariableVersion> versions;
};

struct Plan {
  std::vector<Place> places;
  std::vector<Node> nodes;  // in order, without what was dropped
  std::vector<int> results;
  std::unordered_set<Storage> made;
  // Values that were computed once, while the step was recorded, and that nothing changes.
  std::unordered_set<Storage> fixed;
  std::unordered_map<Storage, c10::VariableVersion> versions;
  at::Tensor arena;  // memory that values share that are never alive together

  explicit Plan(Recording);

  const at::Tensor& at(int place) const { return places[place].tensor; }
  // Whether the value of a place is of one step alone: nobody sees it between two steps.
  bool internal(int place) const;
  // Places that a node reads or writes to. A tensor that it changes in place is in both.
  std::vector<int> reads(const Node&) const;
  std::vector<int> writes(const Node&) const;

  // Runs libtorch's operator, or with out its variant, on the node's places.
  void call(const Node&) const;
};

// Whether the node's operator writes to an argument, or draws random numbers.
bool writes_to(const Node&, size_t arg);
bool random(const Node&);

// Plain code for nodes of a plan. All is called on one thread, which has its number of
// threads set (at::get_num_threads), and below autograd.
struct Lowered {
  virtual ~Lowered() = default;
  // Whether there is code for a node, and running it alone, to be compared with libtorch's
  // operator on the same values. It writes to the places of Plan::writes and to nothing else.
  virtual bool has(size_t node) const = 0;
  virtual void run_one(size_t node) = 0;
  // Puts the program together: nodes without proof are Plan::call, in their order as far as
  // values or random numbers depend on it.
  virtual void link(const std::vector<bool>& proved) = 0;
  // Runs one step.
  virtual void run() = 0;
};

// Called when all values have their memory, which is not moved any more. The plan outlives
// what is returned; null: nothing is lowered.
std::unique_ptr<Lowered> lower(Plan&);

}  // namespace etude::record
