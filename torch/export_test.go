// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Argument is an argument of an operator, for the fuzzer.
type Argument struct {
	Name, Base                       string
	List, Optional, Keyword, Default bool
	Length                           int
}

// Arguments returns an operator's arguments.
func Arguments(name string) (out []Argument) {
	mustInit(name)
	for _, a := range findOp(name).args {
		out = append(out, Argument{a.name, a.base, a.list, a.optional, a.keyword, a.fallback != "-", a.length})
	}
	return out
}
