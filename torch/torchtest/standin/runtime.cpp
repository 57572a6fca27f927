// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// CUDA's runtime.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "standin.h"

#undef cudaGetDeviceProperties

namespace {

constexpr int kDevices = 2;

struct Stream {
  int device, number;
  unsigned long long capture = 0;  // 0: none
  cudaStreamCaptureMode mode{};
  std::thread::id owner;
  bool failed = false;
  size_t nodes = 0;
};

std::recursive_mutex mutex;
std::map<void*, Stream> streams;
std::map<void*, cudaStream_t> recorded;  // events
std::set<const void*> pinned;
unsigned long long captures = 0;
bool contexts[kDevices];

thread_local int device = 0;
thread_local cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;

using Lock = std::lock_guard<std::recursive_mutex>;

Stream* find(cudaStream_t s) {
  auto it = streams.find(s);
  return it == streams.end() ? nullptr : &it->second;
}

std::string name(cudaStream_t s) {
  auto* t = find(s);
  return t ? std::to_string(t->device) + "." + std::to_string(t->number) : "default";
}

void write(const std::string& what) {
  static FILE* file = fopen(getenv("ETUDE_TEST_STANDIN"), "a");
  fprintf(file, "%d %s\n", device, what.c_str());
  fflush(file);
}

// What needs a context gives the current device one.
void context() {
  Lock lock(mutex);
  if (contexts[device]) return;
  contexts[device] = true;
  write("context");
}

cudaError_t make(cudaStream_t* s) {
  context();
  Lock lock(mutex);
  *s = static_cast<cudaStream_t>(malloc(1));
  streams[*s] = {device, static_cast<int>(streams.size()) + 1};
  return cudaSuccess;
}

cudaError_t capturing(cudaStream_t s, cudaStreamCaptureStatus* status) {
  context();
  Lock lock(mutex);
  auto* t = find(s);
  *status = !t || !t->capture ? cudaStreamCaptureStatusNone
            : t->failed       ? cudaStreamCaptureStatusInvalidated
                              : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t wait(Stream& s) {
  if (!s.capture) return cudaSuccess;
  s.failed = true;
  return cudaErrorStreamCaptureUnsupported;
}

cudaError_t take(void** p, size_t n) {
  context();
  if (standin::forbidden()) return cudaErrorStreamCaptureUnsupported;
  *p = aligned_alloc(4096, (n + 4095) / 4096 * 4096);
  return *p ? cudaSuccess : cudaErrorMemoryAllocation;
}

}  // namespace

void standin::give(const char* what, cudaStream_t s) {
  context();
  Lock lock(mutex);
  if (auto* t = find(s)) t->nodes += t->capture != 0;
  write(std::string(what) + " " + name(s));
}

bool standin::forbidden() {
  Lock lock(mutex);
  if (mode == cudaStreamCaptureModeRelaxed) return false;
  for (auto& [_, s] : streams) {
    if (!s.capture) continue;
    bool mine = s.owner == std::this_thread::get_id();
    if (mine ? s.mode != cudaStreamCaptureModeRelaxed
             : s.mode == cudaStreamCaptureModeGlobal && mode == cudaStreamCaptureModeGlobal)
      return s.failed = true;
  }
  return false;
}

bool standin::has_context(int d) {
  Lock lock(mutex);
  return contexts[d];
}

// ---- devices ----

STANDIN cudaError_t cudaGetDeviceCount(int* n) { return *n = kDevices, cudaSuccess; }
STANDIN cudaError_t cudaGetDevice(int* d) { return *d = device, cudaSuccess; }
STANDIN cudaError_t cudaSetDevice(int d) {
  if (d < 0 || d >= kDevices) return cudaErrorInvalidDevice;
  device = d;
  context();
  return cudaSuccess;
}
STANDIN cudaError_t cudaDriverGetVersion(int* v) { return *v = CUDART_VERSION, cudaSuccess; }
STANDIN cudaError_t cudaGetLastError() { return cudaSuccess; }
STANDIN cudaError_t cudaPeekAtLastError() { return cudaSuccess; }
STANDIN cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  *p = {};
  strcpy(p->name, "stand-in");
  p->major = 9;
  p->multiProcessorCount = 100;
  p->totalGlobalMem = 80ull << 30;
  p->warpSize = 32;
  p->maxThreadsPerBlock = p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
  p->maxThreadsDim[2] = 64;
  p->maxThreadsPerMultiProcessor = 2048;
  p->maxGridSize[0] = 0x7fffffff;
  p->maxGridSize[1] = p->maxGridSize[2] = 65535;
  p->sharedMemPerBlock = 48 << 10;
  p->sharedMemPerMultiprocessor = p->sharedMemPerBlockOptin = 200 << 10;
  p->regsPerBlock = p->regsPerMultiprocessor = 65536;
  return cudaSuccess;
}
STANDIN cudaError_t cudaDeviceGetAttribute(int* v, cudaDeviceAttr, int) { return *v = 0, cudaSuccess; }
STANDIN cudaError_t cudaDeviceCanAccessPeer(int* v, int, int) { return *v = 0, cudaSuccess; }
STANDIN cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* most) {
  *least = 0, *most = -5;
  return cudaSuccess;
}
STANDIN cudaError_t cudaDeviceSynchronize() {
  context();
  Lock lock(mutex);
  for (auto& [_, s] : streams)
    if (s.device == device)
      if (auto e = wait(s)) return e;
  return cudaSuccess;
}

// ---- memory ----

STANDIN cudaError_t cudaMalloc(void** p, size_t n) { return take(p, n); }
STANDIN cudaError_t cudaFree(void* p) {
  if (standin::forbidden()) return cudaErrorStreamCaptureUnsupported;
  free(p);
  return cudaSuccess;
}
STANDIN cudaError_t cudaHostAlloc(void** p, size_t n, unsigned) {
  auto e = take(p, n);
  Lock lock(mutex);
  if (!e) pinned.insert(*p);
  return e;
}
STANDIN cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, const void* p) {
  Lock lock(mutex);
  *a = {};
  a->type = pinned.count(p) ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered;
  return cudaSuccess;
}
STANDIN cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  context();
  *free = *total = 80ull << 30;
  return cudaSuccess;
}
STANDIN cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t n, cudaMemcpyKind, cudaStream_t s) {
  standin::give("copy", s);
  memmove(to, from, n);
  return cudaSuccess;
}
STANDIN cudaError_t cudaMemsetAsync(void* p, int value, size_t n, cudaStream_t s) {
  standin::give("set", s);
  memset(p, value, n);
  return cudaSuccess;
}

// ---- kernels ----

STANDIN cudaError_t __cudaGetKernel(cudaKernel_t* k, const void* f) {
  *k = static_cast<cudaKernel_t>(const_cast<void*>(f));
  return cudaSuccess;
}
STANDIN cudaError_t __cudaLaunchKernel(cudaKernel_t, dim3, dim3, void**, size_t, cudaStream_t s) {
  return standin::give("kernel", s), cudaSuccess;
}
STANDIN cudaError_t cudaLaunchKernel(const void*, dim3, dim3, void**, size_t, cudaStream_t s) {
  return standin::give("kernel", s), cudaSuccess;
}
STANDIN cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, const void*) {
  *a = {};
  a->maxThreadsPerBlock = 1024;
  a->numRegs = 32;
  a->binaryVersion = a->ptxVersion = 90;
  return cudaSuccess;
}
STANDIN cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* n, const void*, int, size_t,
                                                                           unsigned) {
  return *n = 8, cudaSuccess;
}

// ---- streams and events ----

STANDIN cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned) { return make(s); }
STANDIN cudaError_t cudaStreamCreateWithPriority(cudaStream_t* s, unsigned, int) { return make(s); }
STANDIN cudaError_t cudaStreamQuery(cudaStream_t) { return cudaSuccess; }
STANDIN cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  context();
  Lock lock(mutex);
  auto* t = find(s);
  return t ? wait(*t) : cudaSuccess;
}
STANDIN cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned) {
  context();
  *e = static_cast<cudaEvent_t>(malloc(1));
  return cudaSuccess;
}
STANDIN cudaError_t cudaEventDestroy(cudaEvent_t e) {
  Lock lock(mutex);
  recorded.erase(e);
  free(e);
  return cudaSuccess;
}
STANDIN cudaError_t cudaEventRecordWithFlags(cudaEvent_t e, cudaStream_t s, unsigned) {
  Lock lock(mutex);
  recorded[e] = s;
  return cudaSuccess;
}
STANDIN cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) { return cudaEventRecordWithFlags(e, s, 0); }
STANDIN cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned) {
  Lock lock(mutex);
  standin::give(("wait for " + name(recorded[e]) + " in").c_str(), s);
  return cudaSuccess;
}
STANDIN cudaError_t cudaEventQuery(cudaEvent_t) {
  return standin::forbidden() ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

// ---- captures ----

STANDIN cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* m) {
  return std::swap(*m, mode), cudaSuccess;
}
STANDIN cudaError_t cudaStreamIsCapturing(cudaStream_t s, cudaStreamCaptureStatus* status) {
  return capturing(s, status);
}
STANDIN cudaError_t cudaStreamGetCaptureInfo(cudaStream_t s, cudaStreamCaptureStatus* status,
                                             unsigned long long* id, cudaGraph_t*, const cudaGraphNode_t**,
                                             const cudaGraphEdgeData**, size_t*) {
  Lock lock(mutex);
  auto* t = find(s);
  if (id) *id = t ? t->capture : 0;
  return capturing(s, status);
}
STANDIN cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode m) {
  Lock lock(mutex);
  auto* t = find(s);
  if (!t || t->capture) return cudaErrorIllegalState;
  *t = {t->device, t->number, ++captures, m, std::this_thread::get_id()};
  return cudaSuccess;
}
STANDIN cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t* graph) {
  Lock lock(mutex);
  auto* t = find(s);
  if (!t || !t->capture) return cudaErrorIllegalState;
  if (t->owner != std::this_thread::get_id()) return cudaErrorStreamCaptureWrongThread;
  t->capture = 0;
  *graph = t->failed ? nullptr : reinterpret_cast<cudaGraph_t>(t->nodes + 1);
  return t->failed ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
}
STANDIN cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* n) {
  *n = reinterpret_cast<size_t>(graph) - 1;
  return cudaSuccess;
}
STANDIN cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* e, cudaGraph_t, unsigned long long) {
  *e = static_cast<cudaGraphExec_t>(malloc(1));
  return cudaSuccess;
}
STANDIN cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t s) {
  return standin::give("graph", s), cudaSuccess;
}
STANDIN cudaError_t cudaGraphDestroy(cudaGraph_t) {
  return standin::forbidden() ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}
STANDIN cudaError_t cudaGraphExecDestroy(cudaGraphExec_t e) {
  if (standin::forbidden()) return cudaErrorStreamCaptureUnsupported;
  free(e);
  return cudaSuccess;
}
