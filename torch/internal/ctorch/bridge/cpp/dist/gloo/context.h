// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// libtorch holds Gloo, but comes without Gloo's headers. This folder declares as much of
// them as libtorch's ProcessGroupGloo.hpp names and the bridge calls.
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <string>

namespace gloo {
namespace transport {
class Pair;
namespace tcp {
class Pair {  // is a transport::Pair, at the same address
 public:
  std::exception_ptr signalExceptionExternal(const std::string& message);
  bool isConnected();
};
}  // namespace tcp
}  // namespace transport

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
  std::unique_ptr<transport::Pair>& getPair(int rank);
};
}  // namespace gloo
