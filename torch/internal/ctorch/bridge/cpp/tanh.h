// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The hyperbolic tangent with the bits of MKL's, which libtorch calls, for vectors of one width.
//
// What MKL rounds to float32 is at most 0.013 units in the last place away from the exact value.
// Where that is further from the middle between two numbers both are rounded to the same one,
// so the value is computed in float64 here. MKL is asked for the rest, about one in 16.
#pragma once

#include <ATen/cpu/vec/functional.h>
#include <ATen/cpu/vec/vec.h>

#include <chrono>
#include <cstring>
#include <limits>

#include "kernels.h"

namespace etude::kernels {
namespace {

#if defined(CPU_CAPABILITY_AVX512) || defined(CPU_CAPABILITY_AVX2)

constexpr int kMostTanh = 2048;  // elements of a call

namespace wide {

using Floats = at::vec::Vectorized<float>;
using Doubles = at::vec::Vectorized<double>;

#ifdef CPU_CAPABILITY_AVX512
inline Doubles lower(Floats x) { return _mm512_cvtps_pd(_mm512_castps512_ps256(x)); }
inline Doubles upper(Floats x) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1)); }
inline void store(Doubles x, float* at) { _mm256_storeu_ps(at, _mm512_cvtpd_ps(x)); }
// The elements that have none of the bits `mask` when their bits are a number to which `add` was added.
inline int without(Doubles x, int64_t add, int64_t mask) {
  return _mm512_testn_epi64_mask(_mm512_add_epi64(_mm512_castpd_si512(x), _mm512_set1_epi64(add)), _mm512_set1_epi64(mask));
}
#else
inline Doubles lower(Floats x) { return _mm256_cvtps_pd(_mm256_castps256_ps128(x)); }
inline Doubles upper(Floats x) { return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)); }
inline void store(Doubles x, float* at) { _mm_storeu_ps(at, _mm256_cvtpd_ps(x)); }
inline int without(Doubles x, int64_t add, int64_t mask) {
  auto bits = _mm256_and_si256(_mm256_add_epi64(_mm256_castpd_si256(x), _mm256_set1_epi64x(add)), _mm256_set1_epi64x(mask));
  return _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(bits, _mm256_setzero_si256())));
}
#endif

// e^(2x) - 1 = q from e^(2x/64) - 1, which is squared six times, and q / (q + 2); x is divided by 32.
inline Doubles tanh(Doubles x) {
  Doubles p(1.0 / 40320);
  for (double c : {1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2, 1.0}) p = at::vec::fmadd(p, x, Doubles(c));
  Doubles q = x * p;
  for (int i = 0; i < 6; i++) q = at::vec::fmadd(q, q, q + q);
  return q / (q + Doubles(2.0));
}

}  // namespace wide

void tanh_here(int n, const float* x, float* y, long long mode) {
  using namespace wide;
  if (n > kMostTanh) return symbols.tanh(n, x, y, mode);
  constexpr int W = Floats::size(), kBits = 64;
  constexpr int64_t kTie = 1 << 28, kNear = 1 << 24;  // of the 2^29 numbers of float64 for one of float32
  const Floats most(10.0f), smallest(2 * std::numeric_limits<float>::min());
  // No branch depends on what was computed just now.
  float given[kMostTanh], rest[kMostTanh];
  uint64_t ask[kMostTanh / kBits] = {};
  int at[kMostTanh], unsure = 0, i = 0;
  for (; i + W <= n; i += W) {
    Floats v = Floats::loadu(x + i);
    v.store(given + i);
    v = at::vec::clamp(v, most.neg(), most) * Floats(1.0f / 32);
    Doubles a = tanh(lower(v)), b = tanh(upper(v));
    store(a, y + i), store(b, y + i + W / 2);
    uint64_t near = without(a, kNear - kTie, 2 * kTie - 2 * kNear) | without(b, kNear - kTie, 2 * kTie - 2 * kNear) << W / 2;
    near |= (v.abs() >= smallest).zero_mask();  // NaN, zero and denormal numbers
    ask[i / kBits] |= near << i % kBits;
  }
  if (i < n) {
    memcpy(given + i, x + i, (n - i) * sizeof(float));
    ask[i / kBits] |= ((uint64_t(1) << (n - i)) - 1) << i % kBits;
  }
  for (i = 0; i < n; i += kBits)
    for (uint64_t bits = ask[i / kBits]; bits; bits &= bits - 1) {
      at[unsure] = i + __builtin_ctzll(bits);
      rest[unsure] = given[at[unsure]];
      unsure++;
    }
  if (unsure) symbols.tanh(unsure, rest, rest, mode);
  for (int k = 0; k < unsure; k++) y[at[k]] = rest[k];
}

// What is faster, if it has MKL's bits on this processor.
decltype(Symbols::tanh) fastest_tanh(long long mode) {
  static const auto fastest = [mode] {
    static float x[kMostTanh], want[kMostTanh], got[kMostTanh];
    uint32_t r = 1;
    auto time = [](auto f, long long mode, float* out) {
      auto begin = std::chrono::steady_clock::now();
      f(kMostTanh, x, out, mode);
      return std::chrono::steady_clock::now() - begin;
    };
    auto theirs = std::chrono::steady_clock::duration::max(), ours = theirs;
    for (int round = 0; round < 64; round++) {
      for (float& v : x) {  // from 2^-14 to 2^5
        r = r * 1664525u + 1013904223u;
        const uint32_t bits = (r & 0x80000000u) | (113 + (r >> 8) % 19) << 23 | (r * 2654435769u >> 9);
        memcpy(&v, &bits, sizeof v);
      }
      theirs = std::min(theirs, time(symbols.tanh, mode, want));
      ours = std::min(ours, time(tanh_here, mode, got));
      if (memcmp(want, got, sizeof want) != 0) return symbols.tanh;
    }
    return ours < theirs ? tanh_here : symbols.tanh;
  }();
  return fastest;
}

#else

decltype(Symbols::tanh) fastest_tanh(long long) { return symbols.tanh; }

#endif

}  // namespace
}  // namespace etude::kernels
