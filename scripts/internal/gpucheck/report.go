// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/etude-ml/etude/scripts/internal/turns"
	"github.com/etude-ml/etude/torch/torchtest/operators"
)

// Format is the version of a Report's JSON. Later ones only add keys.
const Format = 1

// Report holds all results. Parts that were not run are null.
type Report struct {
	Format int    `json:"format"`
	Device string `json:"device"`
	// Passed reports whether everything that was run agreed and no test failed.
	Passed bool `json:"passed"`
	// Complete reports whether every part was run to its end.
	Complete    bool      `json:"complete"`
	Interrupted bool      `json:"interrupted"`
	Broken      string    `json:"broken"` // where the device failed for good, and how; nothing was run after that
	Quick       bool      `json:"quick"`  // fewer steps and rounds: times say little
	Parts       []Part    `json:"parts"`  // that were asked for
	Started     time.Time `json:"started"`
	Seconds     float64   `json:"seconds"`
	Versions    Versions  `json:"versions"`

	Tests      *TestsResult       `json:"tests"`
	Ops        []operators.Result `json:"ops"`
	Networks   []NetworkResult    `json:"networks"`
	Optimizers []NetworkResult    `json:"optimizers"` // all of them, on one network
	Timing     []TimingResult     `json:"timing"`
	Memory     []MemoryResult     `json:"memory"`

	// Failures holds a line for each thing that did not pass.
	Failures []string `json:"failures"`
}

// Part names a part of the check.
type Part string

// The parts, in their order.
const (
	PartTests    Part = "tests"
	PartOps      Part = "ops"
	PartNetworks Part = "networks"
	PartTiming   Part = "timing"
	PartMemory   Part = "memory"
)

// Parts returns all parts, in their order.
func Parts() []Part { return []Part{PartTests, PartOps, PartNetworks, PartTiming, PartMemory} }

// JSON returns the report as one indented value.
func (r *Report) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	return append(b, '\n'), err
}

// conclude fills in what follows from the parts that were run.
func (r *Report) conclude(interrupted bool) {
	r.Interrupted = interrupted
	r.Complete = !interrupted && r.Broken == "" && len(r.Parts) == len(Parts())
	r.Seconds = time.Since(r.Started).Seconds()
	r.judge()
}

// judge fills in Failures and Passed.
func (r *Report) judge() {
	r.Failures = []string{}
	fail := func(format string, args ...any) { r.Failures = append(r.Failures, fmt.Sprintf(format, args...)) }
	if t := r.Tests; t != nil {
		for _, f := range t.Failures {
			fail("test %s %s", f.Package, f.Test)
		}
		switch {
		case t.Problem == turns.ErrInterrupted.Error(): // incomplete, but not wrong
		case t.Problem != "":
			fail("tests: %s", t.Problem)
		case !t.OK() && len(t.Failures) == 0:
			fail("tests: %d passed, %d failed", t.Passed, t.Failed)
		}
	}
	check := func(ok bool, what, problem string) {
		if !ok {
			fail("%s: %s", what, problem)
		}
	}
	for _, o := range r.Ops {
		check(o.OK, "op "+o.Case, o.Problem)
	}
	for _, n := range r.Trainings() {
		check(n.OK, "network "+n.Network+" with "+n.Optimizer, n.Problem)
	}
	for _, t := range r.Timing {
		for _, m := range t.Measures { // what keeps Python, a guest, from running fails nothing
			check(m.failure() == "" || !m.ours(), "timing of "+t.Network+", "+m.Name, m.Problem)
		}
	}
	for _, m := range r.Memory {
		check(m.OK, "memory of "+m.Network, m.Problem)
	}
	if r.Broken != "" {
		fail("the device failed for good, and nothing was run after that: %s", r.Broken)
	}
	r.Passed = len(r.Failures) == 0
}

// Trainings returns the results of all networks and optimizers.
func (r *Report) Trainings() []NetworkResult { return slices.Concat(r.Networks, r.Optimizers) }

// ops counts the operators of the cases and those all of whose cases agreed.
func (r *Report) ops() (agreed, all int) {
	ok := map[string]bool{}
	for _, o := range r.Ops {
		for _, op := range o.Ops {
			before, seen := ok[op]
			ok[op] = o.OK && (before || !seen)
		}
	}
	for _, good := range ok {
		if good {
			agreed++
		}
	}
	return agreed, len(ok)
}
