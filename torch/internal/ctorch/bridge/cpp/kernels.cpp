// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The kernels for one width of vectors, CPU_CAPABILITY. Compiled without contraction of
// products and sums: fmadd and fnmadd stand where libtorch's compiler contracts.

// Before libtorch's headers: a library without one of these can be loaded all the same.
#ifdef CPU_CAPABILITY_AVX512
#pragma weak Sleef_expf16_u10
#pragma weak Sleef_logf16_u10
#else
#pragma weak Sleef_expf8_u10
#pragma weak Sleef_logf8_u10
#endif

#include "multiply.h"
#include "tanh.h"

#include <ATen/cpu/vec/functional.h>
#include <ATen/cpu/vec/vec.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace etude::kernels {
namespace {

constexpr int64_t kTile = 2048;  // floats: a few of them fit in the first-level cache

// libtorch's tanh, exp and log are MKL's in this mode: high accuracy, denormals kept.
constexpr long long kMode = 0x2 | 0x140000 | 0x100;

// The share of `part` in n elements, in whole blocks.
std::pair<int64_t, int64_t> share(int64_t n, int part, int of, int64_t block) {
  int64_t blocks = (n + block - 1) / block;
  return {std::min(n, blocks * part / of * block), std::min(n, blocks * (part + 1) / of * block)};
}

// ---- chains ----

struct View {
  float* at;
  int64_t row;
  bool one;  // one value for a whole row
};

// A part of a chain's matrix, from element `first` of the operation's loop on.
struct Part {
  int64_t rows, cols, row0, col0, width;  // width: columns of the whole matrix

  // How many elements of row r libtorch takes as vectors.
  int64_t vectors(int64_t r, int64_t run) const {
    int64_t at = ((row0 + r) * width + col0) % run;
    return std::clamp(run - run % (2 * W) - at, int64_t(0), cols);
  }
};

// out = f(in...), and g(in...) for what libtorch computes one by one.
template <class F, class G, class... V>
inline void each(const Part& p, int64_t run, const View& o, F f, G g, const V&... in) {
  constexpr bool scalars = !std::is_same_v<G, std::nullptr_t>;
  for (int64_t r = 0; r < p.rows; r++) {
    float* out = o.at + r * o.row;
    int64_t n = p.cols, c = 0;
    if constexpr (scalars) n = p.vectors(r, run);
    auto load = [&](const View& v, int64_t c) {
      const float* at = v.at + r * v.row;
      return v.one ? Vec(*at) : Vec::loadu(at + c);
    };
    for (; c + W <= n; c += W) f(load(in, c)...).store(out + c);
    if (c < n) {
      auto some = [&](const View& v) {
        const float* at = v.at + r * v.row;
        return v.one ? Vec(*at) : Vec::loadu(at + c, n - c);
      };
      f(some(in)...).store(out + c, static_cast<int>(n - c));
    }
    if constexpr (scalars)
      for (c = n; c < p.cols; c++) out[c] = g(in.at[r * in.row + (in.one ? 0 : c)]...);
  }
}

void vector_math(decltype(Symbols::tanh) f, const Part& p, const View& o, const View& a) {
  if (a.row == p.cols && o.row == p.cols && !a.one) return f(static_cast<int>(p.rows * p.cols), a.at, o.at, kMode);
  for (int64_t r = 0; r < p.rows; r++) {
    float* out = o.at + r * o.row;
    f(a.one ? 1 : static_cast<int>(p.cols), a.at + r * a.row, out, kMode);
    if (a.one) std::fill(out + 1, out + p.cols, *out);
  }
}

float fused(float x, float y, float z) {
#ifdef __FMA__
  return std::fma(x, y, z);
#else
  return x * y + z;
#endif
}

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

void compute(const Micro& m, const Part& p, const View& o, const View& a, const View& b, const View& e) {
  const Vec one(1.0f), zero(0.0f), s(m.s), t(m.t);
  auto unary = [&](auto f, auto g) { each(p, m.run, o, f, g, a); };
  auto binary = [&](auto f, auto g) { each(p, m.run, o, f, g, a, b); };
  switch (m.op) {
    case Op::kTanh: return vector_math(fastest_tanh(kMode), p, o, a);
    case Op::kExp: return vector_math(symbols.exp, p, o, a);
    case Op::kLog: return vector_math(symbols.ln, p, o, a);
    case Op::kSqrt: return vector_math(symbols.sqrt, p, o, a);
    case Op::kCopy: return unary([](Vec x) { return x; }, nullptr);
    case Op::kRelu: return unary([&](Vec x) { return at::vec::clamp_min(x, zero); }, nullptr);
    case Op::kNeg: return unary([](Vec x) { return x.neg(); }, nullptr);
    case Op::kAbs: return unary([](Vec x) { return x.abs(); }, nullptr);
    case Op::kSquare: return unary([](Vec x) { return x * x; }, nullptr);
    case Op::kReciprocal: return unary([](Vec x) { return x.reciprocal(); }, nullptr);
    case Op::kLeakyRelu: return unary([&](Vec x) { return x * Vec::blendv(s, one, x > zero); }, nullptr);
    case Op::kSigmoid: return unary([&](Vec x) { return (one + (zero - x).exp()).reciprocal(); }, sigmoid);
    case Op::kSilu: return unary([&](Vec x) { return x / (one + x.neg().exp()); }, [](float x) { return x / (1.0f + std::exp(-x)); });
    case Op::kAdd: return binary([](Vec x, Vec y) { return x + y; }, nullptr);
    case Op::kSub: return binary([](Vec x, Vec y) { return x - y; }, nullptr);
    case Op::kMul: return binary([](Vec x, Vec y) { return x * y; }, nullptr);
    case Op::kDiv: return binary([](Vec x, Vec y) { return x / y; }, nullptr);
    case Op::kAddScaled: return binary([&](Vec x, Vec y) { return fmadd(y, s, x); }, nullptr);
    case Op::kXlogy:  // all one by one: its run is 1
      return binary([](Vec x, Vec) { return x; }, [](float x, float y) { return std::isnan(y) ? y : x == 0 ? 0.0f : x * std::log(y); });
    case Op::kTanhBackward: return binary([&](Vec g, Vec y) { return g * fnmadd(y, y, one); }, nullptr);
    case Op::kSigmoidBackward: return binary([&](Vec g, Vec y) { return g * (one - y) * y; }, nullptr);
    case Op::kThresholdBackward: return binary([&](Vec g, Vec x) { return Vec::blendv(g, zero, x <= s); }, nullptr);
    case Op::kLeakyReluBackward: return binary([&](Vec g, Vec x) { return g * Vec::blendv(s, one, x > zero); }, nullptr);
    case Op::kSiluBackward:
      return binary(
          [&](Vec g, Vec x) {
            Vec y = one / (one + x.neg().exp());
            return g * y * fmadd(x, one - y, one);
          },
          [](float g, float x) {
            float y = sigmoid(x);
            return g * y * fused(x, 1.0f - y, 1.0f);
          });
    case Op::kMse: return binary([](Vec x, Vec y) { return (x - y) * (x - y); }, nullptr);
    case Op::kMseBackward: return each(p, m.run, o, [&](Vec g, Vec x, Vec y) { return s * (x - y) * g; }, nullptr, a, b, e);
    case Op::kBceBackward:
      return each(p, m.run, o, [&](Vec g, Vec x, Vec y) { return g * (x - y) / at::vec::clamp_min((one - x) * x, Vec(1e-12f)) / t; }, nullptr, a, b, e);
  }
}

void run(const Chain& chain, int part, int of) {
  // Tiles are whole rows where they fit, else parts of one row. Threads share the rows, or
  // the columns where there are few rows.
  int64_t nc = std::min(chain.cols, kTile), nr = std::max<int64_t>(1, kTile / nc);
  int64_t r0 = 0, r1 = chain.rows, c0 = 0, c1 = chain.cols;
  if (chain.rows >= of)
    std::tie(r0, r1) = share(chain.rows, part, of, 1);
  else
    std::tie(c0, c1) = share(chain.cols, part, of, 16);
  float* tiles = chain.tiles ? scratch(chain.tiles * kTile) : nullptr;
  for (int64_t r = r0; r < r1; r += nr)
    for (int64_t c = c0; c < c1; c += nc) {
      Part p{std::min(nr, r1 - r), std::min(nc, c1 - c), r, c, chain.cols};
      auto view = [&](int i) -> View {
        if (i < 0) return {nullptr, 0, true};
        const Operand& x = chain.operands[i];
        if (x.tile >= 0) return {tiles + x.tile * kTile, nc, false};
        return {x.at + r * x.row + c * x.col, x.row, x.col == 0};
      };
      for (const Micro& m : chain.micros) compute(m, p, view(m.out), view(m.in[0]), view(m.in[1]), view(m.in[2]));
    }
}

// ---- Adam ----

// A share of one parameter, with its gradient at g.
void adam(const Adam& a, int64_t from, int64_t to, const float* g) {
  double steps = *a.step, lr = a.lr64 ? *a.lr64 : a.lr32 ? *a.lr32 : a.lr;
  const Vec size(float(-(lr / (1 - std::pow(a.beta1, steps))))), correction(float(std::sqrt(1 - std::pow(a.beta2, steps))));
  const Vec decay(float(a.weight_decay)), shrink(float(1 - lr * a.weight_decay)), beta2(float(a.beta2)), eps(float(a.eps));
  const Vec weight1(float(1 - a.beta1)), weight2(float(1 - a.beta2));
  for (int64_t i = from; i < to; i += W) {  // whole vectors alone: see lower.cpp
    Vec p = Vec::loadu(a.p + i), m = Vec::loadu(a.m + i), v = Vec::loadu(a.v + i);
    Vec d = g ? Vec::loadu(g + (i - from)) : Vec(0.0f);
    if (a.maximize) d = d.neg();
    if (a.decoupled)
      p = p * shrink;
    else if (a.weight_decay != 0)
      d = fmadd(p, decay, d);
    m = fmadd(weight1, d - m, m);
    v = fmadd(weight2 * d, d, v * beta2);
    p = p + size * m / (v.sqrt() / correction + eps);
    p.store(a.p + i), m.store(a.m + i), v.store(a.v + i);
  }
}

void run(const Adam& a, int part, int of) {
  auto [from, to] = share(a.n, part, of, 16);
  if (from < to) adam(a, from, to, a.g ? a.g + from : nullptr);
}

// ---- products ----

// Rows r0 to r1 and columns c0 to c1 of a product.
void multiply(const Product& p, int64_t r0, int64_t r1, int64_t c0, int64_t c1, const float* a, const float* b, float* c, int ldc) {
  int n = static_cast<int>(c1 - c0), m = static_cast<int>(r1 - r0);
  if (n <= 0 || m <= 0) return;
  a += p.ta ? r0 : r0 * p.lda;
  b += p.tb ? c0 * p.ldb : c0;
  if (p.bias)
    for (int r = 0; r < m; r++) memcpy(c + int64_t(r) * ldc, p.bias + c0, n * sizeof(float));
  if (p.depth > 0) return multiply_here(p, m, n, a, b, c, ldc, p.bias);
  float alpha = 1, beta = p.bias ? 1 : 0;
  symbols.sgemm(p.tb ? "T" : "N", p.ta ? "T" : "N", &n, &m, &p.k, &alpha, b, &p.ldb, a, &p.lda, &beta, c, &ldc);
}

void run(const Product& p, int part, int of) {
  if (p.batch > 1) {
    auto [from, to] = share(p.batch, part, of, 1);
    for (int64_t i = from; i < to; i++) multiply(p, 0, p.m, 0, p.n, p.a + i * p.step_a, p.b + i * p.step_b, p.c + i * p.step_c, p.ldc);
  } else if (p.block > 0) {
    auto [from, to] = share(p.m, part, of, 16);
    float* block = p.fused ? scratch<1>(int64_t(p.block) * p.n) : nullptr;
    for (int64_t r = from; r < to; r += p.block) {
      int64_t end = std::min<int64_t>(to, r + p.block);
      multiply(p, r, end, 0, p.n, p.a, p.b, p.fused ? block : p.c + r * p.ldc, p.fused ? p.n : p.ldc);
      if (p.fused) adam(p.adam, r * p.n, end * p.n, block);
    }
  } else if (p.n >= 32 * of || p.n >= p.m) {
    auto [from, to] = share(p.n, part, of, 16);
    multiply(p, 0, p.m, from, to, p.a, p.b, p.c + from, p.ldc);
  } else {
    auto [from, to] = share(p.m, part, of, 16);
    multiply(p, from, to, 0, p.n, p.a, p.b, p.c + from * p.ldc, p.ldc);
  }
}

// ---- sums, in the cascades of libtorch's ----

// n sums at once, of `size` values each: value i of sum k is load(i, k).
template <class T, int n, class Load>
void cascade(int64_t size, Load load, T (&sum)[n]) {
  int64_t ceil_log2 = 0;
  while ((int64_t(1) << ceil_log2) < size) ceil_log2++;
  const int64_t power = std::max<int64_t>(4, ceil_log2 / 4), step = int64_t(1) << power;
  T level[4][n];
  for (auto& l : level) std::fill(l, l + n, T(0.0f));
  int64_t i = 0;
  while (i + step <= size) {
    for (int64_t end = i + step; i < end; i++)
      for (int k = 0; k < n; k++) level[0][k] = level[0][k] + load(i, k);
    for (int j = 1; j < 4; j++) {
      for (int k = 0; k < n; k++) level[j][k] = level[j][k] + level[j - 1][k], level[j - 1][k] = T(0.0f);
      if (i & ((step - 1) << (j * power))) break;
    }
  }
  for (; i < size; i++)
    for (int k = 0; k < n; k++) level[0][k] = level[0][k] + load(i, k);
  for (int k = 0; k < n; k++) {
    for (int j = 1; j < 4; j++) level[0][k] = level[0][k] + level[j][k];
    sum[k] = level[0][k];
  }
}

// One sum, by four.
template <class T, class Load>
T row_sum(int64_t size, Load load) {
  T sum[4];
  cascade(size / 4, [&](int64_t i, int k) { return load(4 * i + k); }, sum);
  for (int64_t i = size / 4 * 4; i < size; i++) sum[0] = sum[0] + load(i);
  return sum[0] + sum[1] + sum[2] + sum[3];
}

void run(const Sums& s, int part, int of) {
  const auto columns = share(s.cols, part, of, 4 * W);
  int64_t c = columns.first;
  const int64_t to = columns.second;
  auto at = [&](int64_t i) { return s.a + i * s.stride + c; };
  for (; c + 4 * W <= to; c += 4 * W) {
    Vec sum[4];
    cascade(s.rows, [&](int64_t i, int k) { return Vec::loadu(at(i) + k * W); }, sum);
    for (int k = 0; k < 4; k++) sum[k].store(s.out + c + k * W);
  }
  for (; c + W <= to; c += W) row_sum<Vec>(s.rows, [&](int64_t i) { return Vec::loadu(at(i)); }).store(s.out + c);
  for (; s.cols < W && c + 4 <= to; c += 4) {
    float sum[4];
    cascade(s.rows, [&](int64_t i, int k) { return at(i)[k]; }, sum);
    std::copy(sum, sum + 4, s.out + c);
  }
  for (; c < to; c++) s.out[c] = row_sum<float>(s.rows, [&](int64_t i) { return *at(i); });
}

void run(const Total& s, int, int) {
  float total = 0, lanes[W];
  if (s.n < W) {
    total = row_sum<float>(s.n, [&](int64_t i) { return s.a[i]; });
  } else {
    int64_t vectors = s.n / W;
    row_sum<Vec>(vectors, [&](int64_t i) { return Vec::loadu(s.a + i * W); }).store(lanes);
    for (int64_t i = vectors * W; i < s.n; i++) total += s.a[i];
    for (float lane : lanes) total += lane;
  }
  *s.out = s.divisor == 1 ? total : total / s.divisor;
}

// ---- rows ----

// vec::map2_reduce_all of products and their sum; libtorch's compiler contracts its end.
float product_sum(const float* a, const float* b, int64_t n) {
  auto plus = [](Vec x, Vec y) { return x + y; };
  if (n < W) return at::vec::vec_reduce_all<float>(plus, Vec::loadu(a, n) * Vec::loadu(b, n), n);
  Vec sum = Vec::loadu(a) * Vec::loadu(b);
  int64_t i = W;
  for (; i + W <= n; i += W) sum = sum + Vec::loadu(a + i) * Vec::loadu(b + i);
  if (i < n) sum = Vec::set(sum, fmadd(Vec::loadu(a + i, n - i), Vec::loadu(b + i, n - i), sum), n - i);
  return at::vec::vec_reduce_all<float>(plus, sum);
}

void run(const Rows& w, int part, int of) {
  namespace v = at::vec;
  auto [from, to] = share(w.rows, part, of, 1);
  const int64_t n = w.cols;
  auto larger = [](Vec x, Vec y) { return v::maximum(x, y); };
  auto plus = [](Vec x, Vec y) { return x + y; };
  for (int64_t r = from; r < to; r++) {
    const float *a = w.a + r * n, *b = w.b ? w.b + r * n : nullptr;
    float* out = w.out + r * n;
    switch (w.kind) {
      case Rows::kSoftmax: {
        Vec most(v::reduce_all<float>(larger, a, n));
        v::map<float>([=](Vec x) { return (x - most).exp(); }, out, a, n);
        Vec scale(1 / v::reduce_all<float>(plus, out, n));
        v::map<float>([=](Vec x) { return x * scale; }, out, out, n);
        break;
      }
      case Rows::kLogSoftmax: {
        Vec most(v::reduce_all<float>(larger, a, n));
        float sum = v::map_reduce_all<float>([=](Vec x) { return (x - most).exp(); }, plus, a, n), log[W];
        Vec(sum).log().store(log);
        Vec shift(log[0]);
        v::map<float>([=](Vec x) { return x - most - shift; }, out, a, n);
        break;
      }
      case Rows::kSoftmaxBackward: {
        Vec sum(product_sum(a, b, n));
        v::map2<float>([=](Vec g, Vec y) { return (g - sum) * y; }, out, a, b, n);
        break;
      }
      case Rows::kLogSoftmaxBackward: {
        Vec sum(v::reduce_all<float>(plus, a, n));
        v::map2<float>([=](Vec g, Vec y) { return fnmadd(y.exp(), sum, g); }, out, a, b, n);
        break;
      }
    }
  }
}

void run(const Count& c, int, int) {
  for (float* at : c.at) *at += c.by;
}

void run_any(const Kernel& k, int part, int of) {
#ifdef CPU_CAPABILITY_AVX512
  // libtorch has no sums for these vectors, and takes those of AVX2.
  if (std::holds_alternative<Sums>(k) || std::holds_alternative<Total>(k)) return width_AVX2.run(k, part, of);
#endif
  std::visit([&](const auto& x) { run(x, part, of); }, k);
}

bool has_exp() {
#if defined(CPU_CAPABILITY_AVX512)
  return Sleef_expf16_u10 && Sleef_logf16_u10;
#elif defined(CPU_CAPABILITY_AVX2)
  return Sleef_expf8_u10 && Sleef_logf8_u10;
#else
  return true;
#endif
}

}  // namespace

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
const Width JOIN(width_, CPU_CAPABILITY){W, run_any, has_exp};

}  // namespace etude::kernels
