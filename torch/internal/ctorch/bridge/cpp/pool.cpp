// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

#include "pool.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "kernels.h"

namespace etude {
namespace {

constexpr int kSpins = 1000;  // about 20 to 50 microseconds

void sleep_while(std::atomic<uint32_t>& at, uint32_t value) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&at), FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}
void wake(std::atomic<uint32_t>& at) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&at), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

Pool::Pool(int threads) : lanes_(threads) {
  for (int lane = 1; lane < threads; lane++) helpers_.emplace_back([this, lane] { help(lane); });
}

Pool::~Pool() {
  stop_ = true;
  round_++;
  wake(round_);
  for (auto& t : helpers_) t.join();
}

void Pool::run(Work& work, const std::vector<uint16_t>& counts) {
  uint32_t round = round_.load(std::memory_order_relaxed) + 1, all = 0;
  for (uint16_t n : counts) all += n;
  work_ = &work;
  mxcsr_ = _mm_getcsr();
  pending_.store(all, std::memory_order_relaxed);
  for (size_t i = 0; i < lanes_.size(); i++)
    lanes_[i].state.store(uint64_t(round) << 32 | uint64_t(counts[i]) << 16, std::memory_order_relaxed);
  round_.store(round);
  if (sleeping_.load()) wake(round_);
  take(round, 0);
  for (int spins = 0; pending_.load(std::memory_order_acquire) != 0; spins++) {
    if (spins < kSpins) {
      _mm_pause();
      continue;
    }
    waiting_.store(true);
    if (uint32_t left = pending_.load()) sleep_while(pending_, left);
    waiting_.store(false);
  }
}

// Takes tasks until none of this round is left.
void Pool::take(uint32_t round, int lane) {
  const int n = threads();
  for (int k = 0; k < n; k++) {
    const int from = (lane + k) % n;
    auto& state = lanes_[from].state;
    for (uint64_t s = state.load(std::memory_order_acquire); s >> 32 == round && (s & 0xffff) < (s >> 16 & 0xffff);) {
      if (!state.compare_exchange_weak(s, s + 1, std::memory_order_acq_rel)) continue;
      work_.load(std::memory_order_relaxed)->task(from, static_cast<int>(s & 0xffff));
      if (pending_.fetch_sub(1) == 1 && waiting_.load()) wake(pending_);
      s = state.load(std::memory_order_acquire);
    }
  }
}

void Pool::help(int lane) {
  if (kernels::symbols.threads_here) kernels::symbols.threads_here(1);
  uint32_t seen = 0;
  for (int spins = 0;;) {
    uint32_t round = round_.load();
    if (round == seen) {
      if (++spins < kSpins) {
        _mm_pause();
      } else {
        sleeping_++;
        sleep_while(round_, seen);
        sleeping_--;
        spins = 0;
      }
      continue;
    }
    if (stop_) return;
    seen = round;
    spins = 0;
    if (_mm_getcsr() != mxcsr_) _mm_setcsr(mxcsr_);
    take(round, lane);
  }
}

}  // namespace etude
