// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// A recorded step, and what is left of it to be replayed.
//
//   record.cpp  sees the operators that libtorch runs for a step
//   plan.cpp    drops views and what nobody reads, keeps what never changes, gives all
//               values their memory
//   lower.cpp   has plain code for known operators
//   replay.cpp  runs libtorch's operators, their variants that write into given memory and
//               the plain code side by side, keeps what gives the same bits, and replays
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
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
  std::vector<int> outs;  // places of the results, those of a list one by one; -1: no tensor
  bool list = false;      // the result is a list
  bool grad = false;      // grad mode then: some kernels look at it

  // What libtorch is called with. The results that the operator makes anew, by their
  // numbers, are copied to their places afterwards; or out writes them there.
  std::vector<c10::IValue> stack;
  std::vector<int> copies;
  std::optional<c10::OperatorHandle> out;
};

struct Recording {
  std::vector<Place> places;
  std::vector<Node> nodes;
  std::vector<int> results;          // places whose values are wanted after each step
  std::unordered_set<Storage> made;  // by the step; all others come from outside, and stay
  c10::Device device = c10::kCPU;    // that the step computes on
  std::vector<c10::weak_intrusive_ptr<c10::StorageImpl>> freed;  // on a GPU: keeps addresses of what was made apart
  bool released = false;             // the memory of what was made: others may have its addresses
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

  // How many operators were recorded, and are not called: views, what nobody reads, what
  // was computed once, copies and concatenations into whose places their parts are made.
  int recorded = 0, views = 0, dead = 0, hoisted = 0, copies = 0, cats = 0;

  // With move, values may lie elsewhere than libtorch had them.
  Plan(Recording, bool move);

  // Of a place of nodes and results; places that only dropped operators had are undefined.
  const at::Tensor& at(int place) const { return places[place].tensor; }
  Storage storage(int place) const { return places[place].storage; }
  // Whether a value is of one step alone: nobody sees it between two steps.
  bool internal(Storage) const;

  // Runs libtorch's operator, or with out its variant, on the node's places.
  void call(const Node&) const;

 private:
  void prune();
  void hoist();
  void drop_copies();
  void drop_cats();
  bool drop_cat(size_t node);
  bool alone(Storage, size_t writer) const;
  bool unchanged(Storage, size_t after) const;
  void share_memory();
};

// Places that a node reads or writes to. A tensor that it changes in place is in both.
std::vector<int> reads(const Node&);
std::vector<int> writes(const Node&);
// Whether the node's operator writes to an argument, changes any, or draws random numbers.
bool writes_to(const Node&, size_t arg);
bool mutates(const Node&);
bool allocates(const Node&);    // memory without values
bool shape_alone(const Node&);  // of its arguments counts, no element
bool random(const Node&);

// Plain code for nodes of a plan. All is called on one thread, which has its number of
// threads set (at::get_num_threads), and below autograd.
struct Lowered {
  virtual ~Lowered() = default;
  // Whether there is code for a node, and running it alone, to be compared with libtorch's
  // operator on the same values. It writes to the places of writes(node) and to nothing else.
  virtual bool has(size_t node) const = 0;
  virtual void run_one(size_t node) = 0;
  // Puts the program together, anew each time: nodes without proof are Plan::call, in their
  // order as far as values or random numbers depend on it.
  virtual void link(const std::vector<bool>& proved) = 0;
  // Runs one step.
  virtual void run() = 0;
};

// Called when all values have their memory, which is not moved any more. The plan outlives
// what is returned; null: nothing is lowered.
std::unique_ptr<Lowered> lower(Plan&);

}  // namespace etude::record
