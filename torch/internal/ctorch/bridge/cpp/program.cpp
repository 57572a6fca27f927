// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

#include "program.h"

#include <ATen/Version.h>
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace etude {

using namespace kernels;

namespace kernels {
namespace {
template <class F>
void look_up(F& f, const char* name) {
  f = reinterpret_cast<F>(dlsym(RTLD_DEFAULT, name));
}
Symbols look_up() {
  Symbols s;
  look_up(s.sgemm, "sgemm_");
  look_up(s.tanh, "vmsTanh");
  look_up(s.exp, "vmsExp");
  look_up(s.ln, "vmsLn");
  look_up(s.sqrt, "vmsSqrt");
  look_up(s.threads_here, "MKL_Set_Num_Threads_Local");
  return s;
}
}  // namespace
const Symbols symbols = look_up();
}  // namespace kernels

const Width& kernels_here() {
  static const Width& width = [&]() -> const Width& {
    std::string name = at::get_cpu_capability();
    return name == "AVX512" ? width_AVX512 : name == "AVX2" ? width_AVX2 : width_DEFAULT;
  }();
  return width;
}

int own_depth(const Product& like) {
  // Geometries that were looked at. What is faster may differ from process to process, the bits do not.
  static std::mutex mutex;
  static std::map<std::vector<int>, int> known;
  std::lock_guard<std::mutex> lock(mutex);
  Product p = like;
  auto [place, fresh] = known.try_emplace({p.ta, p.tb, p.m, p.n, p.k, p.lda, p.ldb, bool(p.bias)}, 0);
  int& depth = place->second;
  if (!fresh || 2.0 * p.m * p.n * p.k > 4e9) return depth;
  uint32_t seed = 1;
  auto numbers = [&](int64_t n) {
    std::vector<float> v(n);
    for (float& x : v) x = static_cast<float>(int32_t(seed = seed * 1664525u + 1013904223u)) * 0x1p-31f;
    return v;
  };
  auto a = numbers(int64_t(p.ta ? p.k : p.m) * p.lda), b = numbers(int64_t(p.tb ? p.n : p.k) * p.ldb), bias = numbers(p.n);
  std::vector<float> want(int64_t(p.m) * p.n), got(want.size());
  p.a = a.data(), p.b = b.data(), p.ldc = p.n, p.batch = 1, p.block = 0;
  if (p.bias) p.bias = bias.data();
  auto fastest = [&](std::vector<float>& out, int depth) {
    p.c = out.data(), p.depth = depth;
    double least = 1e9;
    for (int i = 0; i < 4; i++) {
      auto begin = std::chrono::steady_clock::now();
      kernels_here().run(p, 0, 1);
      least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
    return least;
  };
  const int before = symbols.threads_here ? symbols.threads_here(1) : 0;
  const double theirs = fastest(want, 0);
  for (int d : {p.k, p.k / 2, 192, 128, 256, 320, 336, 384, 512}) {
    if (d < 1 || d > p.k || d > 1024) continue;
    const double ours = fastest(got, d);
    if (memcmp(want.data(), got.data(), want.size() * sizeof(float)) != 0) continue;
    if (ours < theirs) depth = d;
    break;
  }
  if (symbols.threads_here) symbols.threads_here(before);
  return depth;
}

bool Range::meets(const Range& b) const {
  if (lo >= b.hi || b.lo >= hi) return false;
  if (stride == 0 || stride != b.stride) return true;
  // Columns of one matrix.
  int64_t apart = ((lo - b.lo) % stride + stride) % stride;
  return apart < b.width || apart + width > stride;
}

namespace {

bool meet(const std::vector<Range>& a, const std::vector<Range>& b) {
  for (auto& x : a)
    for (auto& y : b)
      if (x.meets(y)) return true;
  return false;
}
bool depend(const Item& a, const Item& b) {
  return meet(a.writes, b.reads) || meet(a.reads, b.writes) || meet(a.writes, b.writes);
}

Range whole(const float* p, int64_t n, const Range& of) {
  auto lo = reinterpret_cast<const char*>(p);
  return {lo, lo + n * int64_t(sizeof(float)), 0, 0, of.value, of.local};
}

// About how many nanoseconds a kernel takes on one thread.
double cost(const Kernel& k) {
  struct {
    double operator()(const Product& p) { return 0.02 * p.batch * p.m * p.n * p.k + (p.fused ? 0.7 * p.m * p.n : 0); }
    double operator()(const Chain& c) { return 0.2 * double(c.rows * c.cols) * double(c.micros.size()); }
    double operator()(const Adam& a) { return 0.7 * double(a.n); }
    double operator()(const Sums& s) { return 0.1 * double(s.rows * s.cols); }
    double operator()(const Rows& r) { return double(r.rows * r.cols); }
    double operator()(const Total&) { return 0; }  // not divided
    double operator()(const Count&) { return 0; }
  } of;
  return std::visit(of, k);
}

int parts(const Kernel& k, int threads) {
  constexpr double kWorth = 1500;
  return std::clamp(static_cast<int>(cost(k) / kWorth), 1, threads);
}

bool same(const Operand& a, const Operand& b) { return a.at == b.at && a.row == b.row && a.col == b.col; }

// Micros on the same number of elements, one flat and one by rows.
bool alike(Chain& a, Chain& b) {
  if (a.rows == b.rows && a.cols == b.cols) return true;
  if (a.rows * a.cols != b.rows * b.cols) return false;
  Chain &flat = a.rows == 1 ? a : b, &rows = a.rows == 1 ? b : a;
  if (flat.rows != 1) return false;
  for (auto& o : flat.operands) o.row = o.col ? rows.cols : 0;
  flat.rows = rows.rows, flat.cols = rows.cols;
  return true;
}

bool writes(const Chain& c, size_t operand) {
  return std::any_of(c.micros.begin(), c.micros.end(), [&](const Micro& m) { return m.out == int(operand); });
}

// Whether a micro reads the operand before one has written it.
bool reads_first(const Chain& c, int operand) {
  for (auto& m : c.micros) {
    if (std::find(m.in, m.in + 3, operand) != m.in + 3) return true;
    if (m.out == operand) return false;
  }
  return false;
}

// Appends the micros of b to a, unless an element is not at the same place for both.
bool join(Item& x, const Item& y) {
  constexpr size_t kMost = 24;
  Chain a = *x.as<Chain>(), b = *const_cast<Item&>(y).as<Chain>();
  if (a.micros.size() + b.micros.size() > kMost || !alike(a, b)) return false;
  std::vector<Range> operands = x.operands;
  std::vector<int> to;
  for (size_t j = 0; j < b.operands.size(); j++) {
    int found = -1;
    for (size_t i = 0; i < a.operands.size(); i++) {
      // Another value may lie in the same place later.
      if (same(a.operands[i], b.operands[j])) found = operands[i].value == y.operands[j].value ? int(i) : found;
      else if ((writes(a, i) || writes(b, j)) && operands[i].meets(y.operands[j])) return false;
    }
    if (found < 0) {
      found = int(a.operands.size());
      a.operands.push_back(b.operands[j]);
      operands.push_back(y.operands[j]);
    }
    to.push_back(found);
  }
  for (Micro m : b.micros) {
    m.out = to[m.out];
    for (int& in : m.in)
      if (in >= 0) in = to[in];
    a.micros.push_back(m);
  }
  *x.as<Chain>() = std::move(a);
  x.operands = std::move(operands);
  x.reads.insert(x.reads.end(), y.reads.begin(), y.reads.end());
  x.writes.insert(x.writes.end(), y.writes.begin(), y.writes.end());
  return true;
}

}  // namespace

Program::Program(std::vector<Item> items, Pool& pool, bool arrange) : items_(std::move(items)), pool_(pool) {
  if (arrange) {
    split_adam();
    advance_adam();
    merge_adam();
    join_chains();
  }
  divide();
}

// A gradient that several products make, such as that of an LSTM's gates, has its Adam in parts.
void Program::split_adam() {
  std::vector<Range> products;
  for (auto& x : items_)
    if (auto* p = x.as<Product>(); p && p->block > 0) products.push_back(x.writes[0]);
  std::vector<Item> all;
  for (auto& x : items_) {
    auto* adam = x.as<Adam>();
    if (!adam || !adam->g) {
      all.push_back(std::move(x));
      continue;
    }
    std::vector<int64_t> cuts{0, adam->n};
    const Range g = whole(adam->g, adam->n, {});
    for (auto& c : products)
      if (c.lo >= g.lo && c.hi <= g.hi)
        for (const char* end : {c.lo, c.hi}) cuts.push_back((end - g.lo) / int64_t(sizeof(float)));
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    for (size_t i = 0; i + 1 < cuts.size(); i++) {
      Item part = x;
      Adam& a = *part.as<Adam>();
      a.n = cuts[i + 1] - cuts[i];
      for (float** q : {&a.p, &a.m, &a.v}) *q += cuts[i];
      a.g += cuts[i];
      // As lower.cpp made them: p, m, v are written; p, m, v, g and small ones are read.
      const float* at[] = {a.p, a.m, a.v, a.g};
      for (int k = 0; k < 4; k++) part.reads[k] = whole(at[k], a.n, x.reads[k]);
      for (int k = 0; k < 3; k++) part.writes[k] = part.reads[k];
      all.push_back(std::move(part));
    }
  }
  items_ = std::move(all);
}

// Adam, and what counts its steps, go to the first place where they may stand.
void Program::advance_adam() {
  for (size_t k = 0; k < items_.size(); k++) {
    if (!items_[k].as<Adam>() && !items_[k].as<Count>()) continue;
    size_t to = k;
    while (to > 0 && !depend(items_[to - 1], items_[k])) to--;
    std::rotate(items_.begin() + to, items_.begin() + k, items_.begin() + k + 1);
  }
}

// Products take the Adam of their result in, where nobody else reads it.
void Program::merge_adam() {
  for (size_t k = 0; k < items_.size(); k++) {
    auto* p = items_[k].as<Product>();
    if (!p || p->block == 0 || !items_[k].writes[0].local) continue;
    const Range g = items_[k].writes[0];
    size_t found = 0;
    int readers = 0;
    for (size_t j = 0; j < items_.size(); j++)
      for (auto& r : items_[j].reads)
        if (j != k && r.value == g.value && r.meets(g)) {
          readers++;
          auto* a = items_[j].as<Adam>();
          if (a && j > k && reinterpret_cast<const char*>(a->g) == g.lo && a->n * int64_t(sizeof(float)) == g.hi - g.lo) found = j;
        }
    if (!found || readers != 1) continue;
    bool free = true;
    for (size_t j = k + 1; j < found; j++) free &= !depend(items_[j], items_[found]);
    if (!free) continue;
    p->fused = true;
    p->adam = *items_[found].as<Adam>();
    items_[k].reads.insert(items_[k].reads.end(), items_[found].reads.begin(), items_[found].reads.end());
    items_[k].writes = items_[found].writes;
    items_.erase(items_.begin() + found);
  }
}

// A chain joins the one before it, and goes past what it does not depend on to reach it.
void Program::join_chains() {
  std::vector<Item> all;
  for (auto& x : items_) {
    bool joined = false;
    if (x.as<Chain>())
      for (size_t k = all.size(); k-- > 0 && !joined;) {
        if (all[k].as<Chain>()) joined = join(all[k], x);
        if (!joined && depend(all[k], x)) break;
      }
    if (!joined) all.push_back(std::move(x));
  }
  items_ = std::move(all);
  // What only its own chain reads needs no memory.
  for (auto& x : items_) {
    auto* c = x.as<Chain>();
    if (!c || c->micros.size() < 2) continue;
    for (size_t b = 0; b < c->operands.size(); b++) {
      const Range r = x.operands[b];
      if (!r.local || c->operands[b].col != 1 || !writes(*c, b) || reads_first(*c, int(b))) continue;
      bool alone = true;
      auto other = [&](const Range& s) { return s.value == r.value && s.meets(r); };
      for (auto& y : items_)
        if (&y != &x) alone &= std::none_of(y.reads.begin(), y.reads.end(), other);
      for (size_t i = 0; i < c->operands.size(); i++) alone &= i == b || !other(x.operands[i]);
      if (!alone) continue;
      c->operands[b].tile = c->tiles++;
      for (auto* list : {&x.reads, &x.writes}) list->erase(std::remove_if(list->begin(), list->end(), other), list->end());
    }
  }
}

void Program::divide() {
  const int threads = pool_.threads();
  size_t since = 0;
  auto begin = [&] {
    phases_.emplace_back();
    phases_.back().lanes.resize(threads);
  };
  for (size_t k = 0; k < items_.size(); k++) {
    auto* call = std::get_if<std::function<void()>>(&items_[k].what);
    bool wait = phases_.empty() || call || phases_.back().call;
    for (size_t j = since; j < k && !wait; j++) wait = depend(items_[j], items_[k]);
    if (wait) begin(), since = k;
    Phase& phase = phases_.back();
    if (call) {
      phase.call = call;
      continue;
    }
    auto& kernel = std::get<Kernel>(items_[k].what);
    const int of = parts(kernel, threads);
    for (int part = 0; part < of; part++) phase.lanes[part].push_back({&kernel, part, of});
  }
  for (auto& phase : phases_)
    for (size_t lane = 0; lane < phase.lanes.size(); lane++) {
      phase.counts.push_back(static_cast<uint16_t>(phase.lanes[lane].size()));
      if (lane > 0 && phase.counts[lane]) phase.alone = false;
    }
}

void Program::task(int lane, int i) noexcept {
  const Task& t = now_->lanes[lane][i];
  kernels_here().run(*t.kernel, t.part, t.of);
}

void Program::run() {
  // MKL divides nothing of what the pool has divided; calls do as they do elsewhere.
  int before = -1;
  auto divided = [&](bool ours) {
    if (!symbols.threads_here || ours == (before >= 0)) return;
    if (ours) before = symbols.threads_here(1);
    else symbols.threads_here(before), before = -1;
  };
  struct Restore {
    decltype(divided)& f;
    ~Restore() { f(false); }
  } restore{divided};
  for (auto& phase : phases_) {
    divided(!phase.call);
    if (phase.call) {
      (*phase.call)();
    } else if (phase.alone) {
      for (auto& t : phase.lanes[0]) kernels_here().run(*t.kernel, t.part, t.of);
    } else {
      now_ = &phase;
      pool_.run(*this, phase.counts);
    }
  }
}

}  // namespace etude
