// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"sync/atomic"
)

// Control reaches into runs from outside, from any goroutine; one may serve many
// runs. The zero value is ready.
//
// A command maps its signals to it: SIGUSR1 to [Control.RequestSave], SIGINT and
// SIGTERM to the end of the context given to Fit, with a cause that names the signal.
// Both are looked at between steps, never inside one.
type Control struct {
	saves atomic.Int64 // requests so far
}

// RequestSave makes each run save after its current step and continue.
func (c *Control) RequestSave() { c.saves.Add(1) }

// requests returns the number of requests so far, 0 for a nil Control.
func (c *Control) requests() int64 {
	if c == nil {
		return 0
	}
	return c.saves.Load()
}
