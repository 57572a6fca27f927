// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"strings"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// Error is what operations on tensors panic with.
type Error struct {
	Op      string  // the operator, such as "aten::matmul"
	Shapes  [][]int // of the tensor arguments, in order
	Message string
}

// Error returns a text such as "torch: matmul: [64 128] × [256 64]: mat1 and mat2 …".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("torch: ")
	if e.Op != "" {
		b.WriteString(strings.TrimPrefix(e.Op, "aten::"))
		b.WriteString(": ")
	}
	for i, s := range e.Shapes {
		if i > 0 {
			b.WriteString(" × ")
		}
		fmt.Fprint(&b, s)
	}
	if len(e.Shapes) > 0 {
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// reason is the text of an operator's error. Where a device has no kernels libtorch
// lists a hundred lines of what other devices have, and where no GPU can be used
// it says so in several ways; what counts is why.
func reason(err *ctorch.Error) string {
	missing := strings.HasPrefix(err.Text, "Could not run '")
	if missing && strings.Contains(err.Text, "from the 'CUDA' backend") || strings.HasPrefix(err.Text, "Found no NVIDIA driver") {
		if why := CheckDevice(CUDA(0)); why != nil {
			return strings.TrimPrefix(why.Error(), "torch: ")
		}
	}
	if missing {
		first, _, _ := strings.Cut(err.Text, ". ")
		return first
	}
	if err.Text == "" {
		return "libtorch refused the call without a reason" // aten::_assert_scalar has the caller's text
	}
	return err.Text
}

// Try calls f and returns the *[Error] that it panicked with, if any. Every
// other panic goes on.
func Try(f func()) (err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *Error:
			err = e
		default:
			panic(e)
		}
	}()
	f()
	return nil
}

func throw(op, format string, args ...any) {
	panic(&Error{Op: op, Message: fmt.Sprintf(format, args...)})
}
