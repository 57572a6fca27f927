// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package pretend loads the pretend accelerator, a device of host memory for tests.
// Only package torchtest imports it, so no other program contains it.
package pretend

/*
#cgo CFLAGS: -std=gnu11 -O2 -D_GNU_SOURCE
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
#include "../bridge/cpp/ct.h"

typedef struct counts { int64_t reads, to_device, to_host, calls; } counts;
static void (*read_counts)(counts *);
static int32_t (*forbid)(int32_t);

// The bridge is open already, and visible to all: its counter of bytes counts the
// pretend accelerator's too. Returns NULL, or why it failed.
static const char *start(const char *path) {
  const ct_api *(*bridge)(void) = (const ct_api *(*)(void))dlsym(RTLD_DEFAULT, "ct_get_api");
  void *h = bridge ? dlopen(path, RTLD_NOW | RTLD_GLOBAL) : NULL;
  if (!h) return dlerror();
  void (*begin)(void (*)(int64_t)) = (void (*)(void (*)(int64_t)))dlsym(h, "ct_pretend_start");
  read_counts = (void (*)(counts *))dlsym(h, "ct_pretend_counts_get");
  forbid = (int32_t (*)(int32_t))dlsym(h, "ct_pretend_forbid");
  if (!begin || !read_counts || !forbid) return dlerror();
  begin(bridge()->memory_add);
  return NULL;
}

static counts get(void) {
  counts c = {0};
  if (read_counts) read_counts(&c);
  return c;
}

static int32_t set(int32_t on) { return forbid ? forbid(on) : 0; }
*/
import "C"

import (
	"errors"
	"unsafe"

	"github.com/etude-ml/etude/torch/internal/ctorch/bridge"
)

// Go does not see that a header of another folder has changed, and would go on with what
// it compiled for the old one. Every change raises the number in package bridge, which
// makes Go compile this package anew, and a wrong number does not compile.
var _ = [1]struct{}{}[bridge.ABI-C.CT_ABI]

// Load opens the pretend accelerator's library; once in a process, after the bridge.
func Load(path string) error {
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	if why := C.start(p); why != nil {
		return errors.New(C.GoString(why))
	}
	return nil
}

// Counts holds what the pretend accelerator has seen since it was loaded: values read
// by the host, copies to and from the device, operators called.
type Counts struct{ Reads, ToDevice, ToHost, Calls int64 }

// Read returns the counters; zeros if it is not loaded.
func Read() Counts {
	c := C.get()
	return Counts{int64(c.reads), int64(c.to_device), int64(c.to_host), int64(c.calls)}
}

// Forbid makes reads by the host and copies between devices errors, or allows them
// again, and returns what was in force.
func Forbid(on bool) bool {
	var flag C.int32_t
	if on {
		flag = 1
	}
	return C.set(flag) != 0
}
