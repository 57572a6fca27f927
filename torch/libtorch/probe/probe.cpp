// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Opens the libraries it is given, in a process of its own, and tells line by
// line how that went:
//
//   ok PATH               or "error PATH<tab>MESSAGE"; then it exits with 1
//   abi N                 the bridge's, if it is among them
//   onnxruntime VERSION   ONNX Runtime's own, if it is among them
//
// With -cuda before them it then asks NVIDIA's driver, and CUDA's runtime and
// cuDNN if they came with the libraries. -all forgets $CUDA_VISIBLE_DEVICES.
//
//   library PATH          the driver's library, or "no-library MESSAGE"
//   driver N              the CUDA version that the driver serves, 13020 for 13.2
//   driver-version TEXT   the driver's own version
//   runtime N             the CUDA version of the runtime
//   cudnn N               92600 for 9.26.0
//   devices N             CUDA devices, or "devices-error N<tab>MESSAGE" with CUDA's code
//   device MAJOR MINOR TOTAL FREE UUID NAME
//                         one a line; FREE is -1 where it is not known
//
// No context is made on a device: that would take memory and time from others.
#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

// The function of this name, or one that fails like a missing one.
template <typename... Args>
struct Function {
  int (*call)(Args...);
  Function(void* library, const char* name) : call(reinterpret_cast<int (*)(Args...)>(dlsym(library, name))) {}
  explicit operator bool() const { return call; }
  int operator()(Args... args) const { return call ? call(args...) : -1; }
};

std::string text_of(const unsigned char* uuid) {
  std::string text;
  for (int i = 0; i < 16; i++) {
    char hex[4];
    std::snprintf(hex, sizeof hex, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
    text += hex;
  }
  return text;
}

// NVML knows how much memory is free without a context.
class Management {
 public:
  Management() : library_(dlopen("libnvidia-ml.so.1", RTLD_NOW)) {
    if (library_ && Function<>(library_, "nvmlInit_v2")() != 0) library_ = nullptr;
  }

  void version() const {
    char text[80] = "";
    if (library_ && Function<char*, unsigned>(library_, "nvmlSystemGetDriverVersion")(text, sizeof text) == 0) {
      std::printf("driver-version %s\n", text);
    }
  }

  // The free bytes of a device, or -1. A part of a GPU (MIG) has a name of its
  // own kind.
  long long free_memory(std::string& uuid) const {
    if (!library_) return -1;
    Function<const char*, void**> find(library_, "nvmlDeviceGetHandleByUUID");
    void* device = nullptr;
    if (find(uuid.c_str(), &device) != 0) {
      std::string part = "MIG-" + uuid.substr(4);
      if (find(part.c_str(), &device) != 0) return -1;
      uuid = part;
    }
    unsigned long long total_free_used[3] = {};
    Function<void*, unsigned long long*> memory(library_, "nvmlDeviceGetMemoryInfo");
    return memory(device, total_free_used) == 0 ? static_cast<long long>(total_free_used[1]) : -1;
  }

 private:
  void* library_;
};

void list(void* driver, const Management& management, int count) {
  enum { kMajor = 75, kMinor = 76 };  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…
  Function<int*, int> get(driver, "cuDeviceGet");
  Function<int*, int, int> attribute(driver, "cuDeviceGetAttribute");
  Function<size_t*, int> total_memory(driver, "cuDeviceTotalMem_v2");
  Function<char*, int, int> get_name(driver, "cuDeviceGetName");
  Function<unsigned char*, int> get_uuid(driver, dlsym(driver, "cuDeviceGetUuid_v2") ? "cuDeviceGetUuid_v2" : "cuDeviceGetUuid");
  for (int i = 0; i < count; i++) {
    int device = 0, major = 0, minor = 0;
    size_t total = 0;
    char name[256] = "";
    unsigned char bytes[16] = {};
    if (get(&device, i) != 0) continue;
    attribute(&major, kMajor, device);
    attribute(&minor, kMinor, device);
    total_memory(&total, device);
    get_name(name, sizeof name, device);
    std::string uuid = "GPU-";
    long long free = -1;
    if (get_uuid(bytes, device) == 0) {
      uuid += text_of(bytes);
      free = management.free_memory(uuid);
    }
    std::printf("device %d %d %zu %lld %s %s\n", major, minor, total, free, uuid.c_str(), name);
  }
}

void ask_cuda() {
  if (Function<int*> version{RTLD_DEFAULT, "cudaRuntimeGetVersion"}) {
    int n = 0;
    if (version(&n) == 0) std::printf("runtime %d\n", n);
  }
  if (void* version = dlsym(RTLD_DEFAULT, "cudnnGetVersion")) {
    std::printf("cudnn %zu\n", reinterpret_cast<size_t (*)()>(version)());
  }
  void* driver = dlopen("libcuda.so.1", RTLD_NOW);
  std::string why = driver ? "" : dlerror();
  Management management;
  if (driver) {
    Dl_info info{};
    char path[PATH_MAX] = "libcuda.so.1";
    if (void* symbol = dlsym(driver, "cuInit"); symbol && dladdr(symbol, &info) && info.dli_fname) {
      if (!realpath(info.dli_fname, path)) std::snprintf(path, sizeof path, "%s", info.dli_fname);
    }
    std::printf("library %s\n", path);
    int n = 0;
    if (Function<int*>(driver, "cuDriverGetVersion")(&n) == 0) std::printf("driver %d\n", n);
    management.version();
  } else {
    std::printf("no-library %s\n", why.c_str());
  }
  int count = 0, status = -1;
  const char* message = nullptr;
  if (Function<int*> devices{RTLD_DEFAULT, "cudaGetDeviceCount"}) {
    status = devices(&count);
    if (void* words = dlsym(RTLD_DEFAULT, "cudaGetErrorString"); words && status != 0) {
      message = reinterpret_cast<const char* (*)(int)>(words)(status);
    }
  } else if (driver) {
    status = Function<unsigned>(driver, "cuInit")(0);
    if (status == 0) status = Function<int*>(driver, "cuDeviceGetCount")(&count);
    if (status != 0) Function<int, const char**>(driver, "cuGetErrorString")(status, &message);
  }
  if (status == 0) {
    std::printf("devices %d\n", count);
    if (driver && Function<unsigned>(driver, "cuInit")(0) == 0) list(driver, management, count);
  } else if (status > 0) {
    std::printf("devices-error %d\t%s\n", status, message ? message : "");
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IONBF, 0);  // what follows may crash
  int failed = 0;
  bool cuda = false;
  for (int i = 1; i < argc; i++) {
    if (std::strcmp(argv[i], "-cuda") == 0) {
      cuda = true;
      continue;
    }
    if (std::strcmp(argv[i], "-all") == 0) {
      unsetenv("CUDA_VISIBLE_DEVICES");
      continue;
    }
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
    // OrtApiBase is two functions: GetApi and GetVersionString.
    if (void* base = dlsym(library, "OrtGetApiBase")) {
      struct OrtApiBase {
        const void* (*get_api)(uint32_t);
        const char* (*version)();
      };
      std::printf("onnxruntime %s\n", reinterpret_cast<const OrtApiBase* (*)()>(base)()->version());
    }
  }
  if (cuda) ask_cuda();
  _exit(failed);  // destructors of half-loaded libraries are no part of the answer
}
