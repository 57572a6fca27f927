// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Stands before GoTorch's Tensor_Close, which its finalizers call and which build.sh calls
// Tensor_Delete: a tensor that is closed is deleted when all have released who held then.

#undef Tensor_Close  // build.sh defines it for GoTorch's files

#include <cstdint>
#include <deque>
#include <mutex>
#include <set>
#include <utility>

using Tensor = void*;  // at::Tensor*

namespace {

std::mutex mutex;
uint64_t now = 0;                                 // counts holders
std::set<uint64_t> holders;                       // when those that hold began
std::deque<std::pair<uint64_t, Tensor>> waiting;  // when each was closed

}  // namespace

extern "C" {

void Tensor_Delete(Tensor t);

void Tensor_Close(Tensor t) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!holders.empty()) {
      waiting.emplace_back(now, t);
      return;
    }
  }
  Tensor_Delete(t);
}

uint64_t etude_hold() {
  std::lock_guard<std::mutex> lock(mutex);
  holders.insert(++now);
  return now;
}

void etude_release(uint64_t holder) {
  std::deque<std::pair<uint64_t, Tensor>> freed;
  {
    std::lock_guard<std::mutex> lock(mutex);
    holders.erase(holder);
    while (!waiting.empty() && (holders.empty() || waiting.front().first < *holders.begin())) {
      freed.push_back(waiting.front());
      waiting.pop_front();
    }
  }
  for (auto& f : freed) Tensor_Delete(f.second);
}

}  // extern "C"
