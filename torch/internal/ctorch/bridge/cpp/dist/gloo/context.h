// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// libtorch holds Gloo, but comes without Gloo's headers. This folder declares as much of
// them as libtorch's ProcessGroupGloo.hpp names and the bridge calls.
#pragma once

#include <chrono>

namespace gloo {
class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
  void closeConnections();
};
}  // namespace gloo
