// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/onnx"
)

type benchInferenceCommand struct {
	Model      string        `arg:"" name:"model" help:"RUN/NETWORK, a .pt or an .onnx file."`
	Batch      []int         `default:"1,16,256" placeholder:"N" help:"Rows that are computed at once, several numbers with commas (${default})."`
	Goroutines []int         `placeholder:"N" help:"Goroutines that share the network (1, 2 and the number of cores)."`
	Duration   time.Duration `default:"1s" help:"How long each row of the table is measured (${default})."`
	Threads    int           `default:"1" help:"Threads that one operator may use (${default})."`
	JSON       bool          `name:"json" help:"Print the result as one JSON value."`
}

func (benchInferenceCommand) Help() string {
	return `Measures how long a network takes to answer, in ONNX Runtime and in libtorch: percentiles of the time of a call, and rows a second, for several batch sizes and numbers of goroutines. Both take turns, so that a change of the machine's speed meets both, and a warm-up is not counted. "bound" is onnx.Session.Bind, which copies nothing. A percentile needs enough calls, 100 for p99 and 1,000 for p99.9; where they are fewer there is none.

A .pt file is exported to a temporary file for ONNX Runtime, and a folder RUN/NETWORK has model.onnx for it. An .onnx file is measured without libtorch; it may be any whose inputs and outputs are float32 with one free size at most, which is the batch.

Examples:

    etude bench-inference runs/first/melody
    etude bench-inference emotion.onnx --batch 1 --goroutines 1 --duration 10s --json`
}

// Validate finds mistakes in the command line.
func (c *benchInferenceCommand) Validate() error {
	beyond := func(list []int, most int) bool {
		return slices.ContainsFunc(list, func(n int) bool { return n < 1 || n > most })
	}
	switch {
	case c.Duration <= 0:
		return fmt.Errorf("--duration is %v; it must be positive", c.Duration)
	case c.Threads < 1 || c.Threads > torch.MaxThreads:
		return fmt.Errorf("--threads is %d; it must be from 1 to %d", c.Threads, torch.MaxThreads)
	case len(c.Batch) == 0 || beyond(c.Batch, 1<<20):
		return errors.New("--batch needs numbers from 1 to 1,048,576")
	case beyond(c.Goroutines, 1<<10):
		return errors.New("--goroutines needs numbers from 1 to 1,024")
	}
	return nil
}

// benchResult is the output of --json.
type benchResult struct {
	Model   string      `json:"model"`
	ONNX    string      `json:"onnx"` // the file that ONNX Runtime ran
	Threads int         `json:"threads"`
	Notes   []string    `json:"notes"`
	Rows    []*benchRow `json:"rows"`
}

// benchRow holds the times of one engine's calls, in microseconds; not a number where too
// few calls were made.
type benchRow struct {
	Engine     string         `json:"engine"`
	Batch      int            `json:"batch"`
	Goroutines int            `json:"goroutines"`
	Calls      int            `json:"calls"`
	P50        measure.Number `json:"p50_us"`
	P95        measure.Number `json:"p95_us"`
	P99        measure.Number `json:"p99_us"`
	P999       measure.Number `json:"p99_9_us"`
	PerSecond  measure.Number `json:"rows_per_second"`

	times   []time.Duration
	elapsed time.Duration // of all goroutines
}

// engine is what answers. It makes a call for one goroutine, with inputs of its own; done,
// where there is one, frees them.
type engine struct {
	name string
	call func(batch int) (call func() error, done func(), err error)
}

// Run measures.
func (c *benchInferenceCommand) Run(env *Env) error {
	r := &benchResult{Model: c.Model, ONNX: c.Model, Threads: c.Threads, Notes: []string{}}
	var ofTorch []engine
	if strings.EqualFold(filepath.Ext(c.Model), ".onnx") {
		r.Notes = append(r.Notes, c.Model+" is an ONNX file, so libtorch is left out: give RUN/NETWORK or the .pt file to measure both")
	} else {
		if err := torch.InitCPU(); err != nil {
			return err
		}
		torch.SetNumThreads(c.Threads)
		m, err := runs.OpenModel(c.Model, "")
		if err != nil {
			return err
		}
		defer m.Close()
		r.ONNX = filepath.Join(c.Model, "model.onnx")
		if _, err := os.Stat(r.ONNX); err != nil {
			dir, err := os.MkdirTemp("", "etude-bench-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			r.ONNX = filepath.Join(dir, "model.onnx")
			if _, err := m.Export(r.ONNX, runs.ExportOptions{}); err != nil {
				return err
			}
			r.Notes = append(r.Notes, "ONNX Runtime ran a temporary file that was exported from "+m.Path)
		}
		ofTorch = []engine{{"libtorch", func(batch int) (func() error, func(), error) {
			x := noise(batch * m.Spec.In)
			return func() error {
				_, err := m.Forward(context.Background(), x)
				return err
			}, nil, nil
		}}}
	}
	s, err := onnx.Open(r.ONNX, onnx.SessionOptions{Threads: c.Threads})
	if err != nil {
		return err
	}
	defer s.Close()
	free := func(d onnx.Dim) bool { return d.Size < 0 }
	if !slices.ContainsFunc(s.Inputs(), func(v onnx.Value) bool { return slices.ContainsFunc(v.Shape, free) }) {
		r.Notes, c.Batch = append(r.Notes, "all sizes in the file are fixed, so the batch is called 1, whatever it is"), []int{1}
	}
	engines := append([]engine{{"ONNX Runtime", func(batch int) (func() error, func(), error) {
		x := feeds(s, batch)
		return func() error {
			_, err := s.RunSlices(context.Background(), x)
			return err
		}, nil, nil
	}}, {"bound", func(batch int) (func() error, func(), error) { return bound(s, batch) }}}, ofTorch...)
	if len(c.Goroutines) == 0 {
		c.Goroutines = slices.Compact(slices.Sorted(slices.Values([]int{1, 2, runtime.NumCPU()})))
	}
	for _, batch := range c.Batch {
		for _, goroutines := range c.Goroutines {
			rows, err := c.race(env.Context, engines, batch, goroutines)
			if err != nil {
				return err
			}
			r.Rows = append(r.Rows, rows...)
			env.say("batch %d, %s: measured", batch, count(goroutines, "goroutine"))
		}
	}
	return env.result(c.JSON, r, r.print, true)
}

// noise returns seeded random numbers.
func noise(n int) []float32 {
	rng, x := rand.New(rand.NewPCG(1, 2)), make([]float32, n)
	for i := range x {
		x[i] = 2*rng.Float32() - 1
	}
	return x
}

// feeds returns random inputs of a model, whose free sizes are the batch.
func feeds(s *onnx.Session, batch int) map[string][]float32 {
	x := map[string][]float32{}
	for _, v := range s.Inputs() {
		n := 1
		for _, d := range v.Shape {
			n *= max(d.Size, -d.Size*batch) // a free size is -1
		}
		x[v.Name] = noise(n)
	}
	return x
}

// bound returns a call on bound memory. The sizes of the outputs are those of a first run.
func bound(s *onnx.Session, batch int) (call func() error, done func(), err error) {
	x, in, out := feeds(s, batch), map[string]onnx.Array{}, map[string]onnx.Array{}
	y, err := s.RunSlices(context.Background(), x)
	if err != nil {
		return nil, nil, err
	}
	for name, data := range x {
		in[name] = onnx.ArrayOf(data)
	}
	for name, data := range y {
		out[name] = onnx.ArrayOf(data)
	}
	b, err := s.Bind(in, out)
	if err != nil {
		return nil, nil, err
	}
	return func() error { return b.Run(context.Background()) }, b.Close, nil
}

// race measures the engines in turn, several times each, after a warm-up that is a tenth
// of the time.
func (c *benchInferenceCommand) race(ctx context.Context, engines []engine, batch, goroutines int) ([]*benchRow, error) {
	const rounds = 5
	calls, rows := make([][]func() error, len(engines)), make([]*benchRow, len(engines))
	for k, e := range engines {
		rows[k] = &benchRow{Engine: e.name, Batch: batch, Goroutines: goroutines}
		for range goroutines {
			call, done, err := e.call(batch)
			if err != nil {
				return nil, err
			}
			if done != nil {
				defer done()
			}
			calls[k] = append(calls[k], call)
		}
	}
	for range rounds {
		for k := range engines {
			times, elapsed := make([][]time.Duration, goroutines), make([]time.Duration, goroutines)
			var g errgroup.Group
			begin := time.Now().Add(c.Duration / (10 * rounds))
			for i, call := range calls[k] {
				g.Go(func() error {
					var first time.Time
					for ctx.Err() == nil {
						from := time.Now()
						if err := call(); err != nil {
							return err
						}
						now := time.Now()
						if from.Before(begin) {
							continue
						}
						if first.IsZero() {
							first = from
						}
						times[i], elapsed[i] = append(times[i], now.Sub(from)), now.Sub(first)
						if elapsed[i] >= c.Duration/rounds {
							return nil
						}
					}
					return context.Cause(ctx)
				})
			}
			if err := g.Wait(); err != nil {
				return nil, err
			}
			for i := range times {
				rows[k].times, rows[k].elapsed = append(rows[k].times, times[i]...), rows[k].elapsed+elapsed[i]
			}
		}
	}
	for _, r := range rows {
		r.finish()
	}
	return rows, nil
}

// finish computes the numbers of a row.
func (r *benchRow) finish() {
	slices.Sort(r.times)
	r.Calls = len(r.times)
	r.PerSecond = measure.Number(float64(r.Batch*r.Calls*r.Goroutines) / r.elapsed.Seconds())
	at := func(q float64) measure.Number {
		if float64(r.Calls)*(1-q) < 1-1e-9 {
			return measure.Number(math.NaN())
		}
		return measure.Number(r.times[int(math.Ceil(q*float64(r.Calls)))-1].Seconds() * 1e6)
	}
	r.P50, r.P95, r.P99, r.P999 = at(0.5), at(0.95), at(0.99), at(0.999)
}

// print writes the table.
func (r *benchResult) print(w io.Writer) {
	t := newTable("engine", "batch", "goroutines", "calls", "p50 µs", "p95 µs", "p99 µs", "p99.9 µs", "rows/s")
	for _, row := range r.Rows {
		cells := []any{row.Engine, row.Batch, row.Goroutines, row.Calls}
		for _, us := range []measure.Number{row.P50, row.P95, row.P99, row.P999} {
			cells = append(cells, printed("%.1f", us))
		}
		t.row(append(cells, printed("%.0f", row.PerSecond))...)
	}
	t.print(w)
	for _, note := range r.Notes {
		plain.Fprintf(w, "%s\n", note)
	}
}
