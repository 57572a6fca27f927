// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// function is a Python class or function that a file may call, with least to most
// arguments. It only runs call, which makes plain values and descriptions of tensors.
type function struct {
	name        string
	least, most int
	call        func(l *loader, args []any) any
}

func (f *function) do(l *loader, args []any) any {
	if n := len(args); n < f.least || n > f.most {
		fail.With("%d arguments", n)
	}
	return f.call(l, args)
}

// as returns v as a T. The error for another type has the name of v's for %s.
func as[T any](v any, format string) T {
	x, ok := v.(T)
	if !ok {
		fail.With(format, pickle.Kind(v))
	}
	return x
}

func (f *function) String() string { return "the function " + f.name }

// class is a Python class that may only be an argument of a call.
type class struct{ name string }

func (c class) String() string { return "the class " + c.name }

// unread is a class or function that is not on the list, when placeholders are
// wanted.
type unread struct{ class }

// unreadError is an error about something that is valid in Python, but not read here.
type unreadError struct{ error }
