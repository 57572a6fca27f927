// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// What a recorded step consists of where its operators have code of our own: matrix products,
// chains of elementwise operations, sums, rows and Adam, on float32 in given memory. kernels.cpp is
// compiled once for each width of vectors, as libtorch's own kernels are, and computes in
// their order, so that results have the same bits. No exception leaves a kernel.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

namespace etude::kernels {

// An elementwise operation on up to three inputs x, y, z with the constants s and t.
enum class Op : uint8_t {
  kCopy, kTanh, kExp, kLog, kSqrt, kSigmoid, kRelu, kNeg, kAbs, kSquare, kReciprocal, kSilu,
  kLeakyRelu,                          // slope s
  kAdd, kSub, kMul, kDiv, kAddScaled,  // x + s*y
  kXlogy,
  kTanhBackward, kSigmoidBackward, kSiluBackward,  // gradient, result or input
  kThresholdBackward, kLeakyReluBackward,                                            // threshold or slope s
  kMse, kMseBackward,                                                                // s: 2/n
  kBceBackward,                                                                      // t: n
};

// A matrix of a chain: the element (r, c) is at[r * row + c * col]; col is 0 or 1.
struct Operand {
  float* at = nullptr;
  int64_t row = 0, col = 0;
  int tile = -1;  // instead of memory: a tile that exists within the chain only
};

struct Micro {
  Op op;
  int out, in[3];  // operands; -1: none
  float s, t;
  // libtorch's loops over this many elements at a time; what is left when it takes them two
  // vectors at a time is computed one by one, and some operations have other bits then.
  int64_t run;
};

// Micros on rows*cols elements, tile by tile, so that what one of them writes is in the cache
// when the next reads it.
struct Chain {
  int64_t rows = 0, cols = 0;
  std::vector<Operand> operands;
  std::vector<Micro> micros;
  int tiles = 0;
};

// A step of Adam or AdamW for n elements.
struct Adam {
  float *p = nullptr, *m = nullptr, *v = nullptr;
  const float* g = nullptr;     // null: zero
  const float* step = nullptr;  // the number of this step, counted from 1
  const double* lr64 = nullptr; // the learning rate in memory, as double or as float; else lr
  const float* lr32 = nullptr;
  double lr = 0, beta1 = 0, beta2 = 0, weight_decay = 0, eps = 0;
  int64_t n = 0;
  bool decoupled = false, maximize = false;
};

// Row-major c[m, n] = a·b, or a·b + bias in every row; a and b may be transposed. batch
// products lie step_a, step_b, step_c elements apart.
struct Product {
  bool ta = false, tb = false;
  int m = 0, n = 0, k = 0, lda = 0, ldb = 0, ldc = 0, batch = 1;
  int64_t step_a = 0, step_b = 0, step_c = 0;
  const float *a = nullptr, *b = nullptr, *bias = nullptr;
  float* c = nullptr;
  int depth = 0;       // > 0: by code of our own, which adds sums of that many elements of k; else by the BLAS
  int block = 0;       // > 0: that many rows at a time
  bool fused = false;  // c is the gradient of adam and nobody else reads it: each block is followed
  Adam adam;           // by its Adam while it is in the cache, and c is not written
};

// out[j] = Σ a[i, j]: the sums of columns.
struct Sums {
  const float* a = nullptr;
  float* out = nullptr;
  int64_t rows = 0, cols = 0, stride = 0;
};

// The sum of n elements in a row, divided by `divisor`.
struct Total {
  const float* a = nullptr;
  float* out = nullptr;
  int64_t n = 0;
  float divisor = 1;
};

// Operations on the rows of a contiguous [rows, cols].
struct Rows {
  enum Kind : uint8_t {
    kSoftmax, kLogSoftmax,                  // a
    kSoftmaxBackward, kLogSoftmaxBackward,  // gradient a, result b
  } kind = kSoftmax;
  int64_t rows = 0, cols = 0;
  const float *a = nullptr, *b = nullptr;
  float* out = nullptr;
};

// Adds a number to numbers in memory.
struct Count {
  std::vector<float*> at;
  float by = 1;
};

using Kernel = std::variant<Chain, Product, Sums, Total, Rows, Adam, Count>;

// Functions of the BLAS and the vector mathematics inside libtorch; null where this libtorch
// does not show them.
struct Symbols {
  void (*sgemm)(const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*, const float*, const int*, const float*, float*, const int*);
  void (*tanh)(int, const float*, float*, long long);
  void (*exp)(int, const float*, float*, long long);
  void (*ln)(int, const float*, float*, long long);
  void (*sqrt)(int, const float*, float*, long long);
  int (*threads_here)(int);  // of the calling thread's products; returns the number before
};
extern const Symbols symbols;

// The kernels for vectors of one width.
struct Width {
  int floats;  // in a vector
  // Computes the share `part` of `of` parts.
  void (*run)(const Kernel&, int part, int of);
  bool (*has_exp)();  // whether this libtorch shows the vector exponential that its operators use
};
extern const Width width_DEFAULT, width_AVX2, width_AVX512;

}  // namespace etude::kernels
