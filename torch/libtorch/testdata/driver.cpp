// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Stands in for NVIDIA's libraries in the tests of doctor. What it answers is
// in the environment:
//
//   STUB_DRIVER   the CUDA version that it serves, 13000
//   STUB_GPUS     compute capabilities, "90,75"; $CUDA_VISIBLE_DEVICES is heeded
//   STUB_CODE     the error of cuInit
//   STUB_DO       "crash" or "hang" in cuInit, "no-memory" for an NVML without it
//
// With -DDRIVER it is libcuda.so.1, with -DMANAGEMENT libnvidia-ml.so.1, with
// -DRUNTIME CUDA's runtime and cuDNN, and without any a library that only holds
// what the architectures are read from.
#include <dlfcn.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define EXPORT extern "C" __attribute__((visibility("default")))

static int number(const char* name, int otherwise) {
  const char* text = getenv(name);
  return text && *text ? atoi(text) : otherwise;
}

// The capabilities of the visible devices.
static int gpus(int capabilities[16]) {
  int n = 0;
  const char* text = getenv("STUB_GPUS");
  for (; text && *text; text += strcspn(text, ","), text += *text == ',') capabilities[n++] = atoi(text);
  const char* visible = getenv("CUDA_VISIBLE_DEVICES");
  if (!visible) return n;
  int index = *visible ? atoi(visible) : -1;
  if (index < 0 || index >= n) return 0;
  capabilities[0] = capabilities[index];
  return 1;
}

#ifdef DRIVER
EXPORT int cuInit(unsigned) {
  const char* what = getenv("STUB_DO");
  if (what && !strcmp(what, "crash")) abort();
  if (what && !strcmp(what, "hang")) pause();
  int capabilities[16];
  if (int code = number("STUB_CODE", 0)) return code;
  return gpus(capabilities) ? 0 : 100;
}
EXPORT int cuDriverGetVersion(int* n) { return *n = number("STUB_DRIVER", 13000), 0; }
EXPORT int cuDeviceGetCount(int* n) {
  int capabilities[16];
  return *n = gpus(capabilities), 0;
}
EXPORT int cuGetErrorString(int code, const char** text) { return *text = code == 100 ? "no CUDA-capable device is detected" : "in CUDA's words", 0; }
EXPORT int cuDeviceGet(int* device, int i) { return *device = i, 0; }
EXPORT int cuDeviceGetAttribute(int* value, int attribute, int device) {
  int capabilities[16];
  gpus(capabilities);
  *value = attribute == 75 ? capabilities[device] / 10 : capabilities[device] % 10;
  return 0;
}
EXPORT int cuDeviceTotalMem_v2(size_t* n, int) { return *n = 80'000'000'000, 0; }
EXPORT int cuDeviceGetName(char* name, int size, int device) { return snprintf(name, size, "NVIDIA Stub %d", device), 0; }
EXPORT int cuDeviceGetUuid_v2(unsigned char* bytes, int device) {
  for (int i = 0; i < 16; i++) bytes[i] = 16 * device + i;
  return 0;
}
#endif

#ifdef MANAGEMENT
EXPORT int nvmlInit_v2() { return 0; }
EXPORT int nvmlSystemGetDriverVersion(char* text, unsigned size) { return snprintf(text, size, "580.95.05"), 0; }
// The second device is a part of a GPU.
EXPORT int nvmlDeviceGetHandleByUUID(const char* uuid, void** device) {
  bool part = strstr(uuid, "-10111213-") != nullptr;
  return *device = nullptr, strncmp(uuid, part ? "MIG-" : "GPU-", 4) ? 6 : 0;
}
EXPORT int nvmlDeviceGetMemoryInfo(void*, unsigned long long* total_free_used) {
  const char* what = getenv("STUB_DO");
  if (what && !strcmp(what, "no-memory")) return 4;
  total_free_used[0] = 80'000'000'000, total_free_used[1] = 60'000'000'000, total_free_used[2] = 20'000'000'000;
  return 0;
}
#endif

#ifdef RUNTIME
namespace c10d {
struct ProcessGroupNCCL {
  __attribute__((weak)) void abort();  // libtorch's, which is not here
};
}  // namespace c10d
EXPORT bool has_nccl() { return &c10d::ProcessGroupNCCL::abort != nullptr; }
EXPORT int cudaRuntimeGetVersion(int* n) { return *n = 13020, 0; }
EXPORT size_t cudnnGetVersion() { return 92600; }
EXPORT const char* cudaGetErrorString(int) { return "in CUDA's words"; }
EXPORT int cudaGetDeviceCount(int* n) {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW);
  if (!driver || number("STUB_DRIVER", 13000) < 13000) return 35;
  if (int code = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"))(0)) return code;
  return reinterpret_cast<int (*)(int*)>(dlsym(driver, "cuDeviceGetCount"))(n);
}
#endif

EXPORT const char* options() { return "-gencode;arch=compute_75,code=sm_75;-gencode;arch=compute_90,code=sm_90;-gencode;arch=compute_90a,code=sm_90a;-gencode;arch=compute_80,code=sm_80"; }
