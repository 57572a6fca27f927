// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

#define _GNU_SOURCE
#include "table.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const ct_api *ct_table = NULL;
const ct_cuda_api *cuda_table = NULL;
const ct_dist_api *dist_table = NULL;

static char *open_error(const char *path) {
  const char *why = dlerror();
  return strdup(why ? why : path);
}

static char *wrong_version(unsigned theirs, unsigned ours) {
  char text[160];
  snprintf(text, sizeof text, "it speaks version %u of the bridge's interface, this program %u",
           theirs, ours);
  return strdup(text);
}

/* Opens a library and asks its function `symbol` for the table, which begins with its
 * version and size. Returns why not, to be freed, or NULL. */
static char *open_table(const char *path, const char *symbol, uint32_t abi, uint32_t size,
                        const void **table) {
  void *h = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  const void *(*get)(void) = h ? (const void *(*)(void))dlsym(h, symbol) : NULL;
  if (!get) return open_error(path);
  const struct {
    uint32_t abi, size;
  } *head = *table = get();
  return head->abi == abi && head->size == size ? NULL : wrong_version(head->abi, abi);
}

char *ct_open(const char *path) {
  const void *table;
  char *why = open_table(path, "ct_get_api", CT_ABI, sizeof(ct_api), &table);
  if (!why) ct_table = table;
  return why;
}

char *ct_open_cuda(const char *path) {
  // cuBLAS reads this once, when it starts. Without it products differ in their
  // last bits from run to run where several streams are at work, as they are when
  // networks train side by side. Whoever has set it knows better.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  const void *table;
  char *why = open_table(path, "ct_cuda_get_api", CT_CUDA_ABI, sizeof(ct_cuda_api), &table);
  if (!why) cuda_table = table;
  return why;
}

char *ct_open_dist(const char *path) {
  const void *table;
  char *why = open_table(path, "ct_dist_get_api", CT_DIST_ABI, sizeof(ct_dist_api), &table);
  if (!why) dist_table = table;
  return why;
}
