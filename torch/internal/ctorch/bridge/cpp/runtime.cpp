// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The process and its threads: allocator, threads, warnings, seeds, devices.

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <malloc.h>
#include <torch/version.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

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
    process::memory_add(-block_size(p));
    free(static_cast<void**>(block_of(p))[1]);
  }
  c10::DataPtr allocate(size_t n) override {
    if (!n) return {nullptr, nullptr, &release, c10::Device(c10::kCPU)};
    // glibc seldom uses a freed block again where an aligned one is asked for, as
    // c10::alloc_cpu does: a heap of large tensors grew to several times what was alive.
    // So the block is aligned here, and keeps what free needs behind its size.
    void* memory = n <= PTRDIFF_MAX - 2 * kHeader ? malloc(n + 2 * kHeader) : nullptr;
    TORCH_CHECK_WITH(OutOfMemoryError, memory, "not enough memory: you tried to allocate ", n, " bytes");
    auto from = (reinterpret_cast<uintptr_t>(memory) + kHeader - 1) / kHeader * kHeader;
    void* block = reinterpret_cast<void*>(from);
    static_cast<void**>(block)[1] = memory;
    void* p = enter_block(block, n);
    allocations.fetch_add(1, std::memory_order_relaxed);
    process::memory_add(static_cast<int64_t>(n));
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

void apply_threads() {
  int32_t want = budget ? budget : process_threads.load(std::memory_order_relaxed);
  if (want == applied) return;
  at::get_num_threads();  // libtorch's first look on a thread takes over what any other thread set last
  at::set_num_threads(want);
  applied = want;
}

// OpenMP keeps n-1 helpers for every thread that has computed with n, until that
// thread ends. A goroutine computes on whatever thread is at hand and Go keeps all
// of them, so 60 goroutines on 12 cores would leave 660 helpers behind. A thread may
// keep its helpers while all threads together have at most kHelpers; beyond that
// it dismisses them at the end of each call.
const int32_t kHelpers = std::max(64, 2 * static_cast<int32_t>(std::thread::hardware_concurrency()));
std::atomic<int32_t> helpers{0};
thread_local struct Helpers {
  int32_t n = 0;
  ~Helpers() { helpers -= n; }  // OpenMP dismisses them when their thread ends
} mine;

// omp_pause_resource_all of the OpenMP library that libtorch brings.
int dismiss_helpers() {
  static const auto pause = reinterpret_cast<int (*)(int)>(dlsym(RTLD_DEFAULT, "omp_pause_resource_all"));
  constexpr int kSoft = 1;  // omp_pause_soft: settings stay
  return pause ? pause(kSoft) : -1;
}

void bound_helpers() {
  // Whether OpenMP was needed at all is not known here, so this may count too many.
  if (applied - 1 > mine.n) {
    helpers += applied - 1 - mine.n;
    mine.n = applied - 1;
  }
  if (mine.n > 0 && helpers > kHelpers && dismiss_helpers() == 0) {
    helpers -= mine.n;
    mine.n = 0;
  }
}

// ---- denormal numbers ----

// Vector code is many times slower on numbers below 1.2e-38, to which weights and averages
// decay whose gradients are 0.
#if defined(__SSE2__)
constexpr uint64_t kFlush = 0x8040;  // results and operands
#elif defined(__aarch64__)
constexpr uint64_t kFlush = 1 << 24;
#else
constexpr uint64_t kFlush = 0;
#endif

std::atomic<bool> process_flush{false};
thread_local int32_t flush = -1;           // this thread's own setting; -1: the process's
thread_local bool helpers_flush = false;   // what OpenMP's helpers of this thread were told last

// Helpers take over the state of the thread that starts them. Those that are there are told.
void apply_flush(uint64_t state) {
  bool want = flush < 0 ? process_flush.load(std::memory_order_relaxed) : flush != 0;
  if (want) set_float_state(state | kFlush);
  if (want == helpers_flush || applied < 2) return;
  using Region = void (*)(void (*)(void*), void*, unsigned, unsigned);
  static const auto parallel = reinterpret_cast<Region>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  uint64_t now = want ? state | kFlush : state;
  if (parallel) parallel([](void* s) { set_float_state(*static_cast<uint64_t*>(s)); }, &now, applied, 0);
  helpers_flush = want;
}

// ---- warnings ----

// libtorch hands a warning to the handler of the thread that works. Here they wait
// until Go fetches them, which it does as soon as the entry has returned.
constexpr size_t kMostWarnings = 100;  // what comes on top of that is dropped
std::mutex warnings_mutex;
std::deque<std::string> waiting;
int32_t waiting_count = 0;  // read by Go without the mutex

struct Warnings final : c10::WarningHandler {
  void process(const c10::Warning& w) override {
    std::lock_guard<std::mutex> lock(warnings_mutex);
    if (waiting.size() >= kMostWarnings) return;
    waiting.push_back(w.msg());
    __atomic_store_n(&waiting_count, static_cast<int32_t>(waiting.size()), __ATOMIC_RELEASE);
  }
} keep_warnings;

thread_local bool listening = false;

}  // namespace

uint64_t float_state() noexcept {
#if defined(__SSE2__)
  return _mm_getcsr();
#elif defined(__aarch64__)
  uint64_t state;
  asm volatile("mrs %0, fpcr" : "=r"(state));
  return state;
#else
  return 0;
#endif
}

void set_float_state([[maybe_unused]] uint64_t state) noexcept {
#if defined(__SSE2__)
  _mm_setcsr(static_cast<unsigned>(state));
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" : : "r"(state));
#endif
}

Working::Working() : before(float_state()) {
  apply_threads();
  apply_flush(before);
  if (!listening) {
    c10::WarningUtils::set_warning_handler(&keep_warnings);
    listening = true;
  }
}

Working::~Working() {
  bound_helpers();
  set_float_state(before);
}

uint32_t current_scope() noexcept { return scope; }

namespace process {

const char libtorch_version[] = TORCH_VERSION;
const int32_t* const warnings = &waiting_count;

char* warning_take() {
  std::lock_guard<std::mutex> lock(warnings_mutex);
  if (waiting.empty()) return nullptr;
  char* text = strdup(waiting.front().c_str());
  waiting.pop_front();
  __atomic_store_n(&waiting_count, static_cast<int32_t>(waiting.size()), __ATOMIC_RELEASE);
  return text;
}

uint32_t scope_swap(uint32_t s) { return std::exchange(scope, s); }

int32_t grad_mode_swap(int32_t on) {
  bool old = at::GradMode::is_enabled();
  at::GradMode::set_enabled(on != 0);
  return old;
}

int32_t threads_swap(int32_t n) { return std::exchange(budget, n); }
int32_t flush_swap(int32_t on) { return std::exchange(flush, on); }
void threads_set(int32_t n) {
  if (n > 0) process_threads.store(n, std::memory_order_relaxed);
}

int32_t threads_get() {
  apply_threads();
  return at::get_num_threads();
}

// ---- settings ----

static const char* const kPrecisions[] = {"highest", "high", "medium"};

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
      case CT_FLUSH_DENORMAL:
        TORCH_CHECK(!value || kFlush, "this processor cannot take denormal numbers for zero");
        process_flush.store(value != 0, std::memory_order_relaxed);
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
      case CT_FLUSH_DENORMAL:
        *value = process_flush.load(std::memory_order_relaxed);
        break;
      default:
        TORCH_CHECK(false, "there is no option ", option);
    }
  });
}

// ---- devices ----

ct_error* device_count(int32_t type, int32_t* count) {
  return guard([&] {
    auto t = device_kind(type);
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
    auto s = c10::DeviceTypeName(device_kind(type), /*lower_case=*/true);
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

void memory_add(int64_t bytes) {
  int64_t now = live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  int64_t old = peak.load(std::memory_order_relaxed);
  while (now > old && !peak.compare_exchange_weak(old, now, std::memory_order_relaxed)) {
  }
}

void start() { threads_set(at::get_num_threads()); }

}  // namespace process

namespace {

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
} on_load;

}  // namespace
}  // namespace etude
