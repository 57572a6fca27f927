// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The process and its threads: allocator, threads, seeds, devices, and the table of entries.

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>
#include <torch/version.h>

#include <atomic>
#include <mutex>
#include <string>

#include "counted.h"
#include "guard.h"

namespace etude {
namespace {

// ---- memory ----

std::atomic<int64_t> live{0}, peak{0}, allocations{0};

// Counts what libtorch's own CPU allocator hands out. The autograd graph holds
// tensors that no handle shows, so counting handles alone would miss leaks.
struct CountingAllocator final : c10::Allocator {
  static void release(void* p) {
    if (!p) return;
    count_bytes(-block_size(p));
    c10::free_cpu(block_of(p));
  }
  c10::DataPtr allocate(size_t n) override {
    if (!n) return {nullptr, nullptr, &release, c10::Device(c10::kCPU)};
    void* p = enter_block(c10::alloc_cpu(n + kHeader), n);
    allocations.fetch_add(1, std::memory_order_relaxed);
    count_bytes(static_cast<int64_t>(n));
    return {p, p, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* dst, const void* src, size_t n) const override { memcpy(dst, src, n); }
};

// ---- threads ----

thread_local uint32_t scope = 0;
thread_local int32_t budget = 0;   // this thread's own number of threads, 0: the process's
thread_local int32_t applied = 0;  // what libtorch was last told on this thread
std::atomic<int32_t> process_threads{0};  // set when the bridge is loaded

uint32_t scope_swap(uint32_t s) { return std::exchange(scope, s); }

int32_t grad_mode_swap(int32_t on) {
  bool old = at::GradMode::is_enabled();
  at::GradMode::set_enabled(on != 0);
  return old;
}

int32_t threads_swap(int32_t n) { return std::exchange(budget, n); }
void threads_set(int32_t n) {
  if (n > 0) process_threads.store(n, std::memory_order_relaxed);
}

int32_t threads_get() {
  apply_threads();
  return at::get_num_threads();
}

// ---- settings ----

const char* const kPrecisions[] = {"highest", "high", "medium"};

ct_error* option_set(int32_t option, int32_t value) {
  return guard([&] {
    auto& context = at::globalContext();
    switch (option) {
      case CT_DETERMINISTIC:
        context.setDeterministicAlgorithms(value != 0, /*warn_only=*/false);
        break;
      case CT_MATMUL_PRECISION:
        TORCH_CHECK(value >= 0 && value <= 2, "precision ", value, " is not one of 0, 1, 2");
        context.setFloat32MatmulPrecision(kPrecisions[value]);
        break;
      case CT_CUDNN_TF32:
        context.setAllowTF32CuDNN(value != 0);
        break;
      default:
        TORCH_CHECK(false, "there is no option ", option);
    }
  });
}

ct_error* option_get(int32_t option, int32_t* value) {
  return guard([&] {
    auto& context = at::globalContext();
    switch (option) {
      case CT_DETERMINISTIC:
        *value = context.deterministicAlgorithms();
        break;
      case CT_MATMUL_PRECISION:
        *value = static_cast<int32_t>(context.float32MatmulPrecision());
        break;
      case CT_CUDNN_TF32:
        *value = context.allowTF32CuDNN();
        break;
      default:
        TORCH_CHECK(false, "there is no option ", option);
    }
  });
}

// ---- devices ----

ct_error* device_count(int32_t type, int32_t* count) {
  return guard([&] {
    auto t = static_cast<c10::DeviceType>(type);
    *count = 0;
    if (t == c10::kCPU) {
      *count = 1;
    } else if (t == c10::kCUDA ? at::globalContext().hasCUDA() : c10::impl::hasDeviceGuardImpl(t)) {
      *count = c10::impl::VirtualGuardImpl(t).deviceCount();
    }
  });
}

ct_error* device_type(const char* name, int32_t* type) {
  return guard([&] { *type = static_cast<int32_t>(c10::Device(std::string(name)).type()); });
}

ct_error* device_name(int32_t type, char* name, int32_t capacity) {
  return guard([&] {
    auto s = c10::DeviceTypeName(static_cast<c10::DeviceType>(type), /*lower_case=*/true);
    TORCH_CHECK(static_cast<int32_t>(s.size()) < capacity, "a device name of ", s.size(), " bytes");
    memcpy(name, s.c_str(), s.size() + 1);
  });
}

void memory(ct_memory* m) {
  m->live_bytes = live.load(std::memory_order_relaxed);
  m->peak_bytes = peak.load(std::memory_order_relaxed);
  m->allocations = allocations.load(std::memory_order_relaxed);
}

const char* cpu_capability() {
  static const std::string name = at::get_cpu_capability();
  return name.c_str();
}

void error_free(ct_error* e) { free(e); }
void text_free(char* text) { free(text); }

CountingAllocator counting;

// Runs when the library is loaded, before any tensor of ours exists.
struct Start {
  Start() {
    // A training step frees all it allocated at once. With glibc's defaults that
    // memory goes back to the kernel and is faulted in again by the next step.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest value that glibc takes
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    mallopt(M_TOP_PAD, 16 << 20);
    c10::SetCPUAllocator(&counting, /*priority=*/100);
  }
} start;

}  // namespace

uint32_t current_scope() noexcept { return scope; }

void apply_threads() {
  int32_t want = budget ? budget : process_threads.load(std::memory_order_relaxed);
  if (want == applied) return;
  at::set_num_threads(want);
  applied = want;
}

void count_bytes(int64_t bytes) noexcept {
  int64_t now = live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  int64_t old = peak.load(std::memory_order_relaxed);
  while (now > old && !peak.compare_exchange_weak(old, now, std::memory_order_relaxed)) {
  }
}

}  // namespace etude

extern "C" __attribute__((visibility("default"))) const ct_api* ct_get_api(void) {
  using namespace etude;
  static std::once_flag once;
  std::call_once(once, [] { threads_set(at::get_num_threads()); });
  static const ct_api api = {
      CT_ABI,
      sizeof(ct_api),
      TORCH_VERSION,
      error_free,
      call::op_find,
      call::op_overloads,
      text_free,
      call::call,
      call::list_take,
      tensor::tensors_free,
      tensor::tensor_retain,
      tensor::tensor_from,
      tensor::tensor_read,
      tensor::tensor_info,
      tensor::set_requires_grad,
      tensor::grad,
      tensor::set_grad,
      tensor::clear_grads,
      tensor::backward,
      scope_swap,
      grad_mode_swap,
      threads_swap,
      threads_set,
      threads_get,
      rng::seed,
      rng::rng_state,
      rng::set_rng_state,
      rng::generators_new,
      rng::generators_free,
      rng::generators_swap,
      cpu_capability,
      option_set,
      option_get,
      device_count,
      device_type,
      device_name,
      memory,
      count_bytes,
  };
  return &api;
}
