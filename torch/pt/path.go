// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// treeError is an error at one place of a tree of dicts and lists.
type treeError struct {
	steps []any // from the place up to the root: dict keys, list indices
	err   error
}

// at adds a step towards the root to err.
func at(step any, err error) error {
	if err == nil {
		return nil
	}
	var e *treeError
	if !errors.As(err, &e) {
		e = &treeError{err: err}
	}
	e.steps = append(e.steps, step)
	return e
}

// maxSteps are shown of a path; deeper trees are only met in broken files.
const maxSteps = 20

// Error names the place as Python would nearly: optimizer_state_dict.state[0].step.
func (e *treeError) Error() string {
	var b strings.Builder
	for i, s := range slices.Backward(e.steps) {
		if len(e.steps)-i > maxSteps {
			b.WriteString("…")
			break
		}
		switch s := s.(type) {
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s)
		default:
			fmt.Fprintf(&b, "[%v]", s)
		}
	}
	return b.String() + ": " + e.err.Error()
}

func (e *treeError) Unwrap() error { return e.err }
