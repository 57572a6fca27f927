// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Threads that help the caller with many short pieces of work. They spin for a moment and
// then sleep, and whoever is running takes what another has not begun: so a thread that
// the system has put aside costs little.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace etude {

class Pool {
 public:
  explicit Pool(int threads);  // the caller is one of them
  ~Pool();
  Pool(const Pool&) = delete;

  int threads() const { return static_cast<int>(lanes_.size()); }

  struct Work {
    virtual ~Work() = default;
    virtual void task(int lane, int i) noexcept = 0;
  };
  // Runs counts[lane] tasks of every lane and returns when all are done. Threads take tasks
  // of their own lane first. Tasks must not depend on each other.
  void run(Work&, const std::vector<uint16_t>& counts);

 private:
  // Bits from the lowest: the next task, 16; the number of tasks, 16; the round, 32. So a
  // thread that comes late cannot take a task of another round.
  struct alignas(64) Lane {
    std::atomic<uint64_t> state{0};
  };
  std::vector<Lane> lanes_;
  alignas(64) std::atomic<uint32_t> round_{0};
  std::atomic<uint32_t> sleeping_{0};
  alignas(64) std::atomic<uint32_t> pending_{0};
  std::atomic<bool> waiting_{false}, stop_{false};
  std::atomic<Work*> work_{nullptr};
  std::atomic<unsigned> mxcsr_{0};  // how the caller treats denormal numbers
  std::vector<std::thread> helpers_;

  void help(int lane);
  void take(uint32_t round, int lane);
};

}  // namespace etude
