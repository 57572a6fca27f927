// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Random generators: those of the process, and copies of them that a thread draws from instead.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/library.h>

#include <map>
#include <mutex>
#include <utility>

#include "guard.h"
#include "record.h"

namespace etude {
namespace {

using DeviceKey = std::pair<c10::DeviceType, c10::DeviceIndex>;

at::Generator process_generator(c10::Device d) {
  if (d.is_cpu()) return at::detail::getDefaultCPUGenerator();
  return at::globalContext().defaultGenerator(d);
}

// Held while the process's generator of a device has a thread's state (see
// lend_state), and by all who use that generator otherwise. It is recursive, because
// an operator that is lent one may use the generator of another device.
std::recursive_mutex lending;

at::Generator copy_of(at::Generator g) {
  std::lock_guard<std::mutex> lock(g.mutex());
  return g.clone();
}

// Copies of the process's generators. The CPU's is copied at once, a device's
// when it is asked for first.
struct Generators {
  std::mutex mutex;
  std::map<DeviceKey, at::Generator> copies;

  at::Generator of(c10::Device d) {
    std::lock_guard<std::mutex> lock(mutex);
    auto key = DeviceKey(d.type(), d.is_cpu() ? -1 : d.index());
    auto found = copies.find(key);
    if (found == copies.end()) {
      std::lock_guard<std::recursive_mutex> process(lending);
      found = copies.emplace(key, copy_of(process_generator(d))).first;
    }
    return found->second;
  }
};

thread_local Generators* own = nullptr;  // this thread's copies; null: it draws from the process's
thread_local bool lent = false;  // the process's generator has this thread's state for the moment

at::Generator generator(int32_t type, int32_t index) {
  c10::Device d(device_kind(type), static_cast<c10::DeviceIndex>(index));
  return own ? own->of(d) : process_generator(d);
}

// ---- drawing from a thread's own generators ----

// libtorch has no per-thread generators. But where an operator takes one, and no
// one is given, the process's is taken by its kernel: so on a thread with its own
// generators a kernel that comes before all others gives one. It sees what
// composite operators such as dropout call as well. Its dispatch key is one that
// libtorch leaves to others and never uses itself; it is switched on by the thread.
constexpr auto kKey = c10::DispatchKey::DeferredInit;

// The device of the first tensor among the arguments.
std::optional<c10::Device> device_of(c10::ArrayRef<c10::IValue> args) {
  for (const auto& v : args) {
    if (v.isTensor() && v.toTensor().defined()) return v.toTensor().device();
    if (v.isTensorList() && !v.toTensorVector().empty()) return v.toTensorVector()[0].device();
  }
  return std::nullopt;
}

void redispatch(const c10::OperatorHandle& op, c10::DispatchKeySet keys,
                torch::jit::Stack* stack) {
  op.redispatchBoxed(keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kKey), stack);
}

bool takes_generator(const c10::Argument& a) {
  auto type = a.type();
  if (auto optional = type->cast<c10::OptionalType>()) type = optional->getElementType();
  return type->kind() == c10::TypeKind::GeneratorType;
}

void give_generator(const c10::OperatorHandle& op, c10::DispatchKeySet keys,
                    torch::jit::Stack* stack) {
  const auto& formal = op.schema().arguments();
  auto args = torch::jit::last(*stack, formal.size());
  if (own && !lent) {
    if (auto device = device_of(args)) {
      for (size_t i = 0; i < formal.size(); i++) {
        auto& v = (*stack)[stack->size() - formal.size() + i];
        if (takes_generator(formal[i]) && v.isNone()) v = own->of(*device);
      }
    }
  }
  redispatch(op, keys, stack);
}

// Some operators draw on a device and take no generator (native_dropout on CUDA).
// The process's generator of the device gets this thread's state meanwhile. The
// host only advances a counter, so that the lock is held for a moment.
void lend_state(const c10::OperatorHandle& op, c10::DispatchKeySet keys,
                torch::jit::Stack* stack) {
  auto device = device_of(torch::jit::last(*stack, op.schema().arguments().size()));
  if (!own || lent || !device || device->is_cpu()) return redispatch(op, keys, stack);
  own->of(*device);  // copied before the process's generator is locked
  std::lock_guard<std::recursive_mutex> lock(lending);
  struct Loan {
    explicit Loan(c10::Device d) : process(process_generator(d)), mine(own->of(d)) {
      if (process.device().is_cuda()) {  // where a graph may capture the draws: it cannot see copies
        std::lock_guard<std::mutex> lock(process.mutex());
        before = process.graphsafe_get_state();
        process.graphsafe_set_state(mine);
      } else {
        before = copy_of(process);
        move(mine, process);
      }
      lent = true;
    }
    ~Loan() {
      lent = false;
      if (process.device().is_cuda()) {
        std::lock_guard<std::mutex> lock(process.mutex());
        process.graphsafe_set_state(before);
      } else {
        move(process, mine);
        move(before, process);
      }
    }
    static void move(at::Generator from, at::Generator to) {
      at::Tensor state;
      {
        std::lock_guard<std::mutex> lock(from.mutex());
        state = from.get_state();
      }
      std::lock_guard<std::mutex> lock(to.mutex());
      to.set_state(state);
    }
    at::Generator process, mine, before;
  } loan(*device);
  redispatch(op, keys, stack);
}

// Registers both for every operator that they are for, once, and lets the key
// fall through for all others, which costs them nothing. Where an operator is made of
// others, these are given the generator: a recording names none.
void register_kernels() {
  static auto* fallback = new torch::Library(torch::Library::IMPL, "_", kKey, __FILE__, __LINE__);
  static auto* kernels = new torch::Library(torch::Library::IMPL, "aten", kKey, __FILE__, __LINE__);
  fallback->fallback(torch::CppFunction::makeFallthrough());
  auto& dispatcher = c10::Dispatcher::singleton();
  for (const auto& name : dispatcher.getAllOpNames()) {
    if (name.getNamespace() != std::optional<c10::string_view>("aten")) continue;
    auto op = dispatcher.findSchema(name);
    if (!op) continue;
    bool tensors = false, generator = false;
    for (const auto& a : op->schema().arguments()) {
      generator |= takes_generator(a);
      tensors |= a.type()->isSubtypeOf(*c10::TensorType::get()) ||
                 a.type()->isSubtypeOf(*c10::ListType::ofTensors());
    }
    if (!tensors) continue;
    auto full = name.name + (name.overload_name.empty() ? "" : "." + name.overload_name);
    if (generator) {
      if (op->hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd)) continue;
      kernels->impl(full.c_str(), torch::CppFunction::makeFromBoxedFunction<&give_generator>());
    } else if (op->hasTag(at::Tag::nondeterministic_seeded)) {
      kernels->impl(full.c_str(), torch::CppFunction::makeFromBoxedFunction<&lend_state>());
    }
  }
}

}  // namespace

namespace rng {

// A replay would go on with the generators that it finds.
static void note_change() {
  if (auto* r = record::Recorder::current()) r->refuse("the random generators are seeded or replaced within the step");
}

ct_error* seed(uint64_t s) {
  return guard([&] {
    note_change();
    std::lock_guard<std::recursive_mutex> process(lending);
    auto set = [&](c10::DeviceType type, int index) {
      auto g = generator(static_cast<int32_t>(type), index);
      std::lock_guard<std::mutex> lock(g.mutex());
      g.set_current_seed(s);
    };
    set(c10::kCPU, -1);
    for (auto type : {c10::kCUDA, c10::kPrivateUse1}) {
      if (type == c10::kCUDA ? !at::globalContext().hasCUDA() : !c10::impl::hasDeviceGuardImpl(type))
        continue;
      int n = c10::impl::VirtualGuardImpl(type).deviceCount();
      for (int i = 0; i < n; i++) set(type, i);
    }
  });
}

ct_error* rng_state(int32_t type, int32_t index, ct_tensor* out, ct_result* result) {
  return guard([&] {
    std::lock_guard<std::recursive_mutex> process(lending);
    auto g = generator(type, index);
    std::lock_guard<std::mutex> lock(g.mutex());
    auto state = g.get_state();
    *result = {1, current_scope(), static_cast<int64_t>(state.nbytes())};
    *out = release(std::move(state));
  });
}

ct_error* set_rng_state(int32_t type, int32_t index, ct_tensor state) {
  return guard([&] {
    note_change();
    std::lock_guard<std::recursive_mutex> process(lending);
    auto g = generator(type, index);
    std::lock_guard<std::mutex> lock(g.mutex());
    g.set_state(borrow(state));
  });
}

ct_error* generators_new(ct_generators* out) {
  return guard([&] {
    static std::once_flag once;
    std::call_once(once, register_kernels);
    auto g = std::make_unique<Generators>();
    auto* outer = own;
    // A copy of what the thread draws from now.
    if (outer) {
      std::lock_guard<std::mutex> lock(outer->mutex);
      for (auto& [key, copy] : outer->copies) g->copies.emplace(key, copy_of(copy));
    }
    g->of(c10::Device(c10::kCPU));
    *out = reinterpret_cast<ct_generators>(g.release());
  });
}

void generators_free(ct_generators g) { delete reinterpret_cast<Generators*>(g); }

ct_generators generators_swap(ct_generators g) {
  note_change();
  c10::impl::tls_set_dispatch_key_included(kKey, g != 0);
  return reinterpret_cast<ct_generators>(
      std::exchange(own, reinterpret_cast<Generators*>(g)));
}

}  // namespace rng
}  // namespace etude
