// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// What is left of a recorded step, and where its values lie.

#include "plan.h"

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/ScopeExit.h>

#include <map>

namespace etude::record {
namespace {

// A number where the schema has one, and at its end what only fused optimizers have.
const c10::IValue* value_of(const Node& n, const char* name) {
  auto i = n.op.schema().argumentIndexWithName(name);
  return i ? &n.args[*i].value : nullptr;
}

template <class F>
void each_place(const std::vector<Arg>& args, F f) {
  for (auto& a : args)
    for (int p : a.places)
      if (p >= 0) f(p);
}

bool has(const std::vector<int>& list, const Plan& plan, Storage s) {
  return std::any_of(list.begin(), list.end(), [&](int p) { return plan.storage(p) == s; });
}

bool whole(const at::Tensor& t) {  // its storage holds it and nothing else, in order
  return t.is_contiguous() && t.storage_offset() == 0 && t.storage().nbytes() == t.nbytes();
}

// The same elements of another memory.
at::Tensor moved(const at::Tensor& t, const at::Tensor& memory, c10::IntArrayRef strides, int64_t offset) {
  auto impl = c10::make_intrusive<c10::TensorImpl>(c10::Storage(memory.storage()), c10::DispatchKeySet(c10::DispatchKey::CPU), t.dtype());
  impl->set_sizes_and_strides(t.sizes(), strides, offset);
  if (t.unsafeGetTensorImpl()->is_wrapped_number()) impl->set_wrapped_number(true);
  return at::Tensor(std::move(impl));
}

c10::IValue ready(const Plan& plan, const Arg& a) {
  auto at = [&](int p) { return p < 0 ? at::Tensor() : plan.at(p); };
  switch (a.kind) {
    case Arg::kValue:
      return a.value;
    case Arg::kTensor:
      return at(a.places[0]);
    case Arg::kTensors: {
      c10::List<at::Tensor> list;
      for (int p : a.places) list.push_back(at(p));
      return list;
    }
    default: {
      c10::List<std::optional<at::Tensor>> list;
      for (int p : a.places) list.push_back(p < 0 ? std::nullopt : std::optional(at(p)));
      return list;
    }
  }
}

}  // namespace

bool writes_to(const Node& n, size_t i) {
  const auto& arg = n.op.schema().arguments()[i];
  auto* alias = arg.alias_info();
  // The schema of aten::native_batch_norm does not tell.
  if (!alias && (arg.name() == "running_mean" || arg.name() == "running_var")) return n.args[i].kind == Arg::kTensor;
  if (!alias || !alias->isWrite()) return false;
  // Fused optimizers change gradients only to undo the scale of a GradScaler.
  auto* scale = value_of(n, "grad_scale");
  return !(i == 1 && scale && scale->isNone() && n.args[n.args.size() - 2].kind == Arg::kValue);
}

bool mutates(const Node& n) {
  for (size_t i = 0; i < n.args.size(); i++)
    if (writes_to(n, i)) return true;
  return false;
}

bool allocates(const Node& n) {
  const auto& name = n.op.schema().name();
  return name.starts_with("aten::empty") || name.starts_with("aten::new_empty");
}

bool shape_alone(const Node& n) {
  const auto& name = n.op.schema().name();
  return name.ends_with("_like") || name == "aten::new_zeros" || name == "aten::new_ones" || name == "aten::new_full";
}

bool random(const Node& n) { return n.op.hasTag(at::Tag::nondeterministic_seeded); }

std::vector<int> reads(const Node& n) {
  std::vector<int> list;
  each_place(n.args, [&](int p) { list.push_back(p); });
  return list;
}

std::vector<int> writes(const Node& n) {
  std::vector<int> list;
  for (size_t i = 0; i < n.args.size(); i++)
    if (writes_to(n, i)) each_place({n.args[i]}, [&](int p) { list.push_back(p); });
  for (int i : n.copies) list.push_back(n.outs[i]);
  return list;
}

bool Plan::internal(Storage s) const { return made.count(s) && !fixed.count(s) && !has(results, *this, s); }

Plan::Plan(Recording r, bool move)
    : places(std::move(r.places)), nodes(std::move(r.nodes)), results(std::move(r.results)), made(std::move(r.made)),
      versions(std::move(r.versions)), recorded(static_cast<int>(nodes.size())) {
  c10::InferenceMode below_autograd;
  for (auto& n : nodes) {
    auto given = reads(n);
    for (size_t i = 0; i < n.outs.size(); i++)
      if (n.outs[i] >= 0 && !has(given, *this, storage(n.outs[i]))) n.copies.push_back(static_cast<int>(i));
  }
  prune();
  hoist();
  if (move) {
    drop_copies();
    drop_cats();
    share_memory();
  }
  std::unordered_set<int> used(results.begin(), results.end());
  for (auto& n : nodes) {
    for (auto& a : n.args) n.stack.push_back(ready(*this, a));
    for (int p : reads(n)) used.insert(p);
    used.insert(n.outs.begin(), n.outs.end());
  }
  for (size_t p = 0; p < places.size(); p++)
    if (!used.count(static_cast<int>(p))) places[p].tensor.reset();  // its memory can go
}

// Views make nothing, and empty memory has no values. What writes to nothing that is read
// later, or that stays, need not be run; but random numbers are drawn in their order.
void Plan::prune() {
  std::unordered_set<Storage> needed;
  for (int p : results)
    if (p >= 0) needed.insert(storage(p));
  std::vector<Node> kept;
  for (size_t k = nodes.size(); k-- > 0;) {
    Node& n = nodes[k];
    auto written = writes(n);
    if (written.empty() ? !n.outs.empty() : allocates(n)) {
      views++;
      continue;
    }
    bool live = random(n) || n.outs.empty();
    for (int p : written) live |= !made.count(storage(p)) || needed.count(storage(p));
    if (!live) {
      dead++;
      continue;
    }
    for (int p : reads(n))
      if (at(p).numel() > 0) needed.insert(storage(p));
    kept.push_back(std::move(n));
  }
  nodes.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
}

// What depends on nothing that changes has its value already: that of the recording.
void Plan::hoist() {
  std::unordered_map<Storage, int> writers;
  for (auto& n : nodes) {
    std::unordered_set<Storage> written;
    for (int p : writes(n)) written.insert(storage(p));
    for (auto s : written) writers[s]++;
  }
  std::erase_if(nodes, [&](const Node& n) {
    if (mutates(n) || random(n)) return false;
    for (int p : reads(n))
      if (!shape_alone(n) && at(p).numel() > 0 && !fixed.count(storage(p)) && !at(p).unsafeGetTensorImpl()->is_wrapped_number()) return false;
    auto written = writes(n);
    for (int p : written)
      if (writers[storage(p)] != 1) return false;
    for (int p : written) fixed.insert(storage(p));
    hoisted++;
    return true;
  });
}

// Whether only one node, if any, writes to a value.
bool Plan::alone(Storage s, size_t writer) const {
  for (size_t k = 0; k < nodes.size(); k++)
    if (k != writer && has(writes(nodes[k]), *this, s)) return false;
  return true;
}

// Whether no node from this one on writes to a value.
bool Plan::unchanged(Storage s, size_t after) const {
  for (size_t k = after; k < nodes.size(); k++)
    if (has(writes(nodes[k]), *this, s)) return false;
  return true;
}

// A copy may be what it is a copy of, if neither is changed afterwards.
void Plan::drop_copies() {
  for (size_t k = 0; k < nodes.size(); k++) {
    Node& n = nodes[k];
    bool clone = n.op.schema().name() == "aten::clone";
    if (!clone && n.op.schema().name() != "aten::copy_") continue;
    int to = clone ? n.outs[0] : n.args[0].places[0], from = n.args[clone ? 0 : 1].places[0];
    auto s = storage(from), d = storage(to);
    if (s == d || !internal(d) || !made.count(s) || !whole(at(to)) || at(to).scalar_type() != at(from).scalar_type() ||
        at(to).sizes() != at(from).sizes() || at(to).strides() != at(from).strides() || !alone(d, k) || !unchanged(s, k + 1))
      continue;
    auto source = at(from);
    for (auto& p : places)
      if (p.storage == d) p = {moved(p.tensor, source, p.tensor.strides(), source.storage_offset() + p.tensor.storage_offset()), s};
    copies++;
    nodes.erase(nodes.begin() + static_cast<ptrdiff_t>(k--));
  }
}

void Plan::drop_cats() {
  for (size_t k = 0; k < nodes.size(); k++) {
    if (nodes[k].name != "aten::cat" || !drop_cat(k)) continue;
    cats++;
    nodes.erase(nodes.begin() + static_cast<ptrdiff_t>(k--));
  }
}

// The parts of a concatenation may be made where they lie in it. As matrices, the whole has
// rows of `width` elements, and a part the columns from `first` on, `own` of them.
bool Plan::drop_cat(size_t k) {
  const Node& n = nodes[k];
  const at::Tensor out = at(n.outs[0]);
  auto into = storage(n.outs[0]);
  int64_t dim = n.args[1].value.toInt();
  if (dim < 0) dim += out.dim();
  if (!internal(into) || !whole(out) || !alone(into, k)) return false;
  int64_t inner = 1, first = 0;
  for (int64_t d = dim + 1; d < out.dim(); d++) inner *= out.size(d);
  const int64_t width = inner * out.size(dim);
  std::unordered_set<Storage> seen;
  std::vector<std::pair<size_t, Place>> moves;
  std::vector<std::pair<at::Tensor, at::Tensor>> constants;
  for (int p : n.args[0].places) {
    const at::Tensor part = at(p);
    auto s = storage(p);
    if (!made.count(s) || has(results, *this, s) || !whole(part) || part.dim() != out.dim() || part.numel() == 0 ||
        part.scalar_type() != out.scalar_type() || !seen.insert(s).second || !unchanged(s, k))
      return false;
    const int64_t own = inner * part.size(dim);
    for (size_t q = 0; q < places.size(); q++) {
      if (storage(static_cast<int>(q)) != s) continue;
      const auto& t = places[q].tensor;
      if (t.scalar_type() != out.scalar_type()) return false;
      std::vector<int64_t> strides;
      int64_t column = t.storage_offset() % own;  // of the last element of its first row
      for (int64_t d = 0; d < t.dim(); d++) {
        bool rows = t.stride(d) % own == 0;
        strides.push_back(rows ? t.stride(d) / own * width : t.stride(d));
        if (!rows && t.size(d) > 0) column += (t.size(d) - 1) * t.stride(d);
      }
      if (column >= own) return false;
      moves.push_back({q, {moved(t, out, strides, t.storage_offset() / own * width + first + t.storage_offset() % own), into}});
      if (static_cast<int>(q) == p && fixed.count(s)) constants.push_back({part, moves.back().second.tensor});
    }
    first += own;
  }
  for (auto& [part, there] : constants) {
    there.copy_(part);
    fixed.insert(into);  // in part: it keeps its memory from step to step
  }
  for (auto& [q, to] : moves) places[q] = std::move(to);
  return true;
}

// Each value lives from its first writer to its last reader. The largest are placed first,
// each at the lowest offset that is free all that time.
void Plan::share_memory() {
  struct Life {
    size_t first, last;
    int64_t size, offset;
  };
  std::unordered_map<Storage, Life> lives;
  for (size_t k = 0; k < nodes.size(); k++) {
    auto touch = [&](int p) {
      auto s = storage(p);
      if (!internal(s)) return;
      auto size = static_cast<int64_t>(at(p).storage().nbytes() + 63) / 64 * 64;
      lives.emplace(s, Life{k, k, size, 0}).first->second.last = k;
    };
    for (int p : reads(nodes[k])) touch(p);
    for (int p : writes(nodes[k])) touch(p);
  }
  std::vector<Life*> order;
  for (auto& [s, life] : lives)
    if (life.size > 0) order.push_back(&life);
  std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return std::pair(b->size, a->first) < std::pair(a->size, b->first); });
  int64_t total = 0;
  for (size_t i = 0; i < order.size(); i++) {
    Life& life = *order[i];
    std::map<int64_t, int64_t> taken;  // begin to end
    for (size_t j = 0; j < i; j++)
      if (order[j]->first <= life.last && life.first <= order[j]->last) {
        auto& end = taken[order[j]->offset];
        end = std::max(end, order[j]->offset + order[j]->size);
      }
    for (auto& [begin, end] : taken) {
      if (life.offset + life.size <= begin) break;
      life.offset = std::max(life.offset, end);
    }
    total = std::max(total, life.offset + life.size);
  }
  arena = at::empty({total}, at::kByte);
  for (auto& p : places) {
    auto found = lives.find(p.storage);
    if (found == lives.end()) continue;
    auto offset = found->second.offset / static_cast<int64_t>(p.tensor.element_size()) + p.tensor.storage_offset();
    p.tensor = moved(p.tensor, arena, p.tensor.strides(), offset);
  }
}

void Plan::call(const Node& n) const {
  thread_local std::vector<c10::IValue> stack;
  c10::AutoGradMode mode(n.grad);
  stack.assign(n.stack.begin(), n.stack.end());
  auto clear = c10::make_scope_exit([] { stack.clear(); });  // also after an error
  if (n.out) {
    for (int p : n.outs) stack.emplace_back(at(p));
    n.out->callBoxed(stack);
    return;
  }
  n.op.callBoxed(stack);
  for (int i : n.copies) {
    const at::Tensor result = n.list ? stack[0].toTensorList().get(i) : stack[i].toTensor();
    TORCH_CHECK(result.sizes() == at(n.outs[i]).sizes(), n.name, " returns the shape ", result.sizes(), ", and ", at(n.outs[i]).sizes(),
                " when the step was recorded");
    at(n.outs[i]).copy_(result);
  }
}

}  // namespace etude::record
