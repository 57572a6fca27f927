// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/scripts/internal/turns"
	"github.com/etude-ml/etude/torch"
)

// The names of the contestants, in the order of the table.
const (
	Ours          = "ours"
	oursGraph     = "ours, CUDA graph"
	Python        = "Python"
	PythonFused   = "Python, fused Adam"
	PythonCompile = "torch.compile"
)

var contestants = []string{Ours, oursGraph, Python, PythonFused, PythonCompile}

// TimingResult holds how long a training step of a network takes.
type TimingResult struct {
	Network string `json:"network"`
	Batch   int    `json:"batch"`
	// Measures holds one entry for each contestant: ours; ours, CUDA graph; Python;
	// Python, fused Adam; torch.compile.
	Measures []Measure `json:"measures"`
}

// problem returns why one of our contestants failed; "" if none did.
func (r *TimingResult) problem() string {
	for _, m := range r.Measures {
		if m.ours() && m.failure() != "" {
			return m.failure()
		}
	}
	return ""
}

// Measure holds one contestant's time.
type Measure struct {
	Name         string  `json:"name"`
	Milliseconds float64 `json:"milliseconds"` // a step, the median of the rounds; 0 where there are none
	Least        float64 `json:"least"`        // of the rounds
	Most         float64 `json:"most"`
	Rounds       int     `json:"rounds"`
	Steps        int     `json:"steps"`             // of a round
	Absent       string  `json:"absent,omitempty"`  // why it was not to be measured here
	Problem      string  `json:"problem,omitempty"` // what went wrong
}

// ours reports whether the contestant is Etude, not Python, which is a guest.
func (m *Measure) ours() bool { return m.Name == Ours || m.Name == oursGraph }

// failure returns what went wrong with a measurement, unless it was interrupted.
func (m *Measure) failure() string {
	if m.Problem == turns.ErrInterrupted.Error() {
		return ""
	}
	return m.Problem
}

// Cell returns the measurement as the table shows it.
func (m Measure) Cell() string {
	switch {
	case m.Milliseconds > 0:
		return fmt.Sprintf("%.3f", m.Milliseconds)
	case m.failure() != "":
		return "failed"
	}
	return "-"
}

// pace says how long to measure: rounds of each contestant in turn, which together
// take about a network's time.
type pace struct {
	rounds  int
	network time.Duration
}

// timeNetwork measures all contestants in turn, so that a change of the machine's
// speed meets them all.
func timeNetwork(ctx context.Context, s models.Spec, d torch.Device, m meter, eager, compiled guest, p pace) TimingResult {
	r := TimingResult{Network: s.Name, Batch: batch}
	err := try(func() error {
		plain, captured := newTraining(s, own(s), batch, d), newTraining(s, own(s), batch, d)
		replay, done, err := m.graph(captured.step) // before anything is timed
		graph := turns.Contestant{Name: oursGraph, Run: func(n int) (float64, error) { return clock(m, n, replay) }}
		switch {
		case errors.Is(err, errNoGraphs):
			graph.Absent = err
		case err != nil:
			graph.Run = func(int) (float64, error) { return 0, err }
		default:
			defer done()
		}
		r.Measures = race(ctx, []turns.Contestant{
			{Name: Ours, Run: func(n int) (float64, error) { return clock(m, n, func() error { plain.step(); return nil }) }}, graph,
			eager.contestant(Python, s, variantDefault), eager.contestant(PythonFused, s, variantFused),
			compiled.contestant(PythonCompile, s, variantCompile),
		}, p)
		return nil
	})
	if err != nil {
		r.Measures = nil
		for _, name := range contestants {
			r.Measures = append(r.Measures, Measure{Name: name, Problem: err.Error()})
		}
	}
	return r
}

// guest is a Python process, or why there is none.
type guest struct {
	*python
	absent error
}

// end ends Python, if it is there; it has answered every question.
func (g guest) end() {
	if g.python != nil {
		_ = g.Close()
	}
}

// contestant has the guest take the steps.
func (g guest) contestant(name string, s models.Spec, variant string) turns.Contestant {
	return turns.Contestant{Name: name, Absent: g.absent, Run: func(n int) (float64, error) { return g.steps(s.Name, variant, n) }}
}

// clock calls step n times between two moments at which the device is idle.
func clock(m meter, n int, step func() error) (float64, error) {
	if err := m.synchronize(); err != nil {
		return 0, err
	}
	start := time.Now()
	for range n {
		if err := step(); err != nil {
			return 0, err
		}
	}
	if err := m.synchronize(); err != nil {
		return 0, err
	}
	return time.Since(start).Seconds() * 1e3 / float64(n), nil
}

// race measures the contestants in turn.
func race(ctx context.Context, runners []turns.Contestant, p pace) []Measure {
	measures := make([]Measure, len(runners))
	for i, r := range turns.Race(ctx, runners, p.rounds, p.network) {
		m := Measure{Name: r.Name, Absent: r.Absent, Problem: r.Problem, Steps: r.Steps, Rounds: len(r.Times)}
		if m.Rounds > 0 {
			slices.Sort(r.Times)
			m.Milliseconds, m.Least, m.Most = r.Times[m.Rounds/2], r.Times[0], r.Times[m.Rounds-1]
		}
		measures[i] = m
	}
	return measures
}
