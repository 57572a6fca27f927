// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package turns times contestants in turn, so that a change of the machine's speed meets
// them all, among them programs that take steps on demand.
package turns

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/etude-ml/etude/torch"
)

// ErrInterrupted stands for what was left out because the context ended.
var ErrInterrupted = errors.New("interrupted")

// Contestant is one of those that take turns.
type Contestant struct {
	Name   string
	Absent error // why it cannot be measured here; nil where it can
	// Run takes n steps and returns milliseconds a step.
	Run func(n int) (float64, error)
}

// Result holds what was measured of a contestant.
type Result struct {
	Name    string
	Absent  string    // why it was not to be measured
	Problem string    // what went wrong, in a line
	Steps   int       // of a round
	Times   []float64 // milliseconds a step, by round, up to the first problem
}

// Race warms all contestants up, chooses for each as many steps a round as fit its share of
// the time, and measures them in turn. One that fails is left alone from then on.
func Race(ctx context.Context, contestants []Contestant, rounds int, total time.Duration) []Result {
	results := make([]Result, len(contestants))
	share := total.Seconds() * 1e3 / float64(len(contestants)*rounds)
	call := func(i, n int) (ms float64) {
		r := &results[i]
		if r.Absent != "" || r.Problem != "" {
			return 0
		}
		err := ctx.Err()
		if err == nil {
			if e := torch.Try(func() { torch.Scope(func() { ms, err = contestants[i].Run(n) }) }); e != nil {
				err = e
			}
		}
		if ctx.Err() != nil {
			err = ErrInterrupted
		}
		if err != nil {
			r.Problem, _, _ = strings.Cut(err.Error(), "\n")
		}
		return ms
	}
	for i, c := range contestants {
		results[i].Name = c.Name
		if c.Absent != nil {
			results[i].Absent = c.Absent.Error()
		}
		call(i, 3) // compiles, allocates
		if ms := call(i, 10); ms > 0 {
			results[i].Steps = min(max(int(share/ms), 3), 5000)
		}
	}
	for range rounds {
		for i := range contestants {
			if ms := call(i, results[i].Steps); ms > 0 {
				results[i].Times = append(results[i].Times, ms)
			}
		}
	}
	return results
}
