// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package fail lets a parser end at the first fault without a check after every call.
// Inside [Catch] any function may fail; Catch returns the error to those who do not
// know of it. Nothing that fails may be called outside a Catch.
package fail

import "fmt"

type fault struct{ err error }

// With ends the Catch around it with an error.
func With(format string, args ...any) { panic(fault{fmt.Errorf(format, args...)}) }

// On ends the Catch around it if err is not nil.
func On(err error) {
	if err != nil {
		panic(fault{err})
	}
}

// Or returns v if err is nil, and ends the Catch around it otherwise.
func Or[T any](v T, err error) T {
	On(err)
	return v
}

// Catch calls f and returns the error that ended it, nil for none. Other panics pass.
func Catch(f func()) (err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case fault:
			err = e.err
		default:
			panic(e)
		}
	}()
	f()
	return nil
}

// Clip shortens a text of a file for an error.
func Clip(s string) string {
	const longest = 100
	if len(s) > longest {
		return s[:longest] + "…"
	}
	return s
}
