// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

#define _GNU_SOURCE
#include "table.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const ct_api *ct_table = NULL;

static char *open_error(const char *path) {
  const char *why = dlerror();
  return strdup(why ? why : path);
}

static char *open_library(const char *path, void **handle) {
  *handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  return *handle ? NULL : open_error(path);
}

static char *wrong_version(unsigned theirs, unsigned ours) {
  char text[160];
  snprintf(text, sizeof text, "it speaks version %u of the bridge's interface, this program %u",
           theirs, ours);
  return strdup(text);
}

char *ct_open(const char *path) {
  void *h;
  char *why = open_library(path, &h);
  if (why) return why;
  const ct_api *(*get)(void) = (const ct_api *(*)(void))dlsym(h, "ct_get_api");
  if (!get) return open_error(path);
  const ct_api *api = get();
  if (api->abi != CT_ABI || api->size != sizeof(ct_api)) return wrong_version(api->abi, CT_ABI);
  ct_table = api;
  return NULL;
}

const ct_cuda_api *cuda_table = NULL;

char *ct_open_cuda(const char *path) {
  // cuBLAS reads this once, when it starts. Without it products differ in their
  // last bits from run to run where several streams are at work, as they are when
  // networks train side by side. Whoever has set it knows better.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  void *h;
  char *why = open_library(path, &h);
  if (why) return why;
  const ct_cuda_api *(*get)(void) = (const ct_cuda_api *(*)(void))dlsym(h, "ct_cuda_get_api");
  if (!get) return open_error(path);
  const ct_cuda_api *api = get();
  if (api->abi != CT_CUDA_ABI || api->size != sizeof(ct_cuda_api))
    return wrong_version(api->abi, CT_CUDA_ABI);
  cuda_table = api;
  return NULL;
}

const ct_dist_api *dist_table = NULL;

char *ct_open_dist(const char *path) {
  void *h;
  char *why = open_library(path, &h);
  if (why) return why;
  const ct_dist_api *(*get)(void) = (const ct_dist_api *(*)(void))dlsym(h, "ct_dist_get_api");
  if (!get) return open_error(path);
  const ct_dist_api *api = get();
  if (api->abi != CT_DIST_ABI || api->size != sizeof(ct_dist_api))
    return wrong_version(api->abi, CT_DIST_ABI);
  dist_table = api;
  return NULL;
}
