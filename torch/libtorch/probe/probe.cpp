// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Opens the libraries it is given, in a process of its own, and tells line by
// line how that went:
//
//   ok PATH               or "error PATH<tab>MESSAGE"; then it exits with 1
//   abi N                 the bridge's, if it is among them
//   driver N              the CUDA version that the NVIDIA driver brings, 13020 for 13.2
//   devices N             CUDA devices, or "devices-error N" with CUDA's code
#include <dlfcn.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IONBF, 0);  // what follows may crash
  int failed = 0;
  for (int i = 1; i < argc; i++) {
    void* library = dlopen(argv[i], RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
      std::printf("error %s\t%s\n", argv[i], dlerror());
      failed = 1;
      continue;
    }
    std::printf("ok %s\n", argv[i]);
    // ct_api begins with the ABI's number; see ct.h.
    if (void* api = dlsym(library, "ct_get_api")) {
      auto first = reinterpret_cast<const uint32_t* (*)()>(api)();
      std::printf("abi %u\n", static_cast<unsigned>(*first));
    }
  }
  if (void* driver = dlopen("libcuda.so.1", RTLD_NOW)) {
    auto version = reinterpret_cast<int (*)(int*)>(dlsym(driver, "cuDriverGetVersion"));
    int n = 0;
    if (version && version(&n) == 0) std::printf("driver %d\n", n);
  }
  if (void* count = dlsym(RTLD_DEFAULT, "cudaGetDeviceCount")) {
    int n = 0;
    int status = reinterpret_cast<int (*)(int*)>(count)(&n);
    if (status == 0) {
      std::printf("devices %d\n", n);
    } else {
      std::printf("devices-error %d\n", status);
    }
  }
  _exit(failed);  // destructors of half-loaded libraries are no part of the answer
}
