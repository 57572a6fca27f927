// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The entries of the driver that libtorch asks for itself. Its header is left out: most
// of them are here only to be found.

#include <dlfcn.h>

#include "standin.h"

STANDIN int cuDevicePrimaryCtxGetState(int device, unsigned* flags, int* active) {
  *flags = 0;
  *active = standin::has_context(device);
  return 0;
}

STANDIN int cuCtxGetCurrent(void** context) {
  static int one;
  *context = &one;
  return 0;
}

#define UNUSED(name) \
  STANDIN int name() { return 0; }
UNUSED(cuCtxSetCurrent)
UNUSED(cuDeviceGet)
UNUSED(cuDeviceGetAttribute)
UNUSED(cuDevicePrimaryCtxRetain)
UNUSED(cuFuncGetAttribute)
UNUSED(cuFuncSetAttribute)
UNUSED(cuFuncSetCacheConfig)
UNUSED(cuGetErrorString)
UNUSED(cuLaunchCooperativeKernel)
UNUSED(cuLaunchKernel)
UNUSED(cuLinkAddData_v2)
UNUSED(cuLinkComplete)
UNUSED(cuLinkCreate_v2)
UNUSED(cuModuleGetFunction)
UNUSED(cuModuleLoad)
UNUSED(cuModuleLoadData)
UNUSED(cuModuleLoadDataEx)
UNUSED(cuModuleUnload)
UNUSED(cuOccupancyMaxActiveBlocksPerMultiprocessor)
UNUSED(cuPointerGetAttribute)
UNUSED(cuTensorMapEncodeTiled)

STANDIN cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** f, unsigned, unsigned long long,
                                                     cudaDriverEntryPointQueryResult* found) {
  *f = dlsym(RTLD_DEFAULT, name);
  if (!*f) *f = reinterpret_cast<void*>(cuCtxSetCurrent);
  *found = cudaDriverEntryPointSuccess;
  return cudaSuccess;
}
