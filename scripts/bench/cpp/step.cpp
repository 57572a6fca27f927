// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Trains networks of linear layers and LSTMs of one step in two ways written by hand, and
// measures what no way can go below. step THREADS reads questions and answers each by a line:
//
//   libtorch STEPS BATCH LR LOSS IN LAYER...   libtorch's operators into memory that stays
//   plain    STEPS BATCH LR LOSS IN LAYER...   sgemm and loops, Adam where a gradient is made
//   least    STEPS PARAMETERS PRODUCT...       the products and Adam's loop alone
//
// LOSS is mse, bce or kl, a LAYER is tanh512, lstm128 and the like. A PRODUCT is COUNT:KINDS:M:N:K,
// where KINDS holds f for the product forward ([M, K] with [N, K] transposed), w for that of the
// weights' gradient and x for that of the input's. The answer is milliseconds a step, with all
// values as at the start, or for STEPS = losses the first five losses.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <malloc.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

using at::Tensor;
extern "C" void sgemm_(const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*, const float*, const int*, const float*, float*, const int*);

static double now() { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

const double kWeightDecay = 1e-4, kBeta1 = 0.9, kBeta2 = 0.999, kEps = 1e-8;

// A layer's weights are cut into parts that are used: all rows of a linear layer; of an LSTM
// whose state is zero the gates i, and g with o, but not f.
struct Part {
  int row, rows, column;
};

struct Layer {
  std::string kind;
  int in, out, width;  // width of z: out, or 3·out of an LSTM
  std::vector<Part> parts;
  int first;                 // of its parameters
  Tensor x, z, h, dz, dh;    // input; before and after what makes h of z; gradients of both
  Tensor c, tc, t, bias;     // LSTM: cell, its tanh, scratch, sum of the biases
  bool lstm() const { return kind == "lstm"; }
};

struct Training {
  std::string loss_kind;
  int batch;
  double lr;
  std::vector<Layer> layers;
  std::vector<Tensor> P, G, M, V, S, start;
  Tensor x, y, loss;
  virtual ~Training() = default;
  virtual void step() = 0;

  Training(int batch_, std::istream& in) : batch(batch_) {
    int width;
    std::string word;
    in >> lr >> loss_kind >> width;
    auto generator = at::detail::getDefaultCPUGenerator();
    generator.set_current_seed(42);
    auto parameter = [&](at::IntArrayRef shape, double bound) { P.push_back(at::empty(shape).uniform_(-bound, bound)); };
    auto buffer = [&](int columns) { return at::zeros({batch, columns}); };
    x = buffer(width);
    for (int i = 0; i < x.numel(); i++) x.data_ptr<float>()[i] = float(i * 7919L % 1000 / 1000.0);
    Tensor input = x;
    while (in >> word) {
      Layer l;
      size_t digits = word.find_first_of("0123456789");
      l.kind = word.substr(0, digits), l.in = width, width = l.out = l.width = std::stoi(word.substr(digits));
      l.first = int(P.size()), l.parts = {{0, l.out, 0}};
      double b = 1 / std::sqrt(double(l.lstm() ? l.out : l.in));  // PyTorch's initial values
      if (l.lstm()) {
        l.width = 3 * l.out, l.parts.push_back({2 * l.out, 2 * l.out, l.out});
        parameter({4 * l.out, l.in}, b), parameter({4 * l.out, l.out}, b), parameter({4 * l.out}, b), parameter({4 * l.out}, b);
        l.c = buffer(l.out), l.tc = buffer(l.out), l.t = buffer(l.out), l.bias = at::zeros({4 * l.out});
      } else {
        parameter({l.out, l.in}, b), parameter({l.out}, b);
      }
      l.x = input, l.z = buffer(l.width), l.dz = buffer(l.width);
      l.h = l.lstm() ? buffer(l.out) : l.z, l.dh = l.lstm() ? buffer(l.out) : l.dz;
      input = l.h;
      layers.push_back(l);
    }
    y = buffer(width), loss = at::zeros({});
    for (int i = 0; i < y.numel(); i++) y.data_ptr<float>()[i] = float((i % width * 7919L % 1000 + i / width % 64) / 1064.0);
    for (auto& p : P) G.push_back(at::zeros_like(p)), M.push_back(at::zeros_like(p)), V.push_back(at::zeros_like(p)), S.push_back(at::zeros({})), start.push_back(p.clone());
  }

  void reset() {
    for (size_t i = 0; i < P.size(); i++) P[i].copy_(start[i]);
    for (auto* list : {&M, &V, &S}) at::_foreach_zero_(*list);
  }
};

static Tensor cut(const Tensor& t, int dim, int from, int n) { return t.narrow(dim, from, n); }

// A step with libtorch's operators, each into memory that is there.
struct ByLibtorch : Training {
  Tensor one = at::ones({}), a = at::zeros_like(y), b = at::zeros_like(y), c = at::zeros_like(y);
  ByLibtorch(int batch, std::istream& in) : Training(batch, in) {
    for (auto& l : layers)
      if (l.lstm()) G[l.first + 3] = G[l.first + 2];  // both biases have the same gradient
  }

  void step() override {
    using namespace at;
    for (auto& l : layers) {
      int H = l.out;
      Tensor bias = l.lstm() ? add_out(l.bias, P[l.first + 2], P[l.first + 3]) : P[l.first + 1];
      for (auto& p : l.parts) {
        Tensor z = cut(l.z, 1, p.column, p.rows);
        addmm_out(z, cut(bias, 0, p.row, p.rows), l.x, cut(P[l.first], 0, p.row, p.rows).t());
      }
      if (l.kind == "tanh") l.z.tanh_();
      if (l.kind == "relu") l.z.relu_();
      if (l.kind == "sigmoid") l.z.sigmoid_();
      if (l.kind == "softmax") _softmax_out(l.z, l.z, -1, false);
      if (l.lstm()) {
        Tensor i = cut(l.z, 1, 0, H), g = cut(l.z, 1, H, H), o = cut(l.z, 1, 2 * H, H);
        i.sigmoid_(), g.tanh_(), o.sigmoid_();
        mul_out(l.c, i, g), tanh_out(l.tc, l.c), mul_out(l.h, o, l.tc);
      }
    }
    Layer& last = layers.back();
    if (loss_kind == "mse") {
      mse_loss_out(a, last.h, y, Reduction::None), mean_out(loss, a, IntArrayRef{0, 1});
      mse_loss_backward_out(last.dh, one, last.h, y, Reduction::Mean);
    } else if (loss_kind == "bce") {
      binary_cross_entropy_out(a, last.h, y, {}, Reduction::None), mean_out(loss, a, IntArrayRef{0, 1});
      binary_cross_entropy_backward_out(last.dh, one, last.h, y);
    } else {  // of log(h + 1e-8)
      a.copy_(last.h).add_(1e-8), log_out(b, a), mul_out(c, y, b);
      xlogy_out(b, y, y).sub_(c), sum_out(loss, b, IntArrayRef{0, 1}), loss.div_(batch);
      div_out(last.dh, y, a).mul_(-1.0 / batch);
    }
    for (size_t k = layers.size(); k-- > 0;) {
      Layer& l = layers[k];
      int H = l.out;
      if (l.kind == "tanh") tanh_backward_out(l.dz, l.dz, l.z);
      if (l.kind == "relu") threshold_backward_out(l.dz, l.dz, l.z, 0);
      if (l.kind == "sigmoid") sigmoid_backward_out(l.dz, l.dz, l.z);
      if (l.kind == "softmax") _softmax_backward_data_out(l.dz, l.dz, l.z, -1, kFloat);
      if (l.lstm()) {
        Tensor i = cut(l.z, 1, 0, H), g = cut(l.z, 1, H, H), o = cut(l.z, 1, 2 * H, H);
        Tensor di = cut(l.dz, 1, 0, H), dg = cut(l.dz, 1, H, H), d_o = cut(l.dz, 1, 2 * H, H);
        mul_out(l.t, l.dh, l.tc), sigmoid_backward_out(d_o, l.t, o);
        mul_out(l.t, l.dh, o), tanh_backward_out(l.c, l.t, l.tc);  // of the cell
        mul_out(l.t, l.c, g), sigmoid_backward_out(di, l.t, i);
        mul_out(l.t, l.c, i), tanh_backward_out(dg, l.t, g);
      }
      Tensor db = G[l.first + (l.lstm() ? 2 : 1)];
      for (auto& p : l.parts) {
        Tensor dz = cut(l.dz, 1, p.column, p.rows), w = cut(P[l.first], 0, p.row, p.rows);
        Tensor dw = cut(G[l.first], 0, p.row, p.rows), sums = cut(db, 0, p.row, p.rows);
        mm_out(dw, dz.t(), l.x), sum_out(sums, dz, IntArrayRef{0});
        if (k == 0) continue;
        Tensor& dx = layers[k - 1].dh;
        p.column == 0 ? mm_out(dx, dz, w) : addmm_out(dx, dx, dz, w);
      }
    }
    _foreach_add_(S, 1);
    _fused_adam_(P, G, M, V, {}, S, lr, kBeta1, kBeta2, kWeightDecay, kEps, false, false);
  }
};

// Row-major C [m, n] = op(A)·op(B), plus C where add is 1.
static void gemm(char ta, char tb, int m, int n, int k, const float* a, int lda, const float* b, int ldb, float add, float* c, int ldc) {
  const float one = 1;
  if (m > 0 && n > 0) sgemm_(&tb, &ta, &n, &m, &k, &one, b, &ldb, a, &lda, &add, c, &ldc);
}

static inline float sigmoid1(float x) { return 1 / (1 + std::exp(-x)); }
static inline float tanh1(float x) { return 2 * sigmoid1(2 * x) - 1; }

struct Rates {
  float step, scale;  // of the learning rate; 1/√ of the second moment's correction
  Rates(double lr, double t) : step(lr / (1 - std::pow(kBeta1, t))), scale(1 / std::sqrt(1 - std::pow(kBeta2, t))) {}
};

// Adam of n numbers; without g, their gradient is zero.
static void adam(int64_t n, float* __restrict p, const float* __restrict g, float* __restrict m, float* __restrict v, Rates r) {
  const float wd = kWeightDecay, w1 = 1 - kBeta1, b2 = kBeta2, w2 = 1 - kBeta2, eps = kEps;
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    float d = (g ? g[i] : 0) + wd * p[i];
    m[i] += w1 * (d - m[i]);
    v[i] = b2 * v[i] + w2 * d * d;
    p[i] -= r.step * m[i] / (std::sqrt(v[i]) * r.scale + eps);
  }
}

// A step with sgemm and loops. Threads divide columns of products and rows of all else.
struct ByHand : Training {
  int steps = 0;
  using Training::Training;

  static float* at_(const Tensor& t, int64_t i = 0) { return t.data_ptr<float>() + i; }
  void adam_of(int parameter, int64_t from, int64_t n, const float* g, Rates r) {
    adam(n, at_(P[parameter], from), g, at_(M[parameter], from), at_(V[parameter], from), r);
  }

  void forward(Layer& l, int lo, int hi) {  // of samples lo to hi
    int W = l.width, H = l.out;
    const float *b = at_(P[l.first + (l.lstm() ? 2 : 1)]), *b2 = l.lstm() ? at_(P[l.first + 3]) : nullptr;
    for (int s = lo; s < hi; s++) {
      float* z = at_(l.z, int64_t(s) * W);
      for (auto& p : l.parts)
#pragma omp simd
        for (int j = 0; j < p.rows; j++) z[p.column + j] += b[p.row + j] + (b2 ? b2[p.row + j] : 0);
      if (l.kind == "tanh")
        for (int j = 0; j < W; j++) z[j] = tanh1(z[j]);
      else if (l.kind == "relu")
        for (int j = 0; j < W; j++) z[j] = std::max(z[j], 0.0f);
      else if (l.kind == "sigmoid")
        for (int j = 0; j < W; j++) z[j] = sigmoid1(z[j]);
      else if (l.kind == "softmax") {
        float most = *std::max_element(z, z + W), sum = 0;
        for (int j = 0; j < W; j++) sum += z[j] = std::exp(z[j] - most);
        for (int j = 0; j < W; j++) z[j] /= sum;
      } else {
        float *__restrict i = z, *__restrict g = z + H, *__restrict o = g + H, *__restrict tc = at_(l.tc, int64_t(s) * H), *__restrict h = at_(l.h, int64_t(s) * H);
#pragma omp simd
        for (int j = 0; j < H; j++) i[j] = sigmoid1(i[j]), g[j] = tanh1(g[j]), o[j] = sigmoid1(o[j]), tc[j] = tanh1(i[j] * g[j]), h[j] = o[j] * tc[j];
      }
    }
  }

  double compare(int lo, int hi) {  // the loss of samples lo to hi, and its gradient
    Layer& l = layers.back();
    int64_t from = int64_t(lo) * l.out, n = int64_t(hi - lo) * l.out;
    const float *h = at_(l.h, from), *t = at_(y, from);
    float *d = at_(l.dh, from), sum = 0, share = 1.0f / (float(batch) * (loss_kind == "kl" ? 1 : l.out));
    if (loss_kind == "mse")
      for (int64_t i = 0; i < n; i++) sum += (h[i] - t[i]) * (h[i] - t[i]), d[i] = 2 * share * (h[i] - t[i]);
    else if (loss_kind == "bce")
      for (int64_t i = 0; i < n; i++) {
        sum -= t[i] * std::max(std::log(h[i]), -100.0f) + (1 - t[i]) * std::max(std::log(1 - h[i]), -100.0f);
        d[i] = share * (h[i] - t[i]) / std::max(h[i] * (1 - h[i]), 1e-12f);
      }
    else
      for (int64_t i = 0; i < n; i++) sum += (t[i] > 0 ? t[i] * std::log(t[i]) : 0) - t[i] * std::log(h[i] + 1e-8f), d[i] = -share * t[i] / (h[i] + 1e-8f);
    return double(sum) * share;
  }

  void backward(Layer& l, int lo, int hi) {  // from dh to dz
    int W = l.width, H = l.out;
    for (int s = lo; s < hi; s++) {
      const float* z = at_(l.z, int64_t(s) * W);
      float* d = at_(l.dz, int64_t(s) * W);
      if (l.kind == "tanh")
        for (int j = 0; j < W; j++) d[j] *= 1 - z[j] * z[j];
      else if (l.kind == "relu")
        for (int j = 0; j < W; j++) d[j] = z[j] > 0 ? d[j] : 0;
      else if (l.kind == "sigmoid")
        for (int j = 0; j < W; j++) d[j] *= z[j] * (1 - z[j]);
      else if (l.kind == "softmax") {
        float dot = 0;
        for (int j = 0; j < W; j++) dot += d[j] * z[j];
        for (int j = 0; j < W; j++) d[j] = z[j] * (d[j] - dot);
      } else {
        const float *__restrict i = z, *__restrict g = z + H, *__restrict o = g + H, *__restrict tc = at_(l.tc, int64_t(s) * H), *__restrict dh = at_(l.dh, int64_t(s) * H);
        float *__restrict di = d, *__restrict dg = d + H, *__restrict d_o = dg + H;
#pragma omp simd
        for (int j = 0; j < H; j++) {
          float c = dh[j] * o[j] * (1 - tc[j] * tc[j]);
          d_o[j] = dh[j] * tc[j] * o[j] * (1 - o[j]), di[j] = c * g[j] * i[j] * (1 - i[j]), dg[j] = c * i[j] * (1 - g[j] * g[j]);
        }
      }
    }
  }

  // The part of a thread of n, in multiples of 16.
  static std::pair<int, int> share(int n, int thread, int threads) {
    int blocks = (n + 15) / 16;
    return {std::min(n, blocks * thread / threads * 16), std::min(n, blocks * (thread + 1) / threads * 16)};
  }

  // The gradients of rows lo to hi of a part, a block at a time, and Adam while they are in cache.
  void update(Layer& l, Part p, int lo, int hi, Rates r) {
    static thread_local std::vector<float> dw, db;
    const int block = 64;
    dw.resize(size_t(block) * l.in), db.resize(block);
    for (int row = lo; row < hi; row += block) {
      int n = std::min(block, hi - row);
      const float* dz = at_(l.dz, p.column + row);
      gemm('T', 'N', n, l.in, batch, dz, l.width, at_(l.x), l.in, 0, dw.data(), l.in);
      adam_of(l.first, int64_t(p.row + row) * l.in, int64_t(n) * l.in, dw.data(), r);
      std::fill_n(db.begin(), n, 0.0f);
      for (int s = 0; s < batch; s++)
#pragma omp simd
        for (int j = 0; j < n; j++) db[j] += dz[int64_t(s) * l.width + j];
      for (int k = l.lstm() ? 2 : 1; k < (l.lstm() ? 4 : 2); k++) adam_of(l.first + k, p.row + row, n, db.data(), r);
    }
  }

  void step() override {
    Rates r(lr, ++steps);
    double sum = 0;
#pragma omp parallel num_threads(at::get_num_threads()) reduction(+ : sum)
    {
      int t = omp_get_thread_num(), threads = omp_get_num_threads(), lo = batch * t / threads, hi = batch * (t + 1) / threads;
      for (auto& l : layers) {
        for (auto& p : l.parts) {
          auto [from, to] = share(p.rows, t, threads);
          gemm('N', 'T', batch, to - from, l.in, at_(l.x), l.in, at_(P[l.first], int64_t(p.row + from) * l.in), l.in, 0, at_(l.z, p.column + from), l.width);
        }
#pragma omp barrier
        forward(l, lo, hi);
#pragma omp barrier
      }
      sum += compare(lo, hi);
      for (size_t k = layers.size(); k-- > 0;) {
        Layer& l = layers[k];
        backward(l, lo, hi);
#pragma omp barrier
        if (k > 0) {
          auto [from, to] = share(l.in, t, threads);
          for (auto& p : l.parts)
            gemm('N', 'N', batch, to - from, p.rows, at_(l.dz, p.column), l.width, at_(P[l.first], int64_t(p.row) * l.in + from), l.in, p.column > 0, at_(layers[k - 1].dh, from), l.in);
#pragma omp barrier
        }
        for (auto& p : l.parts) {
          auto [from, to] = share(p.rows, t, threads);
          update(l, p, from, to, r);
        }
        if (l.lstm()) {  // what has no gradient decays
          auto [from, to] = share(l.out, t, threads);
          adam_of(l.first, int64_t(l.out + from) * l.in, int64_t(to - from) * l.in, nullptr, r);
          adam_of(l.first + 1, int64_t(4) * from * l.out, int64_t(4) * (to - from) * l.out, nullptr, r);
          for (int k2 : {2, 3}) adam_of(l.first + k2, l.out + from, to - from, nullptr, r);
        }
      }
    }
    loss.fill_(sum);
  }
};

// The least milliseconds of so many calls, each of them at one thread and at all: small
// products are faster at one.
static double least(int times, int threads, const std::function<void()>& f) {
  double best = 1e9;
  for (int n : {1, threads}) {
    at::set_num_threads(n);
    for (int i = 0; i < times; i++) {
      double t = now();
      f();
      best = std::min(best, now() - t);
    }
  }
  return best;
}

static double floor_of(int times, int threads, std::istream& in) {
  int64_t parameters;
  std::string word;
  in >> parameters;
  static std::vector<float> a, b, c;
  double sum = 0;
  while (in >> word) {
    std::replace(word.begin(), word.end(), ':', ' ');
    std::istringstream product(word);
    int count, m, n, k;
    std::string kinds;
    product >> count >> kinds >> m >> n >> k;
    size_t room = std::max({size_t(m) * k, size_t(n) * k, size_t(m) * n});
    for (auto* v : {&a, &b, &c})
      if (v->size() < room) v->assign(room, 0.5f);
    for (char kind : kinds)
      sum += count * least(times, threads, [&] {
        if (kind == 'f') gemm('N', 'T', m, n, k, a.data(), k, b.data(), k, 0, c.data(), n);
        if (kind == 'w') gemm('T', 'N', n, k, m, c.data(), n, a.data(), k, 0, b.data(), k);
        if (kind == 'x') gemm('N', 'N', m, k, n, c.data(), n, b.data(), k, 0, a.data(), k);
      });
  }
  Tensor p = at::zeros({4, parameters});
  p.fill_(0.5);
  float* at = p.data_ptr<float>();
  return sum + least(times, threads, [&] {
#pragma omp parallel num_threads(at::get_num_threads())
    {
      int64_t t = omp_get_thread_num(), n = omp_get_num_threads(), lo = parameters * t / n, hi = parameters * (t + 1) / n;
      adam(hi - lo, at + lo, at + parameters + lo, at + 2 * parameters + lo, at + 3 * parameters + lo, Rates(1e-3, 10));
    }
  });
}

int main(int, char** argv) {
  mallopt(M_MMAP_THRESHOLD, 32 << 20), mallopt(M_TRIM_THRESHOLD, 512 << 20), mallopt(M_TOP_PAD, 16 << 20);  // as the bridge has them
  int threads = std::atoi(argv[1]);
  at::set_num_threads(threads);
  c10::InferenceMode inference;
  std::map<std::string, std::unique_ptr<Training>> trainings;
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) try {
      std::istringstream in(line);
      std::string variant, steps;
      in >> variant >> steps;
      if (variant == "least") {
        std::cout << floor_of(std::stoi(steps), threads, in) << std::endl;
        continue;
      }
      int batch;
      in >> batch;
      std::string rest = in.str().substr(in.tellg());
      auto& t = trainings[variant + std::to_string(batch) + rest];
      if (!t && variant == "plain") t = std::make_unique<ByHand>(batch, in);
      if (!t) t = std::make_unique<ByLibtorch>(batch, in);
      t->reset();
      if (auto* hand = dynamic_cast<ByHand*>(t.get())) hand->steps = 0;
      if (steps == "losses") {
        std::cout.precision(9);
        for (int i = 0; i < 5; i++) t->step(), std::cout << t->loss.item<float>() << (i < 4 ? " " : "");
        std::cout << std::endl;
        continue;
      }
      t->step();
      double start = now();
      int n = std::stoi(steps);
      for (int i = 0; i < n; i++) t->step();
      std::cout << (now() - start) / n << std::endl;
    } catch (const std::exception& e) {
      std::string text = e.what();
      std::cout << "failed: " << text.substr(0, text.find('\n')) << std::endl;
    }
}
