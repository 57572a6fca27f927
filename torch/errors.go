// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"strings"
)

// Error is the type that operations on tensors panic with.
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
