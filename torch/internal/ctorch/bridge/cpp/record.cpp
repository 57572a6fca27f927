// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

#include "record.h"

#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <cstring>
#include <sstream>

namespace etude::record {
namespace {

// libtorch hands such an object on where one thread works for another.
const auto kInfo = c10::DebugInfoKind::TEST_INFO_2;

thread_local const Node* inside = nullptr;  // the leaf that is running

bool leaf(const c10::OperatorHandle& op, c10::ArrayRef<const c10::IValue> inputs) {
  using K = c10::DispatchKey;
  if (casts(op)) return false;
  if (op.hasKernelForDispatchKey(K::CPU) || op.hasKernelForDispatchKey(K::CompositeExplicitAutograd) ||
      op.hasKernelForDispatchKey(K::CompositeExplicitAutogradNonFunctional))
    return true;
  return op.hasKernelForDispatchKey(K::CUDA) &&
         std::any_of(inputs.begin(), inputs.end(), [](auto& v) { return v.isTensor() && v.toTensor().is_cuda(); });
}

// A tensor that lies in a storage as t does in its own, without autograd.
at::Tensor lying(c10::Storage storage, const at::Tensor& t) {
  c10::InferenceMode below_autograd;
  auto key = t.is_cuda() ? c10::DispatchKey::CUDA : c10::DispatchKey::CPU;
  auto impl = c10::make_intrusive<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key), t.dtype());
  impl->set_sizes_and_strides(t.sizes(), t.strides(), t.storage_offset());
  return at::Tensor(std::move(impl));
}

c10::Storage no_memory(c10::Device d) { return {c10::Storage::use_byte_size_t(), 0, c10::DataPtr(nullptr, d)}; }

// Whether masks, whose sizes count, are among the indices of aten::index.
bool masks(const c10::IValue& indices) {
  for (const std::optional<at::Tensor>& t : indices.toOptionalTensorList())
    if (t && t->defined() && (t->scalar_type() == at::kBool || t->scalar_type() == at::kByte)) return true;
  return false;
}

bool same(const c10::IValue& a, const c10::IValue& b) {
  if (a.isDouble() && b.isDouble()) {  // NaN is the same as NaN
    double x = a.toDouble(), y = b.toDouble();
    return memcmp(&x, &y, sizeof x) == 0;
  }
  return a.tagKind() == b.tagKind() && a == b;
}

std::string text(const c10::IValue& v) {
  std::ostringstream o;
  o.precision(17);
  o << v;
  return o.str();
}

}  // namespace

struct Recorder::Context : at::ObserverContext {
  std::optional<Node> node;  // of the leaf that has begun
  const Node* outer = nullptr;
};

Recorder* Recorder::current() { return static_cast<Recorder*>(c10::ThreadLocalDebugInfo::get(kInfo)); }

Recorder::Recorder() {
  if (current()) throw Refused("this goroutine records a step already");
  auto start = [](const at::RecordFunction& f) -> std::unique_ptr<at::ObserverContext> {
    auto context = std::make_unique<Context>();
    Recorder* recorder = current();
    std::lock_guard<std::mutex> lock(recorder->mutex_);
    try {
      recorder->begin(f, *context);
    } catch (const std::exception& e) {
      recorder->refuse(e.what());
    }
    return context;
  };
  auto end = [](const at::RecordFunction& f, at::ObserverContext* context) {
    Recorder* recorder = current();
    std::lock_guard<std::mutex> lock(recorder->mutex_);
    try {
      recorder->end(f, *static_cast<Context*>(context));
    } catch (const std::exception& e) {
      recorder->refuse(e.what());
    }
  };
  handle_ = at::addThreadLocalCallback(
      at::RecordFunctionCallback(start, end).needsInputs(true).needsOutputs(true).scopes({at::RecordScope::FUNCTION}));
  c10::ThreadLocalDebugInfo::_push(kInfo, std::shared_ptr<c10::DebugInfoBase>(this, [](auto) {}));
}

Recorder::~Recorder() {
  at::removeCallback(handle_);
  c10::ThreadLocalDebugInfo::_pop(kInfo);
}

size_t Recorder::Hash::operator()(const Key& k) const {
  size_t h = 14695981039346656037u;
  for (auto v : k) h = (h ^ static_cast<size_t>(v)) * 1099511628211u;
  return h;
}

int Recorder::place(const at::Tensor& t, const std::string& of) {
  if (!t.defined()) return -1;
  if (t.is_cuda() && r_.device.is_cpu()) r_.device = t.device();
  if (!t.is_cpu() && t.device() != r_.device)
    throw Refused("a tensor of " + of + " is on " + t.device().str() + ", and only steps on the CPU or on one GPU are recorded");
  if (t.layout() != at::kStrided || !t.has_storage() || t.is_conj() || t.is_neg() || t.is_quantized() || t._is_zerotensor())
    throw Refused("a tensor of " + of + " is sparse, quantized, conjugate or negative in its view, not a plain one");
  bool wrapped = t.unsafeGetTensorImpl()->is_wrapped_number();
  auto* storage = t.storage().unsafeGetStorageImpl();
  Key k{reinterpret_cast<int64_t>(storage), t.storage_offset(), static_cast<int64_t>(t.scalar_type()), wrapped};
  k.insert(k.end(), t.sizes().begin(), t.sizes().end());
  k.insert(k.end(), t.strides().begin(), t.strides().end());
  auto [found, fresh] = index_.emplace(std::move(k), static_cast<int>(r_.places.size()));
  if (fresh) {
    // Not t itself: autograd looks at how many hold it. Nor memory that a graph would not use again.
    bool gone = t.is_cuda() && r_.made.count(storage);
    if (gone) r_.freed.push_back(t.storage().getWeakStorageImpl());
    r_.places.push_back({lying(gone ? no_memory(t.device()) : t.storage(), t), storage});
    if (wrapped) r_.places.back().tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
  }
  return found->second;
}

void Recorder::begin(const at::RecordFunction& f, Context& context) {
  if (!refused_.empty()) return;
  auto name = f.operator_name();
  if (!name) return;
  // Autograd keeps the value of what an operator is about to change.
  bool saved = inside && mutates(*inside) && name->name == "aten::clone" &&
               !c10::impl::tls_is_dispatch_key_excluded(c10::DispatchKey::AutogradCPU);
  if (inside && !saved) return;
  auto op = c10::Dispatcher::singleton().findSchema(*name);
  if (!op || !leaf(*op, f.inputs())) return;
  if (op->hasTag(at::Tag::inplace_view)) {  // the next operator is given the new view
    const auto& base = op->schema().name();
    if (base == "aten::squeeze_" || base == "aten::unsqueeze_" || base == "aten::transpose_" || base == "aten::t_" ||
        base == "aten::as_strided_" || base == "aten::detach_" || f.inputs()[0].toTensor().is_cuda())  // a graph keeps addresses
      return;
    throw Refused(toString(*name) + " changes the memory of a tensor");
  }
  context.node = Node{*op, toString(*name), {}, {}};
  context.outer = inside;
  Node& n = *context.node;
  inside = &n;
  n.grad = c10::GradMode::is_enabled();
  for (const auto& v : f.inputs()) {
    Arg a;
    if (v.isTensor()) {
      a.kind = Arg::kTensor;
      a.places.push_back(place(v.toTensor(), n.name));
    } else if (v.isTensorList()) {
      a.kind = Arg::kTensors;
      for (const at::Tensor& t : v.toTensorList()) a.places.push_back(place(t, n.name));
    } else if (v.isOptionalTensorList()) {
      a.kind = Arg::kOptionalTensors;
      for (const std::optional<at::Tensor>& t : v.toOptionalTensorList()) a.places.push_back(t ? place(*t, n.name) : -1);
    } else if (v.isGenerator() || v.isStorage() || v.isCustomClass()) {
      throw Refused(n.name + " is given a generator or an object");
    } else {
      a.value = v;
    }
    n.args.push_back(std::move(a));
  }
  if (op->hasTag(at::Tag::data_dependent_output)) throw Refused("the host reads a value of a tensor (" + n.name + ")");
  if (op->hasTag(at::Tag::dynamic_output_shape) && (n.name != "aten::index.Tensor" || masks(f.inputs()[1])))
    throw Refused("the shape of what " + n.name + " returns depends on values");
  for (size_t i = 0; i < n.args.size(); i++) {
    if (!writes_to(n, i)) continue;
    auto tensors = n.args[i].kind == Arg::kTensor ? std::vector<at::Tensor>{f.inputs()[i].toTensor()} : f.inputs()[i].toTensorVector();
    for (const auto& t : tensors)
      if (t.defined() && !t.is_inference()) r_.versions.emplace(t.storage().unsafeGetStorageImpl(), t.unsafeGetTensorImpl()->version_counter());
  }
}

void Recorder::end(const at::RecordFunction& f, Context& context) {
  if (!context.node) return;
  inside = context.outer;
  if (!refused_.empty()) return;
  Node& n = *context.node;
  std::unordered_set<Storage> given;
  for (auto& a : n.args)
    for (int p : a.places)
      if (p >= 0) given.insert(r_.places[p].storage);
  auto out = [&](const at::Tensor& t) {
    if (t.defined() && t.has_storage() && !given.count(t.storage().unsafeGetStorageImpl())) r_.made.insert(t.storage().unsafeGetStorageImpl());
    n.outs.push_back(place(t, n.name));
  };
  for (const auto& v : f.outputs()) {
    if (v.isTensorList()) {
      if (f.outputs().size() > 1 && r_.device.is_cpu()) throw Refused(n.name + " returns a list beside other values");
      n.list = true;
      for (const at::Tensor& t : v.toTensorList()) out(t);
    } else {
      out(v.isTensor() ? v.toTensor() : at::Tensor());
    }
  }
  r_.nodes.push_back(std::move(n));
}

// A graph takes what is on the CPU for a number that stays. Operators that draw random numbers return
// their seeds there, but not while they are captured.
void Recorder::check_device(bool captured) const {
  auto check = [&](int p, const std::string& of) {
    if (p < 0 || !r_.places[p].tensor.is_cpu()) return;
    const auto& t = r_.places[p].tensor;
    if (t.unsafeGetTensorImpl()->is_wrapped_number() || (!captured && t.dim() == 0 && r_.made.count(r_.places[p].storage))) return;
    throw Refused("a tensor of " + of + " is on the CPU, and the step computes on " + r_.device.str());
  };
  for (auto& n : r_.nodes) {
    for (auto& a : n.args)
      for (int p : a.places) check(p, n.name);
    for (int p : n.outs) check(p, n.name);
  }
}

Recording Recorder::finish(const std::vector<at::Tensor>& results, bool captured) {
  if (!refused_.empty()) throw Refused(refused_);
  if (r_.device.is_cuda()) check_device(captured);
  // What is not an operator's may be the host's, which would not write again.
  std::unordered_set<Storage> unwritten;
  for (auto& n : r_.nodes) {
    if (allocates(n)) {
      for (int p : n.outs) unwritten.insert(r_.places[p].storage);
      continue;
    }
    bool looks = mutates(n);  // at elements: views do not
    for (int p : n.outs) looks |= p >= 0 && !unwritten.count(r_.places[p].storage);
    for (size_t i = 0; i < n.args.size(); i++)
      for (int p : n.args[i].places) {
        if (p < 0 || !unwritten.count(r_.places[p].storage)) continue;
        if (writes_to(n, i)) unwritten.erase(r_.places[p].storage);
        else if (looks && !shape_alone(n) && r_.places[p].tensor.numel() > 0)
          throw Refused(name_of(n, i) + " has values that no operator wrote");
      }
  }
  for (auto& t : results) r_.results.push_back(place(t, "the results"));
  std::erase_if(r_.versions, [&](auto& v) { return r_.made.count(v.first); });
  return std::move(r_);
}

void release_memory(Recording& r) {
  for (auto& p : r.places)
    if (r.made.count(p.storage)) p.tensor = lying(no_memory(p.tensor.device()), p.tensor);
  r.released = true;
}

std::string name_of(const Node& n, size_t arg) { return "argument " + n.op.schema().arguments()[arg].name() + " of " + n.name; }

void compare(const Recording& a, const Recording& b) {
  if (a.nodes.size() != b.nodes.size())
    throw Refused("one step has " + std::to_string(a.nodes.size()) + " operators and the next " + std::to_string(b.nodes.size()));
  std::unordered_map<Storage, Storage> pairs;
  auto same_tensor = [&](int p, int q, bool written, const std::string& what) {
    if ((p < 0) != (q < 0)) throw Refused(what + " is there in one step alone");
    if (p < 0) return;
    const Place &x = a.places[p], &y = b.places[q];
    bool made = a.made.count(x.storage);
    if (x.tensor.sizes() != y.tensor.sizes() || x.tensor.strides() != y.tensor.strides() ||
        x.tensor.scalar_type() != y.tensor.scalar_type())
      throw Refused(what + " has another shape or type in the next step");
    if (made != (b.made.count(y.storage) > 0) || pairs.emplace(x.storage, y.storage).first->second != y.storage ||
        x.tensor.storage_offset() != y.tensor.storage_offset())
      throw Refused(what + " is another tensor in the next step");
    if (made || x.storage == y.storage) return;
    if (!a.released && a.made.count(y.storage)) throw Refused(what + " was made in the step before; copy it into a tensor that stays");
    if (written || x.tensor.device() != y.tensor.device() || !x.tensor.equal(y.tensor))
      throw Refused(what + " is another tensor with other values in the next step; copy what changes into a tensor that stays, before the step");
  };
  c10::InferenceMode below_autograd;
  for (size_t i = 0; i < a.nodes.size(); i++) {
    const Node &m = a.nodes[i], &n = b.nodes[i];
    if (m.name != n.name || m.args.size() != n.args.size())
      throw Refused("one step calls " + m.name + " where the next calls " + n.name);
    if (m.grad != n.grad) throw Refused("gradients are off for " + m.name + " in one step alone");
    for (size_t k = 0; k < m.args.size(); k++) {
      const Arg &x = m.args[k], &y = n.args[k];
      auto what = name_of(m, k);
      if (x.kind != y.kind || x.places.size() != y.places.size()) throw Refused(what + " is there in one step alone, or a list of another length");
      for (size_t j = 0; j < x.places.size(); j++) same_tensor(x.places[j], y.places[j], writes_to(m, k), what);
      if (!same(x.value, y.value))
        throw Refused(what + " is " + text(x.value) + " in one step and " + text(y.value) +
                      " in the next; what changes has to be a tensor that stays");
    }
    for (size_t j = 0; j < m.outs.size() && j < n.outs.size(); j++)
      same_tensor(m.outs[j], n.outs[j], false, "the result of " + m.name);
  }
  if (a.results.size() != b.results.size()) throw Refused("the number of results changes");
  for (size_t i = 0; i < a.results.size(); i++) same_tensor(a.results[i], b.results[i], false, "result " + std::to_string(i));
}

}  // namespace etude::record
