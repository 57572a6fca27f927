// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"fmt"
	"strings"
)

// treePath is the position of a walk in a tree: dict keys and list indices from the
// root.
type treePath []any

// in calls f with a step added to the path. If f fails, the step stays, so that the error
// can name it.
func (p *treePath) in(step any, f func()) {
	*p = append(*p, step)
	f()
	*p = (*p)[:len(*p)-1]
}

// maxSteps are shown of a path; deeper trees are only met in broken files.
const maxSteps = 20

// at adds the place to an error, nearly as Python would write it:
// optimizer_state_dict.state[0].step.
func (p treePath) at(err error) error {
	if err == nil || len(p) == 0 {
		return err
	}
	var b strings.Builder
	for i, s := range p {
		if i == maxSteps {
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
	return fmt.Errorf("%s: %w", b.String(), err)
}

// maxDepth is how deep containers may be nested, when reading and when writing.
// Python's own pickler gives up at about this depth.
const maxDepth = 500
