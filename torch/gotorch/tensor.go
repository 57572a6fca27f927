// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build gotorch

package gotorch

/*
#cgo LDFLAGS: -lcgotorch
#include <stdint.h>
uint64_t etude_hold(void);
void etude_release(uint64_t holder);
*/
import "C"

import (
	"runtime"
	"unsafe"

	theirs "github.com/wangkuiyi/gotorch"

	"github.com/etude-ml/etude/torch"
)

// Take returns GoTorch's tensor as one of ours. It is the same tensor, not a copy, which lives
// as long as either side holds it: elements, gradient and graph are one. It is nil for what
// GoTorch has in the place of no tensor, such as the bias of a layer without one, or the
// gradient before there is one.
func Take(t theirs.Tensor) *torch.Tensor {
	if t.T == nil {
		return nil
	}
	mustBeOne()
	defer runtime.KeepAlive(t.T)
	return torch.FromATen(*t.T)
}

// Give returns t as a tensor of GoTorch's, as [Take] does the other way round; nil becomes
// the Tensor{} that GoTorch takes for no tensor. GoTorch's finalizers free it, so closing t, or
// the end of its [torch.Scope], does not.
func Give(t *torch.Tensor) theirs.Tensor {
	if t == nil {
		return theirs.Tensor{}
	}
	mustBeOne()
	p := new(unsafe.Pointer)
	*p = t.ATen()
	theirs.SetTensorFinalizer(p)
	return theirs.Tensor{T: p}
}

// Protect calls f, which uses GoTorch, and lets GoTorch's finalizers free nothing until it
// returns; what they were to free meanwhile is freed then. Without it a finalizer may free a
// tensor while GoTorch computes with it; see the package's documentation. Any number of
// goroutines may be in it at once. [Module] calls it for each Forward.
func Protect(f func()) {
	holder := C.etude_hold()
	defer C.etude_release(holder)
	f()
}
