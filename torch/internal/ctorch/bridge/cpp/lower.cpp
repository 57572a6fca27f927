// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Plain code for the operators of a recorded step.

#include <ATen/Parallel.h>
#include <ATen/WrapDimUtils.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>

#include "optimizers.h"

namespace etude::record {
namespace {

using namespace kernels;

// Operators that compute each element from those at the same place, by their first arguments.
struct Elementwise {
  const char* name;
  Op op;
  int inputs;
  int s = -1;  // the argument that is the constant s
};
constexpr Elementwise kElementwise[] = {
    {"aten::tanh", Op::kTanh, 1},
    {"aten::exp", Op::kExp, 1},
    {"aten::log", Op::kLog, 1},
    {"aten::sqrt", Op::kSqrt, 1},
    {"aten::sigmoid", Op::kSigmoid, 1},
    {"aten::relu", Op::kRelu, 1},
    {"aten::neg", Op::kNeg, 1},
    {"aten::abs", Op::kAbs, 1},
    {"aten::reciprocal", Op::kReciprocal, 1},
    {"aten::silu", Op::kSilu, 1},
    {"aten::clone", Op::kCopy, 1},
    {"aten::leaky_relu", Op::kLeakyRelu, 1, 1},
    {"aten::xlogy.Tensor", Op::kXlogy, 2},
    {"aten::tanh_backward", Op::kTanhBackward, 2},
    {"aten::sigmoid_backward", Op::kSigmoidBackward, 2},
    {"aten::silu_backward", Op::kSiluBackward, 2},
    {"aten::threshold_backward", Op::kThresholdBackward, 2, 2},
    {"aten::leaky_relu_backward", Op::kLeakyReluBackward, 2, 2},
};

class Code final : public Lowered, Optimizers {
 public:
  explicit Code(Plan& plan) : Optimizers(plan, at::get_num_threads()), pool_(threads_) {
    for (auto& n : plan_.nodes) ways_.push_back(lower(n));
  }

  bool has(size_t node) const override { return !ways_[node].empty(); }
  void run_one(size_t node) override { Program(ways_[node], pool_, false).run(); }
  void link(const std::vector<bool>& proved) override {
    Items all;
    for (size_t i = 0; i < ways_.size(); i++) {
      if (has(i) && proved[i])
        all.insert(all.end(), ways_[i].begin(), ways_[i].end());
      else
        all.push_back(call(plan_.nodes[i]));
    }
    program_.emplace(std::move(all), pool_, true);
  }
  void run() override { program_->run(); }

 private:
  Pool pool_;
  std::vector<Items> ways_;
  std::optional<Program> program_;
  std::deque<float> constants_;
  std::vector<at::Tensor> own_;  // memory beside the plan's
  char generator_ = 0;  // stands for the random generator's state

  Item call(const Node& n) {
    Item x;
    for (int p : reads(n)) x.reads.push_back(source(p).range);
    for (int p : writes(n)) x.writes.push_back(source(p).range);
    if (random(n)) {
      Range r{&generator_, &generator_ + 1, 0, 0, &generator_, false};
      x.reads.push_back(r), x.writes.push_back(r);
    }
    x.what = [this, &n] { plan_.call(n); };
    return x;
  }

  // ---- chains ----

  static bool available(Op op) {
    switch (op) {
      case Op::kTanh: return symbols.tanh;
      case Op::kExp: return symbols.exp;
      case Op::kLog: return symbols.ln;
      case Op::kSqrt: return symbols.sqrt;
      case Op::kSigmoid: case Op::kSilu: case Op::kSiluBackward: return kernels_here().has_exp();
      default: return true;
    }
  }

  // One micro on tensors that are broadcast to the size of out, if they are matrices then.
  Items chain(Op op, const Source& out, const std::vector<Source>& in, float s = 0, float t = 0) {
    Items none;
    if (!available(op)) return none;
    const int64_t dims = out.tensor.dim();
    std::vector<const Source*> all{&out};
    for (auto& x : in) all.push_back(&x);
    struct Dim {
      int64_t size;
      std::vector<int64_t> strides;
    };
    std::vector<Dim> order;
    for (int64_t d = 0; d < dims; d++) order.push_back({out.tensor.size(d), {}});
    for (auto* x : all) {
      if (!is_float(x->tensor) || x->tensor.dim() > dims) return none;
      for (int64_t d = 0; d < dims; d++) {
        int64_t e = d - (dims - x->tensor.dim()), size = e < 0 ? 1 : x->tensor.size(e);
        if (size != 1 && size != order[d].size) return none;
        order[d].strides.push_back(size == 1 ? 0 : x->tensor.stride(e));
      }
    }
    // As libtorch's loops: from the largest stride of the result to the smallest, without
    // dimensions of one element, and joined where one goes on where the other ends.
    order.erase(std::remove_if(order.begin(), order.end(), [](auto& d) { return d.size == 1; }), order.end());
    std::stable_sort(order.begin(), order.end(), [](auto& a, auto& b) { return a.strides[0] > b.strides[0]; });
    std::vector<Dim> joined;
    for (auto& d : order) {
      bool fits = !joined.empty();
      for (size_t i = 0; i < all.size() && fits; i++) fits = joined.back().strides[i] == d.strides[i] * d.size;
      if (!fits) {
        joined.push_back(d);
        continue;
      }
      joined.back().size *= d.size;
      joined.back().strides = d.strides;
    }
    if (joined.size() > 2) return none;
    Chain c;
    c.rows = joined.size() == 2 ? joined[0].size : 1;
    c.cols = joined.empty() ? 1 : joined.back().size;
    Item x;
    for (size_t i = 0; i < all.size(); i++) {
      int64_t col = joined.empty() ? i == 0 : joined.back().strides[i];
      if (col != 1 && (i == 0 || col != 0)) return none;
      c.operands.push_back({data(all[i]->tensor), joined.size() == 2 ? joined[0].strides[i] : c.cols * col, col});
      x.operands.push_back(all[i]->range);
      (i == 0 ? x.writes : x.reads).push_back(all[i]->range);
    }
    Micro m{op, 0, {-1, -1, -1}, s, t, op == Op::kXlogy ? 1 : c.cols};
    for (size_t i = 0; i < in.size(); i++) m.in[i] = static_cast<int>(i) + 1;
    c.micros.push_back(m);
    x.what = Kernel(std::move(c));
    return {x};
  }
  Items chain(Op op, const Node& n, std::initializer_list<int> in, float s = 0, float t = 0) {
    std::vector<Source> sources;
    for (int p : in) {
      if (p < 0) return {};
      sources.push_back(source(p));
    }
    if (n.outs[0] < 0) return {};
    return chain(op, source(n.outs[0]), sources, s, t);
  }
  Source constant(double value) {
    float* at = &constants_.emplace_back(static_cast<float>(value));
    auto t = at::from_blob(at, {}, at::kFloat);
    return {t, range(t, at, false)};
  }

  // add, sub, mul and div, of a tensor or a number.
  Items arithmetic(const Node& n) {
    std::string_view name = n.name;
    name.remove_prefix(6);
    const char what = name[0];
    if (place(n, 0) < 0 || n.outs[0] < 0) return {};
    std::vector<Source> in;
    for (size_t i = 0; i < 2; i++) {
      if (auto v = number(n, i)) in.push_back(constant(*v));
      else if (place(n, i) >= 0) in.push_back(source(place(n, i)));
      else return {};
    }
    if (what == 'm') return chain(Op::kMul, source(n.outs[0]), in);
    if (what == 'd') return n.args.size() > 2 ? Items{} : chain(Op::kDiv, source(n.outs[0]), in);
    auto alpha = number(n, 2);
    if (!alpha) return {};
    if (auto by = number(n, 1); by && plan_.at(place(n, 0)).scalar_type() == at::kLong)
      return few<int64_t, int64_t>(place(n, 0), n.outs[0], [by = static_cast<int64_t>(what == 'a' ? *by * *alpha : -*by * *alpha)](int64_t x) { return x + by; });
    if (*alpha == 1) return chain(what == 'a' ? Op::kAdd : Op::kSub, source(n.outs[0]), in);
    return chain(Op::kAddScaled, source(n.outs[0]), in, static_cast<float>(what == 'a' ? *alpha : -*alpha));
  }

  // Tensors that become parts of a larger one.
  Items concatenation(const Node& n) {
    Items all;
    Source out = source(n.outs[0]);
    int64_t dim = at::maybe_wrap_dim(n.args[1].value.toInt(), out.tensor.dim()), from = 0;
    for (int p : n.args[0].places) {
      Source in = source(p);
      if (in.tensor.dim() != out.tensor.dim()) return {};
      auto part = out.tensor.narrow(dim, from, in.tensor.size(dim));
      from += in.tensor.size(dim);
      Items one = chain(Op::kCopy, {part, range(part, out.range.value, out.range.local)}, {in});
      if (one.empty()) return {};
      all.push_back(std::move(one[0]));
    }
    return all;
  }

  // ---- sums ----

  Items total(const Source& in, const Source& out, float divisor) {
    // libtorch divides larger ones among the threads.
    constexpr int64_t kGrain = 32768;  // at::internal::GRAIN_SIZE
    if (!is_float(in.tensor) || !is_float(out.tensor) || !in.tensor.is_contiguous() || out.tensor.numel() != 1) return {};
    if (in.tensor.numel() >= kGrain && threads_ > 1) return {};
    Item x;
    x.what = Kernel(Total{data(in.tensor), data(out.tensor), in.tensor.numel(), divisor});
    x.reads = {in.range}, x.writes = {out.range};
    return {x};
  }

  Items sum(const Node& n) {
    if (place(n, 0) < 0 || n.outs[0] < 0) return {};
    Source in = source(place(n, 0)), out = source(n.outs[0]);
    if (!is_float(in.tensor) || !is_float(out.tensor) || !out.tensor.is_contiguous()) return {};
    const bool mean = n.name.starts_with("aten::mean");
    const float divisor = mean ? static_cast<float>(in.tensor.numel()) : 1;
    if (out.tensor.numel() == 1) return total(in, out, divisor);
    if (mean || n.name != "aten::sum.dim_IntList" || !n.args[1].value.isIntList()) return {};
    auto dims = n.args[1].value.toIntVector();
    for (auto& d : dims) d = at::maybe_wrap_dim(d, in.tensor.dim());
    std::sort(dims.begin(), dims.end());
    for (size_t i = 0; i < dims.size(); i++)
      if (dims[i] != int64_t(i)) return {};
    Sums s{data(in.tensor), data(out.tensor), 1, out.tensor.numel(), out.tensor.numel()};
    s.rows = in.tensor.numel() / s.cols;
    if (!in.tensor.is_contiguous()) {
      if (in.tensor.dim() != 2 || in.tensor.stride(1) != 1) return {};
      s.stride = in.tensor.stride(0);
    }
    Item x;
    x.what = Kernel(s);
    x.reads = {in.range}, x.writes = {out.range};
    return {x};
  }

  // The mean or the sum of the squares of differences.
  Items mse(const Node& n) {
    int64_t reduction = n.args[2].value.toInt();
    if (reduction == 0) return chain(Op::kMse, n, {place(n, 0), place(n, 1)});
    int in = place(n, 0);
    if (in < 0 || place(n, 1) < 0 || plan_.at(in).sizes() != plan_.at(place(n, 1)).sizes()) return {};
    auto squares = own_.emplace_back(at::empty_like(plan_.at(in)));
    Source between{squares, range(squares, squares.const_data_ptr(), true)};
    Items all = chain(Op::kMse, between, {source(in), source(place(n, 1))});
    Items end = total(between, source(n.outs[0]), reduction == 1 ? static_cast<float>(squares.numel()) : 1);
    if (all.empty() || end.empty()) return {};
    all.push_back(std::move(end[0]));
    return all;
  }

  // ---- rows ----

  Items rows(const Node& n, Rows::Kind kind, std::initializer_list<int> in, int dim) {
    if (!kernels_here().has_exp()) return {};
    Rows r;
    r.kind = kind;
    Item x;
    Source out = source(n.outs[0]);
    if (dim != -1 && dim != out.tensor.dim() - 1) return {};
    if (!is_float(out.tensor) || out.tensor.dim() == 0 || !out.tensor.is_contiguous()) return {};
    const float** at = &r.a;
    for (int p : in) {
      if (p < 0) return {};
      Source s = source(p);
      if (!is_float(s.tensor) || !s.tensor.is_contiguous() || s.tensor.sizes() != out.tensor.sizes()) return {};
      *at = data(s.tensor);
      at = &r.b;
      x.reads.push_back(s.range);
    }
    r.cols = out.tensor.size(-1), r.rows = out.tensor.numel() / r.cols, r.out = data(out.tensor);
    x.writes = {out.range};
    x.what = Kernel(r);
    return {x};
  }

  // The rows of a table by their numbers: copied from it, or into it.
  Items by_number(int table, int index, int rows, bool into) {
    if (table < 0 || index < 0 || rows < 0) return {};
    Source all = source(table), by = source(index), some = source(rows);
    for (auto& t : {all.tensor, by.tensor, some.tensor})
      if (!t.is_contiguous()) return {};
    if (all.tensor.dim() < 1 || all.tensor.numel() == 0 || by.tensor.scalar_type() != at::kLong || all.tensor.scalar_type() != some.tensor.scalar_type()) return {};
    const int64_t size = all.tensor.size(0), width = all.tensor.nbytes() / size, n = by.tensor.numel();
    if (int64_t(some.tensor.nbytes()) != n * width) return {};
    Item x;
    x.reads = {all.range, by.range, some.range}, x.writes = {into ? all.range : some.range};
    x.what = [all = data<char>(all.tensor), at = data<int64_t>(by.tensor), some = data<char>(some.tensor), size, width, n, into] {
      for (int64_t i = 0; i < n; i++) {
        TORCH_CHECK_INDEX(at[i] >= 0 && at[i] < size, "index ", at[i], " is out of range: there are ", size, " rows");
        char *row = all + at[i] * width, *other = some + i * width;
        memcpy(into ? row : other, into ? other : row, width);
      }
    };
    return {x};
  }

  // Few elements of other types, such as positions in data and losses.
  template <class From, class To, class F>
  Items few(int in, int out, F f) {
    constexpr int64_t kMost = 1024;
    if (in < 0 || out < 0) return {};
    Source from = source(in), to = source(out);
    if (from.tensor.scalar_type() != c10::CppTypeToScalarType<From>::value || to.tensor.scalar_type() != c10::CppTypeToScalarType<To>::value) return {};
    if (!from.tensor.is_contiguous() || !to.tensor.is_contiguous() || from.tensor.sizes() != to.tensor.sizes() || to.tensor.numel() > kMost) return {};
    Item x;
    x.reads = {from.range}, x.writes = {to.range};
    x.what = [from = data<From>(from.tensor), to = data<To>(to.tensor), n = to.tensor.numel(), f] { std::transform(from, from + n, to, f); };
    return {x};
  }
  Items copy(int in, int out) {
    Items x = few<float, double>(in, out, [](float v) { return double(v); });
    return x.empty() && in >= 0 && out >= 0 ? chain(Op::kCopy, source(out), {source(in)}) : x;
  }

  // ---- products ----

  // A matrix as the BLAS takes it: its rows, or its columns, lie one after another.
  static bool side(const at::Tensor& t, bool& transposed, int& ld) {
    const int64_t d = t.dim() - 2, r = t.stride(d), c = t.stride(d + 1);
    if (c == 1 && r >= t.size(d + 1)) transposed = false, ld = static_cast<int>(r);
    else if (r == 1 && c >= t.size(d)) transposed = true, ld = static_cast<int>(c);
    else return false;
    return true;
  }

  Items product(const Node& n, int first, int bias) {
    if (!symbols.sgemm || (threads_ > 1 && !symbols.threads_here)) return {};
    if (place(n, first) < 0 || place(n, first + 1) < 0 || n.outs[0] < 0) return {};
    Source a = source(place(n, first)), b = source(place(n, first + 1)), c = source(n.outs[0]);
    if (!is_float(a.tensor) || !is_float(b.tensor) || !is_float(c.tensor)) return {};
    Product p;
    bool transposed;
    if (!side(a.tensor, p.ta, p.lda) || !side(b.tensor, p.tb, p.ldb) || !side(c.tensor, transposed, p.ldc) || transposed) return {};
    p.m = static_cast<int>(c.tensor.size(-2)), p.n = static_cast<int>(c.tensor.size(-1)), p.k = static_cast<int>(a.tensor.size(-1));
    p.a = data(a.tensor), p.b = data(b.tensor), p.c = data(c.tensor);
    if (c.tensor.dim() == 3) {
      // libtorch has another way for small ones, with bits that are seldom others.
      constexpr int64_t kSmall = 400;
      if (int64_t(p.m) * p.n * p.k < kSmall) return {};
      p.batch = static_cast<int>(c.tensor.size(0));
      p.step_a = a.tensor.stride(0), p.step_b = b.tensor.stride(0), p.step_c = c.tensor.stride(0);
    }
    Item x;
    x.reads = {a.range, b.range}, x.writes = {c.range};
    if (bias >= 0) {
      Source s = source(bias);
      if (!is_float(s.tensor) || s.tensor.dim() != 1 || s.tensor.stride(0) != 1 || s.tensor.size(0) != p.n) return {};
      if (number(n, 3) != 1.0 || number(n, 4) != 1.0) return {};
      p.bias = data(s.tensor);
      x.reads.push_back(s.range);
    } else if (p.batch == 1 && p.ldc == p.n && gradients_.count(plan_.storage(n.outs[0]))) {
      p.block = std::clamp(16384 / p.n, 16, 64);
    }
    p.depth = own_depth(p);
    x.what = Kernel(p);
    return {x};
  }

  // ---- nodes ----

  Items lower(const Node& n) {
    std::string name = n.name;
    if (name.ends_with('_')) name.pop_back();  // in place: the result is the first argument
    if (n.outs.empty() && !optimizer(n) && name != "aten::_foreach_add_.Scalar") return {};
    for (auto& e : kElementwise) {
      if (name != e.name) continue;
      auto s = e.s < 0 ? std::optional<double>(0) : number(n, e.s);
      if (!s) return {};
      return e.inputs == 1 ? chain(e.op, n, {place(n, 0)}, float(*s)) : chain(e.op, n, {place(n, 0), place(n, 1)}, float(*s));
    }
    for (const char* a : {"aten::add", "aten::sub", "aten::mul", "aten::div"})
      for (const char* b : {".Tensor", ".Scalar", "_.Tensor", "_.Scalar"})
        if (name == std::string(a) + b) return arithmetic(n);
    auto reduction = [&](int arg) { return n.args[arg].value.toInt(); };
    if (name == "aten::copy") return copy(place(n, 1), n.outs[0]);
    if (name == "aten::_to_copy") return copy(place(n, 0), n.outs[0]);
    if (name == "aten::cat") return concatenation(n);
    if (name == "aten::pow.Tensor_Scalar" && (number(n, 1) == 2.0 || number(n, 1) == 1.0)) return chain(number(n, 1) == 1.0 ? Op::kCopy : Op::kSquare, n, {place(n, 0)});
    if (name == "aten::zero") return chain(Op::kCopy, source(n.outs[0]), {constant(0)});
    if (name == "aten::mse_loss") return mse(n);
    if (name == "aten::mse_loss_backward" && reduction(3) == 1) return chain(Op::kMseBackward, n, {place(n, 0), place(n, 1), place(n, 2)}, 2.0f / float(plan_.at(place(n, 1)).numel()));
    if (name == "aten::binary_cross_entropy_backward" && place(n, 3) < 0 && reduction(4) == 1) return chain(Op::kBceBackward, n, {place(n, 0), place(n, 1), place(n, 2)}, 0, float(plan_.at(place(n, 1)).numel()));
    if (name == "aten::sum" || name == "aten::mean" || name == "aten::sum.dim_IntList") return sum(n);
    if (name == "aten::mm") return product(n, 0, -1);
    if (name == "aten::bmm") return product(n, 0, -1);
    if (name == "aten::addmm") return place(n, 0) < 0 ? Items{} : product(n, 1, place(n, 0));
    if (name == "aten::_softmax" || name == "aten::_log_softmax") return rows(n, name == "aten::_softmax" ? Rows::kSoftmax : Rows::kLogSoftmax, {place(n, 0)}, static_cast<int>(n.args[1].value.toInt()));
    if (name == "aten::_softmax_backward_data" || name == "aten::_log_softmax_backward_data")
      return rows(n, name == "aten::_softmax_backward_data" ? Rows::kSoftmaxBackward : Rows::kLogSoftmaxBackward, {place(n, 0), place(n, 1)}, static_cast<int>(n.args[2].value.toInt()));
    if (name == "aten::index_select" && n.args[1].value.toInt() == 0) return by_number(place(n, 0), place(n, 2), n.outs[0], false);
    if (n.name == "aten::index_copy_" && n.args[1].value.toInt() == 0) return by_number(place(n, 0), place(n, 2), place(n, 3), true);
    if (name == "aten::embedding") return by_number(place(n, 0), place(n, 1), n.outs[0], false);
    if (n.name == "aten::_foreach_add_.Scalar") return count(n);
    if (optimizer(n)) return adam(n);
    return {};
  }
};

}  // namespace

std::unique_ptr<Lowered> lower(Plan& plan) { return std::make_unique<Code>(plan); }

}  // namespace etude::record
