// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

#include "replay.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_strided.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <cstring>
#include <map>
#include <mutex>

#include "guard.h"
#include "record.h"

namespace etude::record {
namespace {

// Below autograd, and below autocast, whose casts are recorded.
struct Below {
  c10::InferenceMode inference;
  c10::impl::ExcludeDispatchKeyGuard no_autocast{c10::autocast_dispatch_keyset};
};

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) return false;
  auto x = a.contiguous(), y = b.contiguous();
  return x.nbytes() == 0 || memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
}

struct CountWarnings : c10::WarningHandler {
  int n = 0;
  void process(const c10::Warning&) override { n++; }
};

// Calls f; false where it fails or warns.
template <class F>
bool quiet(F&& f) {
  CountWarnings warnings;
  c10::WarningUtils::WarningHandlerGuard guard(&warnings);
  c10::WarningUtils::WarnAlways always;
  try {
    f();
  } catch (const std::exception&) {
    return false;
  }
  return warnings.n == 0;
}

// The variant of a node's operator that writes into given tensors, if it has a kernel for that.
std::optional<c10::OperatorHandle> out_variant(const Node& n) {
  static std::mutex mutex;
  static std::map<std::string, std::vector<c10::OperatorName>> by_name;
  std::lock_guard<std::mutex> lock(mutex);
  auto& dispatcher = c10::Dispatcher::singleton();
  if (by_name.empty())
    for (auto& name : dispatcher.getAllOpNames()) by_name[name.name].push_back(name);
  const auto& want = n.op.schema().arguments();
  for (auto& name : by_name[n.op.schema().name()]) {
    auto op = dispatcher.findSchema(name);
    if (!op || !op->hasKernelForDispatchKey(c10::DispatchKey::CPU)) continue;
    const auto& have = op->schema().arguments();
    if (have.size() != want.size() + n.outs.size()) continue;
    bool fits = true;
    for (size_t i = 0; i < have.size() && fits; i++)
      fits = i < want.size() ? have[i].name() == want[i].name() && *have[i].type() == *want[i].type() : have[i].is_out();
    if (fits) return op;
  }
  return std::nullopt;
}

void throw_error(ct_error* e) {
  if (!e) return;
  std::string text = e->text;
  free(e);
  throw std::runtime_error(text);
}

at::Tensor generator_state() {
  ct_tensor state = 0;
  ct_result result;
  throw_error(rng::rng_state(static_cast<int32_t>(c10::kCPU), -1, &state, &result));
  return at::Tensor(Impl::reclaim(reinterpret_cast<at::TensorImpl*>(state)));
}

}  // namespace

Snapshot::Snapshot(const Recording& r) : generator_(generator_state()) {
  Below below;
  std::unordered_set<int> seen;
  auto take = [&](int p, const std::string& name, bool result) {
    if (p >= 0 && seen.insert(p).second) values_.push_back({name, r.places[p].tensor, r.places[p].tensor.clone(), result});
  };
  for (auto& n : r.nodes)
    for (size_t i = 0; i < n.args.size(); i++)
      for (int p : n.args[i].places)
        if (p >= 0 && writes_to(n, i) && !r.made.count(r.places[p].storage)) take(p, name_of(n, i), false);
  for (size_t i = 0; i < r.results.size(); i++) take(r.results[i], "result " + std::to_string(i), true);
}

Snapshot Snapshot::now() const {
  Below below;
  Snapshot s;
  s.generator_ = generator_state();
  for (auto& v : values_) s.values_.push_back({v.name, v.place, v.place.clone(), v.result});
  return s;
}

void Snapshot::restore() const {
  Below below;
  for (auto& v : values_)
    if (!v.result) v.place.copy_(v.copy);
  auto state = generator_.clone();
  throw_error(rng::set_rng_state(static_cast<int32_t>(c10::kCPU), -1, reinterpret_cast<ct_tensor>(state.unsafeGetTensorImpl())));
}

void Snapshot::forget() {
  for (auto& v : values_) v.copy.reset();
}

std::string Snapshot::difference() const {
  for (auto& v : values_)
    if (!same_bits(v.place, v.copy)) return v.name;
  return same_bits(generator_state(), generator_) ? "" : "the random generator";
}

Replay::Replay(Recording r, bool move, bool lowers) : plan_(std::move(r), move), lowers_(lowers) {}

// Whether an out= variant leaves alone the geometry of what it is given, as some do not.
bool Replay::keeps_shape(const Node& n, const c10::OperatorHandle& out) const {
  std::vector<c10::IValue> stack(n.stack);
  std::vector<at::Tensor> given;
  for (int p : n.outs) {
    given.push_back(at::empty_strided(plan_.at(p).sizes(), plan_.at(p).strides(), plan_.at(p).options()));
    stack.emplace_back(given.back());
  }
  if (!quiet([&] { out.callBoxed(stack); })) return false;
  for (size_t i = 0; i < given.size(); i++)
    if (given[i].sizes() != plan_.at(n.outs[i]).sizes() || given[i].strides() != plan_.at(n.outs[i]).strides()) return false;
  return true;
}

void Replay::prove(size_t k) {
  Node& n = plan_.nodes[k];
  auto out = std::exchange(n.out, std::nullopt);
  if (!out && !proved_[k]) return plan_.call(n);
  std::vector<at::Tensor> places, before, after;
  for (int p : writes(n)) {
    places.push_back(plan_.at(p));
    before.push_back(plan_.at(p).clone());
  }
  try {
    plan_.call(n);
  } catch (...) {
    n.out = out;  // it was proved in the steps before
    throw;
  }
  for (auto& t : places) after.push_back(t.clone());
  auto right = [&](auto&& f) {
    for (size_t i = 0; i < places.size(); i++)
      if (mutates(n)) places[i].copy_(before[i]);
      else places[i].fill_(7);  // so that what nobody writes shows
    if (!quiet(f)) return false;
    for (size_t i = 0; i < places.size(); i++)
      if (!same_bits(places[i], after[i])) return false;
    return true;
  };
  if (out && keeps_shape(n, *out)) {
    n.out = out;
    if (!right([&] { plan_.call(n); })) n.out.reset();
  }
  if (proved_[k]) proved_[k] = right([&] { lowered_->run_one(k); });
  for (size_t i = 0; i < places.size(); i++) places[i].copy_(after[i]);
}

void Replay::prove() {
  // One step is not enough: while moments are 0, another order of additions does not show.
  constexpr int kSteps = 3;
  Below below;
  threads_ = 0;  // until all is proved
  if (lowers_) lowered_ = lower(plan_);
  proved_.assign(plan_.nodes.size(), false);
  for (size_t k = 0; k < plan_.nodes.size(); k++) {
    Node& n = plan_.nodes[k];
    proved_[k] = lowered_ && lowered_->has(k) && !random(n);
    n.out.reset();
    if (!random(n) && !mutates(n) && !n.list && n.copies.size() == n.outs.size()) n.out = out_variant(n);
  }
  for (int i = 0; i < kSteps; i++) try {
      for (size_t k = 0; k < plan_.nodes.size(); k++) prove(k);
    } catch (const c10::IndexError&) {  // a step that moves through data comes to its end
      if (i == 0) throw;
      break;
    }
  if (lowered_) lowered_->link(proved_);
  threads_ = at::get_num_threads();
}

void Replay::step() {
  Below below;
  if (lowered_) return lowered_->run();
  for (auto& n : plan_.nodes) plan_.call(n);
}

}  // namespace etude::record
