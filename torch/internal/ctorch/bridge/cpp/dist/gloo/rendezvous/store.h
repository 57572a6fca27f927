// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// See context.h. No object of this class is made or called by the bridge.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace gloo::rendezvous {
class Store {
 public:
  virtual ~Store() = default;
  virtual void set(const std::string& key, const std::vector<char>& value) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& t) = 0;
};
}  // namespace gloo::rendezvous
