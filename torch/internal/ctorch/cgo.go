// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ctorch

/*
#cgo CFLAGS: -std=gnu11 -O2
#cgo LDFLAGS: -ldl
#cgo noescape go_call
#cgo nocallback go_call
#cgo noescape go_tensors_free
#cgo nocallback go_tensors_free
#cgo noescape go_tensor_info
#cgo nocallback go_tensor_info
#cgo noescape go_tensor_from
#cgo nocallback go_tensor_from
#cgo noescape go_tensor_read
#cgo nocallback go_tensor_read
#cgo noescape go_grad
#cgo nocallback go_grad
#cgo noescape go_clear_grads
#cgo nocallback go_clear_grads
#include <stdlib.h>
#include "table.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"
)

// Error is the error that an entry of the bridge returned.
type Error struct{ Text string }

// Error returns the text.
func (e *Error) Error() string { return e.Text }

var loaded atomic.Bool

// Loaded reports whether the bridge is loaded. Call nothing else here before.
func Loaded() bool { return loaded.Load() }

// cudaProblem says why the CUDA bridge cannot be called. Load and LoadCPU write it
// before Loaded is true; afterwards it is only read.
var cudaProblem = errors.New("libtorch is not loaded")

// LoadCPU opens the bridge, and nothing of CUDA's. Not safe for concurrent use.
func LoadCPU(bridge string) error {
	if err := open(bridge, func(p *C.char) *C.char { return C.ct_open(p) }); err != nil {
		return err
	}
	cudaProblem = errors.New("libtorch was loaded for the CPU alone")
	loaded.Store(true)
	return nil
}

// Load opens the bridge, and the CUDA bridge if there is one. It does not fail if the
// CUDA bridge cannot be opened; [CUDA] says why. Not safe for concurrent use.
func Load(bridge, cudaBridge string) error {
	if err := open(bridge, func(p *C.char) *C.char { return C.ct_open(p) }); err != nil {
		return err
	}
	if cudaBridge == "" {
		cudaProblem = errors.New("this libtorch was set up for the CPU; `etude setup --cuda` brings CUDA")
	} else if err := open(cudaBridge, func(p *C.char) *C.char { return C.ct_open_cuda(p) }); err != nil {
		cudaProblem = fmt.Errorf("the CUDA bridge cannot be loaded: %w", err)
	} else {
		cudaProblem = nil
	}
	loaded.Store(true)
	return nil
}

func open(path string, f func(*C.char) *C.char) error {
	if why := taken(f(text(path))); why != "" {
		return errors.New(why)
	}
	return nil
}

// text returns a text as C has it, in memory of Go's: for one call, which keeps nothing of it.
func text(s string) *C.char { return (*C.char)(unsafe.Pointer(unsafe.SliceData(append([]byte(s), 0)))) }

// taken frees a text that the bridge has malloc'ed, and returns it; "" for NULL.
func taken(p *C.char) string {
	defer C.free(unsafe.Pointer(p))
	return C.GoString(p)
}

func cbool(b bool) C.int32_t {
	if b {
		return 1
	}
	return 0
}

// OnWarning receives libtorch's warnings, one at a time, as soon as the entry that
// caused them has returned. Set it before Load.
var OnWarning func(text string)

// deliverWarnings hands over the warnings that wait in the bridge.
func deliverWarnings() {
	for p := C.go_warning_take(); p != nil; p = C.go_warning_take() {
		OnWarning(taken(p))
	}
}

// fail turns an entry's return into a Go error and frees it.
func fail(e *C.ct_error) *Error {
	if atomic.LoadInt32((*int32)(unsafe.Pointer(C.ct_table.warnings))) != 0 {
		deliverWarnings()
	}
	if e == nil {
		return nil
	}
	err := &Error{cudaText(C.GoStringN(C.go_error_text(e), C.int(e.length)))}
	C.go_error_free(e)
	return err
}

// Op is a resolved operator. Handles never die.
type Op uintptr

// Find resolves an operator ("aten::add", "Tensor") and returns its schema as
// the bridge describes it, one line per argument or result.
func Find(name, overload string) (Op, string, *Error) {
	var op C.ct_op
	var schema *C.char
	err := fail(C.go_op_find(text(name), text(overload), &op, &schema))
	return Op(op), taken(schema), err
}

// Overloads lists an operator's overloads, separated by spaces, the nameless one as "default".
func Overloads(name string) (string, *Error) {
	var names *C.char
	err := fail(C.go_op_overloads(text(name), &names))
	return taken(names), err
}

// Version returns the libtorch version of the headers the bridge was compiled with.
func Version() string { return C.GoString(C.go_libtorch_version()) }
