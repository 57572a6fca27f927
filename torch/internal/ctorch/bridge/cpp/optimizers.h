// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Plain code for fused optimizers.
#pragma once

#include "places.h"

namespace etude::record {

using kernels::Adam;
using kernels::Count;
using kernels::Kernel;

class Optimizers : protected Places {
 protected:
  Optimizers(const Plan& plan, int threads) : Places(plan), threads_(threads) {
    for (auto& n : plan_.nodes) {
      for (int p : writes(n)) changed_.insert(plan_.storage(p));
      if (optimizer(n))
        for (int p : n.args[1].places) gradients_.insert(plan_.storage(p));
    }
  }

  const int threads_;
  std::unordered_set<Storage> gradients_;  // that an optimizer reads

  static bool optimizer(const Node& n) { return n.name == "aten::_fused_adam_" || n.name == "aten::_fused_adamw_" || n.name == "aten::_fused_adam_.tensor_lr" || n.name == "aten::_fused_adamw_.tensor_lr"; }

  Items count(const Node& n) {
    auto by = number(n, 1);
    if (!by) return {};
    Count c{{}, static_cast<float>(*by)};
    Item x;
    for (int p : n.args[0].places) {
      Source s = source(p);
      if (!is_float(s.tensor) || s.tensor.numel() != 1) return {};
      c.at.push_back(data(s.tensor));
      x.reads.push_back(s.range), x.writes.push_back(s.range);
    }
    x.what = Kernel(std::move(c));
    return {x};
  }

  // Whether libtorch's Adam takes all of n elements as whole vectors, on all threads.
  bool whole_vectors(int64_t n) const {
    const int64_t w = kernels_here().floats, t = threads_;
    return n % w == 0 && (t == 1 || (n + t - 1) / t % w == 0);
  }

  Items adam(const Node& n) {
    enum { kParams, kGrads, kAverages, kSquares, kMaxSquares, kSteps, kRate, kBeta1, kBeta2, kDecay, kEps, kAmsgrad, kMaximize, kScale, kInf };
    if (n.args[kAmsgrad].value.toBool() || place(n, kScale) >= 0 || place(n, kInf) >= 0) return {};
    Adam all;
    Range rate{};
    if (int lr = place(n, kRate); lr >= 0) {
      Source s = source(lr);
      if (s.tensor.scalar_type() == at::kDouble) all.lr64 = s.tensor.const_data_ptr<double>();
      else if (is_float(s.tensor)) all.lr32 = data(s.tensor);
      else return {};
      rate = s.range;
    } else {
      all.lr = n.args[kRate].value.toDouble();
    }
    all.beta1 = n.args[kBeta1].value.toDouble(), all.beta2 = n.args[kBeta2].value.toDouble();
    all.weight_decay = n.args[kDecay].value.toDouble(), all.eps = n.args[kEps].value.toDouble();
    all.decoupled = n.name.starts_with("aten::_fused_adamw_"), all.maximize = n.args[kMaximize].value.toBool();
    Items items;
    std::vector<size_t> rest;
    for (size_t i = 0; i < n.args[kParams].places.size(); i++) {
      // As Program::split_adam wants them: p, m, v are written; p, m, v, g and small ones are read.
      Item x;
      std::vector<float*> at;
      for (int arg : {kParams, kAverages, kSquares, kGrads}) {
        Source s = source(n.args[arg].places[i]);
        if (!is_float(s.tensor) || !s.tensor.is_contiguous()) return {};
        at.push_back(data(s.tensor));
        x.reads.push_back(s.range);
      }
      x.writes.assign(x.reads.begin(), x.reads.begin() + 3);
      Source step = source(n.args[kSteps].places[i]);
      const int gradient = n.args[kGrads].places[i];
      Adam a = all;
      a.p = at[0], a.m = at[1], a.v = at[2], a.g = at[3], a.step = data(step.tensor), a.n = plan_.at(gradient).numel();
      if (!whole_vectors(a.n)) {
        rest.push_back(i);
        continue;
      }
      auto g = plan_.storage(gradient);
      if (plan_.fixed.count(g) && !changed_.count(g) && !plan_.at(gradient).any().item<bool>()) a.g = nullptr;
      x.reads.push_back(step.range);
      if (rate.lo) x.reads.push_back(rate);
      x.what = Kernel(a);
      items.push_back(std::move(x));
    }
    if (!rest.empty()) items.push_back(some_adam(n, rest));
    return items;
  }

  // libtorch's operator for some of the parameters.
  Item some_adam(const Node& n, const std::vector<size_t>& which) {
    Item x;
    auto stack = n.stack;
    for (int arg = 0; arg < 6; arg++) {
      c10::List<at::Tensor> some;
      for (size_t i : which) {
        if (i >= n.args[arg].places.size()) continue;
        Source s = source(n.args[arg].places[i]);
        some.push_back(s.tensor);
        x.reads.push_back(s.range);
        if (arg != 1 && arg != 5) x.writes.push_back(s.range);
      }
      stack[arg] = some;
    }
    if (int lr = place(n, 6); lr >= 0) x.reads.push_back(source(lr).range);
    x.what = [op = n.op, stack = std::move(stack)] {
      torch::jit::Stack s(stack.begin(), stack.end());
      op.callBoxed(s);
    };
    return x;
  }

 private:
  std::unordered_set<Storage> changed_;
};

}  // namespace etude::record
