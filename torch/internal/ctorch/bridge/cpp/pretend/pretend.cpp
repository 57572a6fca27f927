// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// A pretend accelerator for tests on machines without one: libtorch's
// PrivateUse1 device with host memory behind it, every operator through its CPU
// kernel. It is stricter than a real device where that finds mistakes: arguments
// on two devices are refused in every operator, and copies between devices and
// reads of values, also those inside operators (waits.h), are counted, and can be
// forbidden for a while. Like a real device it has a random generator of its own.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_as_complex_native.h>
#include <ATen/ops/view_as_real_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <tuple>

#include "../counted.h"
#include "../ct.h"
#include "waits.h"

namespace {

constexpr auto kPretend = c10::DeviceType::PrivateUse1;
const c10::Device kDevice(kPretend, 0);
const c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);

void (*count_bytes)(int64_t) = nullptr;  // the bridge's
std::atomic<int64_t> reads{0}, to_device{0}, to_host{0}, calls{0};
std::atomic<int32_t> forbidden{0};
thread_local int in_fallback = 0;  // the fallback's own copies are not the program's

constexpr const char* kReadLater =
    "the host waits for the device here. Keep the value on the device and read it after the step";
constexpr const char* kCopyBefore =
    "the device waits for the host here. Make the tensor on the device, or copy it before the step";

// Counts an access, and refuses it while they are forbidden.
template <class... What>
void host_access(std::atomic<int64_t>& counter, const char* why, const What&... what) {
  if (in_fallback) return;
  counter++;
  TORCH_CHECK(!forbidden.load(), what..., " inside a step: ", why);
}

struct Allocator final : c10::Allocator {
  static void release(void* p) {
    if (!p) return;
    count_bytes(-etude::block_size(p));
    free(etude::block_of(p));
  }
  c10::DataPtr allocate(size_t n) override {
    if (!n) return {nullptr, nullptr, &release, kDevice};
    void* block = aligned_alloc(64, (n + 63) / 64 * 64 + etude::kHeader);
    if (!block) throw std::bad_alloc();
    void* p = etude::enter_block(block, n);
    count_bytes(static_cast<int64_t>(n));
    return {p, p, &release, kDevice};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* dst, const void* src, size_t n) const override { memcpy(dst, src, n); }
};
Allocator allocator;
REGISTER_ALLOCATOR(kPretend, &allocator)

struct Guard final : c10::impl::NoOpDeviceGuardImpl<kPretend> {
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  c10::Device getDevice() const override { return kDevice; }
  c10::Device exchangeDevice(c10::Device) const override { return kDevice; }
  c10::Stream getStream(c10::Device) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, kDevice);
  }
  c10::Stream getDefaultStream(c10::Device) const override {
    return c10::Stream(c10::Stream::DEFAULT, kDevice);
  }
  c10::Stream exchangeStream(c10::Stream s) const noexcept override { return s; }
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::Allocator* getPinnedMemoryAllocator() const override {
    return c10::GetAllocator(c10::DeviceType::CPU);
  }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override;
};

// ---- random numbers ----

// The device's generator. The CPU kernels draw from the CPU's, which some of them
// cannot be talked out of; so for the time of a draw it has this one's state.
// Nothing else may draw meanwhile on another thread.
at::Generator& generator() {
  static at::Generator g = at::detail::createCPUGenerator();
  return g;
}

const at::Generator& Hooks::getDefaultGenerator(c10::DeviceIndex) const { return generator(); }

at::Tensor state_of(at::Generator g) {
  std::lock_guard<std::mutex> lock(g.mutex());
  return g.get_state();
}

void set_state(at::Generator g, const at::Tensor& state) {
  std::lock_guard<std::mutex> lock(g.mutex());
  g.set_state(state);
}

struct Drawing {
  explicit Drawing(bool on) {
    if (!on) return;
    lock = std::unique_lock<std::mutex>(drawing);
    cpu = state_of(at::detail::getDefaultCPUGenerator());
    set_state(at::detail::getDefaultCPUGenerator(), state_of(generator()));
  }
  ~Drawing() {
    if (!lock) return;
    set_state(generator(), state_of(at::detail::getDefaultCPUGenerator()));
    set_state(at::detail::getDefaultCPUGenerator(), cpu);
  }
  inline static std::mutex drawing;
  std::unique_lock<std::mutex> lock;
  at::Tensor cpu;
};

// ---- memory and copies ----

at::Tensor empty(c10::SymIntArrayRef size, std::optional<at::ScalarType> dtype,
                 std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(C10_AS_INTARRAYREF_SLOW(size), &allocator, kKeys,
                                   dtype.value_or(at::kFloat), format);
}

at::Tensor empty_strided(c10::SymIntArrayRef size, c10::SymIntArrayRef stride,
                         std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                         std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(C10_AS_INTARRAYREF_SLOW(size),
                                           C10_AS_INTARRAYREF_SLOW(stride), &allocator, kKeys,
                                           dtype.value_or(at::kFloat));
}

// The same memory seen as a CPU tensor, lazily conjugated or negated if t is.
at::Tensor host_view(const at::Tensor& t) {
  auto elements = static_cast<int64_t>(t.storage().nbytes() / t.element_size());
  at::TensorOptions options(t.scalar_type());
  auto view = at::from_blob(t.storage().mutable_data(), {elements}, options)
                  .as_strided(t.sizes(), t.strides(), t.storage_offset());
  view._set_conj(t.is_conj());
  view._set_neg(t.is_neg());
  return view;
}

bool on_pretend(const at::Tensor& t) { return t.device().type() == kPretend; }

at::Tensor copy_from(const at::Tensor& src, const at::Tensor& dst, bool) {
  if (on_pretend(src) && !on_pretend(dst)) host_access(to_host, kReadLater, "a copy to the CPU");
  if (!on_pretend(src) && on_pretend(dst)) host_access(to_device, kCopyBefore, "a copy from the CPU");
  (on_pretend(dst) ? host_view(dst) : dst).copy_(on_pretend(src) ? host_view(src) : src);
  return dst;
}

at::Tensor copy_from_and_resize(const at::Tensor& src, const at::Tensor& dst) {
  if (!on_pretend(src) && on_pretend(dst)) host_access(to_device, kCopyBefore, "a copy from the CPU");
  if (on_pretend(src) && !on_pretend(dst)) host_access(to_host, kReadLater, "a copy to the CPU");
  if (dst.sizes() != src.sizes())
    at::native::resize_impl_cpu_(dst.unsafeGetTensorImpl(), src.sizes(), std::nullopt);
  (on_pretend(dst) ? host_view(dst) : dst).copy_(on_pretend(src) ? host_view(src) : src);
  return dst;
}

at::Scalar read_scalar(const at::Tensor& t) {
  host_access(reads, kReadLater, "the value of a tensor was read");
  return host_view(t).item();
}

// Refuses CPU tensors among the arguments, but for 0-d ones, which libtorch
// takes as numbers on every device.
void check_device(const c10::OperatorHandle& op, const at::Tensor& t) {
  TORCH_CHECK(!t.defined() || on_pretend(t) || t.dim() == 0,
              "Expected all tensors to be on the same device, but ", op.schema().name(),
              " got one of shape ", t.sizes(), " on ", t.device(), " beside others on ", kDevice);
}

// cpu_fallback hands a 0-d result of mse_loss to a kernel that resizes it, and
// libtorch warns of that at every step. Nobody can mend it from outside.
struct QuietResize final : c10::WarningHandler {
  void process(const c10::Warning& w) override {
    if (w.msg().find("was resized since it had shape") == std::string::npos) next->process(w);
  }
  c10::WarningHandler* next = c10::WarningUtils::get_warning_handler();
};

void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  calls++;
  auto arguments = torch::jit::last(*stack, op.schema().arguments().size());
  for (const auto& v : arguments) {
    if (v.isTensor()) {
      check_device(op, v.toTensor());
    } else if (v.isTensorList()) {
      for (const at::Tensor& t : v.toTensorList()) check_device(op, t);
    } else if (v.isOptionalTensorList()) {
      for (const std::optional<at::Tensor>& t : v.toOptionalTensorList())
        if (t) check_device(op, *t);
    }
  }
  if (etude::waits(op, arguments))
    host_access(reads, kReadLater, "the values that ", op.schema().name(), " needs were read");
  struct Inside {
    Inside() { in_fallback++; }
    ~Inside() { in_fallback--; }
  } inside;
  QuietResize quiet;
  c10::WarningUtils::WarningHandlerGuard guard(&quiet);
  Drawing draw(op.hasTag(at::Tag::nondeterministic_seeded));
  at::native::cpu_fallback(op, stack);
}

// libtorch takes the fused LSTM cell on accelerators, and has no CPU kernel of it.
// The workspace holds the four gates after their activations: i, f, g, o.
using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

Three lstm_cell(const at::Tensor& input_gates, const at::Tensor& hidden_gates, const at::Tensor& cx,
                const std::optional<at::Tensor>& input_bias,
                const std::optional<at::Tensor>& hidden_bias) {
  auto gates = input_gates + hidden_gates;
  if (input_bias && input_bias->defined()) gates = gates + *input_bias + *hidden_bias;
  auto part = gates.chunk(4, 1);
  auto i = part[0].sigmoid(), f = part[1].sigmoid(), g = part[2].tanh(), o = part[3].sigmoid();
  auto cy = f * cx + i * g;
  return {o * cy.tanh(), cy, at::cat({i, f, g, o}, 1)};
}

Three lstm_cell_backward(const std::optional<at::Tensor>& grad_hy,
                         const std::optional<at::Tensor>& grad_cy, const at::Tensor& cx,
                         const at::Tensor& cy, const at::Tensor& workspace, bool has_bias) {
  bool hy = grad_hy && grad_hy->defined(), c = grad_cy && grad_cy->defined();
  if (!hy && !c) return {};
  auto part = workspace.chunk(4, 1);
  const auto &i = part[0], &f = part[1], &g = part[2], &o = part[3];
  auto tanh_cy = cy.tanh();
  auto dh = hy ? *grad_hy : at::zeros_like(cy);
  auto dc = dh * o * (1 - tanh_cy * tanh_cy);
  if (c) dc = dc + *grad_cy;
  auto gates = at::cat({dc * g * i * (1 - i), dc * cx * f * (1 - f), dc * i * (1 - g * g),
                        dh * tanh_cy * o * (1 - o)},
                       1);
  return {gates, dc * f, has_bias ? gates.sum(0) : at::Tensor()};
}

// libtorch leaves convolutions to each device, and batch norm changes its running
// statistics without saying so in its schema, so that the fallback would lose them.
at::Tensor host(const std::optional<at::Tensor>& t) {
  if (!t || !t->defined()) return {};
  TORCH_CHECK(on_pretend(*t), "Expected all tensors to be on the same device, but one of shape ",
              t->sizes(), " is on ", t->device());
  return host_view(*t);
}

at::Tensor from_host(const at::Tensor& t) {
  if (!t.defined()) return {};
  auto result = at::empty(t.sizes(), t.options().device(kDevice));
  host_view(result).copy_(t);
  return result;
}

Three from_host(const Three& ts) {
  return {from_host(std::get<0>(ts)), from_host(std::get<1>(ts)), from_host(std::get<2>(ts))};
}

using Sizes = c10::SymIntArrayRef;

at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight,
                       const std::optional<at::Tensor>& bias, Sizes stride, Sizes padding,
                       Sizes dilation, bool transposed, Sizes output_padding, c10::SymInt groups) {
  calls++;
  return from_host(at::convolution_symint(host(x), host(weight), host(bias), stride, padding,
                                          dilation, transposed, output_padding, groups));
}

Three convolution_backward(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight,
                           Sizes stride, Sizes padding, Sizes dilation, bool transposed,
                           Sizes output_padding, c10::SymInt groups, std::array<bool, 3> mask) {
  calls++;
  auto channels = grad.sym_size(1);
  return from_host(at::convolution_backward_symint(
      host(grad), host(x), host(weight), Sizes(&channels, 1), stride, padding, dilation, transposed,
      output_padding, groups, mask));
}

Three batch_norm(const at::Tensor& x, const std::optional<at::Tensor>& weight,
                 const std::optional<at::Tensor>& bias, const std::optional<at::Tensor>& mean,
                 const std::optional<at::Tensor>& var, bool training, double momentum, double eps) {
  calls++;
  return from_host(at::native_batch_norm(host(x), host(weight), host(bias), host(mean), host(var),
                                         training, momentum, eps));
}

// The fused GRU cell. The workspace holds r, z, n, the state and what r multiplies.
std::tuple<at::Tensor, at::Tensor> gru_cell(const at::Tensor& input_gates,
                                            const at::Tensor& hidden_gates, const at::Tensor& hx,
                                            const std::optional<at::Tensor>& input_bias,
                                            const std::optional<at::Tensor>& hidden_bias) {
  auto x = input_gates, h = hidden_gates;
  if (input_bias && input_bias->defined()) x = x + *input_bias, h = h + *hidden_bias;
  auto in = x.chunk(3, 1), hidden = h.chunk(3, 1);
  auto r = (in[0] + hidden[0]).sigmoid(), z = (in[1] + hidden[1]).sigmoid();
  auto n = (in[2] + r * hidden[2]).tanh();
  return {n + z * (hx - n), at::cat({r, z, n, hx, hidden[2]}, 1)};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> gru_cell_backward(
    const at::Tensor& grad, const at::Tensor& workspace, bool has_bias) {
  auto part = workspace.chunk(5, 1);
  const auto &r = part[0], &z = part[1], &n = part[2], &hx = part[3], &hidden = part[4];
  auto dn = grad * (1 - z) * (1 - n * n), dz = grad * (hx - n) * z * (1 - z);
  auto dr = dn * hidden * r * (1 - r);
  auto x = at::cat({dr, dz, dn}, 1), h = at::cat({dr, dz, dn * r}, 1);
  if (!has_bias) return {x, h, grad * z, at::Tensor(), at::Tensor()};
  return {x, h, grad * z, x.sum(0), h.sum(0)};
}

// What tests need of an operator and no operator of libtorch has.
TORCH_LIBRARY(etude_test, m) {
  // A result that the bridge cannot carry after others that it has packed.
  m.def("partly(Tensor x) -> (Tensor, Tensor[], int[], Generator?)", [](const at::Tensor& x) {
    return std::make_tuple(x + 1, std::vector<at::Tensor>{x + 2, x + 3}, std::vector<int64_t>{4},
                           at::detail::getDefaultCPUGenerator());
  });
  m.def("coins(Tensor x) -> Tensor", [](const at::Tensor& x) { return at::bernoulli(x, at::detail::createCPUGenerator(1)); });
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("_copy_from", copy_from);
  m.impl("_copy_from_and_resize", copy_from_and_resize);
  m.impl("_local_scalar_dense", read_scalar);
  m.impl("convolution_overrideable", convolution);
  m.impl("convolution_backward_overrideable", convolution_backward);
  m.impl("native_batch_norm", batch_norm);
  m.impl("_thnn_fused_lstm_cell", lstm_cell);
  m.impl("_thnn_fused_lstm_cell_backward_impl", lstm_cell_backward);
  m.impl("_thnn_fused_gru_cell", gru_cell);
  m.impl("_thnn_fused_gru_cell_backward", gru_cell_backward);
  m.impl("as_strided", [](const at::Tensor& t, c10::SymIntArrayRef size, c10::SymIntArrayRef stride,
                          std::optional<c10::SymInt> offset) {
    return at::native::as_strided_tensorimpl(
        t, C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride),
        offset ? std::optional<int64_t>(offset->expect_int()) : std::nullopt);
  });
  m.impl("view", [](const at::Tensor& t, c10::SymIntArrayRef size) {
    return at::native::view(t, C10_AS_INTARRAYREF_SLOW(size));
  });
  m.impl("_reshape_alias",
         [](const at::Tensor& t, c10::SymIntArrayRef size, c10::SymIntArrayRef stride) {
           return at::native::_reshape_alias(t, C10_AS_INTARRAYREF_SLOW(size),
                                             C10_AS_INTARRAYREF_SLOW(stride));
         });
  // A view has to share the memory, which the fallback does not.
  m.impl("view_as_real", at::native::view_as_real);
  m.impl("view_as_complex", at::native::view_as_complex);
  m.impl("unfold", at::native::unfold);
}

// libtorch resolves a lazy conjugate or negative before an operator by a copy; so the
// copy itself has to take what is lazy.
void copy_takes_lazy(torch::Library& m) {
  m.impl("_copy_from", torch::CppFunction::makeFallthrough());
}
TORCH_LIBRARY_IMPL(aten, Conjugate, m) { copy_takes_lazy(m); }
TORCH_LIBRARY_IMPL(aten, Negative, m) { copy_takes_lazy(m); }

Hooks hooks;

}  // namespace

extern "C" {

struct ct_pretend_counts {
  int64_t reads, to_device, to_host, calls;
};

// Registers the device under the name "pretend"; once in a process.
__attribute__((visibility("default"))) void ct_pretend_start(void (*count)(int64_t)) {
  count_bytes = count;
  at::RegisterPrivateUse1HooksInterface(&hooks);
  c10::register_privateuse1_backend("pretend");
}

__attribute__((visibility("default"))) void ct_pretend_counts_get(ct_pretend_counts* c) {
  *c = {reads.load(), to_device.load(), to_host.load(), calls.load()};
}

// While on, a read of a value and a copy to or from the CPU are errors.
__attribute__((visibility("default"))) int32_t ct_pretend_forbid(int32_t on) {
  return forbidden.exchange(on);
}
}
