// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Matrix products with the bits of the BLAS in libtorch, for vectors of one width.
#pragma once

#include <ATen/cpu/vec/functional.h>
#include <ATen/cpu/vec/vec.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels.h"

namespace etude::kernels {
namespace {

using Vec = at::vec::Vectorized<float>;
using at::vec::fmadd;
using at::vec::fnmadd;
constexpr int W = Vec::size();

// The thread's memory: for tiles, or a packed panel, and for blocks of gradients.
template <int which = 0>
float* scratch(int64_t floats) {
  static thread_local std::vector<float> memory;
  if (static_cast<int64_t>(memory.size()) < floats + 16) memory.resize(floats + 16);
  auto at = reinterpret_cast<uintptr_t>(memory.data());
  return reinterpret_cast<float*>((at + 63) / 64 * 64);
}

#ifdef CPU_CAPABILITY_AVX512
constexpr int R = 4, V = 4;  // rows and vectors whose sums are in registers
#else
constexpr int R = 6, V = 2;
#endif
constexpr int kPanel = V * W;

// x as the rows of a tile: element (i, q) of it is at[i * row + q * step].
struct Factor {
  const float* at;
  int64_t row, step;
};

// The other factor, of k rows that are `step` elements apart.
struct Panel {
  const float* at;
  int64_t step;
};

// out[r, j] = Σ x(i, q)·panel[q, j] for r rows and n columns, v vectors; or that is added to it.
template <int r, int v>
inline void tile(int k, Factor x, Panel panel, float* out, int64_t ld, int64_t n, bool add) {
  Vec sum[r][v];
  for (auto& row : sum)
    for (Vec& s : row) s = Vec(0.0f);
  for (int q = 0; q < k; q++) {
    Vec y[v];
#pragma GCC unroll 4
    for (int j = 0; j < v; j++) y[j] = Vec::loadu(panel.at + q * panel.step + j * W);
#pragma GCC unroll 6
    for (int i = 0; i < r; i++) {
      Vec a(x.at[i * x.row + q * x.step]);
#pragma GCC unroll 4
      for (int j = 0; j < v; j++) sum[i][j] = fmadd(a, y[j], sum[i][j]);
    }
  }
  for (int i = 0; i < r; i++)
    for (int j = 0; j < v; j++) {
      float* at = out + i * ld + j * W;
      if (int64_t count = n - j * W; count >= W)
        (add ? Vec::loadu(at) + sum[i][j] : sum[i][j]).store(at);
      else if (count > 0)
        (add ? Vec::loadu(at, count) + sum[i][j] : sum[i][j]).store(at, static_cast<int>(count));
    }
}

template <int r>
void tiles(int k, Factor x, Panel panel, float* out, int64_t ld, int64_t n, bool add) {
  if (n > W * (V / 2)) return tile<r, V>(k, x, panel, out, ld, n, add);
  if (n > W) return tile<r, (V + 1) / 2>(k, x, panel, out, ld, n, add);
  tile<r, 1>(k, x, panel, out, ld, n, add);
}

void panel_rows(int64_t rows, int k, Factor x, Panel panel, float* out, int64_t ld, int64_t n, bool add) {
  int64_t i = 0;
  auto at = [&] { return Factor{x.at + i * x.row, x.row, x.step}; };
  for (; i + R <= rows; i += R) tiles<R>(k, at(), panel, out + i * ld, ld, n, add);
  for (; i + 2 <= rows; i += 2) tiles<2>(k, at(), panel, out + i * ld, ld, n, add);
  for (; i < rows; i++) tiles<1>(k, at(), panel, out + i * ld, ld, n, add);
}

// The BLAS in libtorch adds k products to one sum, of each element, in their order, and parts of
// k to each other: so does this, and has the same bits where depth is the length of a part. A
// panel of one factor is packed, unless all of it stays in the first-level cache as it lies. Where
// b is transposed it is one of a, and what is computed is the transpose, unless that is more to turn.
void multiply_here(const Product& p, int64_t m, int64_t n, const float* a, const float* b, float* c, int64_t ldc, bool add) {
  constexpr int64_t kRows = 16, kNear = 8192;
  const bool across = p.tb && (p.ta || n * p.k > m * (n + p.k)), turn = p.tb && !p.ta;
  const float* const side = across ? a : b;
  const int64_t ld = across ? p.lda : p.ldb, columns = across ? m : n;
  float *packed = scratch(int64_t(p.depth) * kPanel + 2 * kRows * kPanel), *block = packed + int64_t(p.depth) * kPanel, *turned = block + kRows * kPanel;
  for (int q0 = 0; q0 < p.k; q0 += p.depth) {
    const int k = std::min(p.depth, p.k - q0);
    const bool more = add || q0 > 0;
    for (int64_t j = 0; j < columns; j += kPanel) {
      const int64_t w = std::min<int64_t>(kPanel, columns - j);
      const float* from = turn ? side + j * ld + q0 : side + q0 * ld + j;
      Panel panel{packed, kPanel};
      if (turn) {
        at::vec::transpose_mxn<float>(from, ld, packed, kPanel, static_cast<int>(w), k);
        if (w % W)
          for (int q = 0; q < k; q++) std::fill(packed + q * kPanel + w, packed + q * kPanel + (w + W - 1) / W * W, 0.0f);
      } else if (k * ld <= kNear && (w == kPanel || w == kPanel / 2)) {
        panel = {from, ld};
      } else {
        for (int q = 0; q < k; q++) {
          memcpy(packed + q * kPanel, from + q * ld, w * sizeof(float));
          std::fill(packed + q * kPanel + w, packed + q * kPanel + (w + W - 1) / W * W, 0.0f);
        }
      }
      if (!across) {
        panel_rows(m, k, {a + (p.ta ? q0 * int64_t(p.lda) : q0), p.ta ? 1 : p.lda, p.ta ? p.lda : 1}, panel, c + j, ldc, w, more);
        continue;
      }
      for (int64_t i = 0; i < n; i += kRows) {
        const int64_t rows = std::min(kRows, n - i);
        panel_rows(rows, k, {b + i * p.ldb + q0, p.ldb, 1}, panel, block, kPanel, w, false);
        float* out = c + j * ldc + i;
        if (!more) {
          at::vec::transpose_mxn<float>(block, kPanel, out, ldc, static_cast<int>(rows), static_cast<int>(w));
          continue;
        }
        at::vec::transpose_mxn<float>(block, kPanel, turned, kRows, static_cast<int>(rows), static_cast<int>(w));
        for (int64_t r = 0; r < w; r++)
          for (int64_t s = 0; s < rows; s++) out[r * ldc + s] += turned[r * kRows + s];
      }
    }
  }
}

}  // namespace
}  // namespace etude::kernels
