// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package gpucheck checks whether training on a device gives what it gives on the CPU,
// times it beside PyTorch, and measures the memory that it takes.
package gpucheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/torchtest/operators"
)

// Options say what to check.
type Options struct {
	Device torch.Device   // one that can be used: see [torch.CheckDevice]
	CUDA   *libtorch.CUDA // what doctor found; nil on the CPU
	Root   string         // the module's folder, in which the tests are run
	Parts  []Part         // all unless given
	Quick  bool           // few steps and rounds, to try the program rather than the device

	Python string // the interpreter to compare with; "" for none
	Script string // the script that it runs; scripts/bench/step.py unless given

	Packages []string         // the packages to test; [Packages] unless given
	Cases    []operators.Case // the cases to check; all unless given
	Networks []models.Spec    // the networks to check; all unless given

	// Say reports progress. It may be nil.
	Say func(format string, args ...any)
	// Keep receives the report after every part, marked as interrupted, so that a driver
	// that ends the process loses only the part that was running. It may be nil.
	Keep func(*Report)

	meter meter // the meter of Device unless given
}

// Run checks. When ctx ends early, the report holds what was found by then.
func Run(ctx context.Context, o Options) *Report {
	// libtorch has worker threads for each thread that calls it. With several callers
	// there would be more of them than cores, and OpenMP would sleep instead of waiting
	// a moment: 5 µs an operator, by chance, and never in Python.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	byDefault(&o.Parts, Parts())
	byDefault(&o.Cases, operators.All())
	byDefault(&o.Networks, models.All())
	byDefault(&o.Packages, Packages)
	o.Script = cmp.Or(o.Script, filepath.Join(o.Root, pythonScript))
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	if o.Keep == nil {
		o.Keep = func(*Report) {}
	}
	if o.meter == nil {
		o.meter = meterOf(o.Device)
	}
	r := &Report{Format: Format, Device: o.Device.String(), Quick: o.Quick, Parts: o.Parts, Started: time.Now().UTC(), Versions: versions(o.Device, o.CUDA)}
	c := &check{Options: o, report: r}
	run := map[Part]func(context.Context){
		PartTests: c.tests, PartOps: c.ops, PartNetworks: c.networks, PartTiming: c.timing, PartMemory: c.memory,
	}
	for _, part := range Parts() {
		if slices.Contains(o.Parts, part) && c.goesOn(ctx) {
			run[part](ctx)
			r.conclude(true)
			o.Keep(r)
		}
	}
	r.conclude(ctx.Err() != nil)
	return r
}

func byDefault[T any](list *[]T, usual []T) {
	if *list == nil {
		*list = usual
	}
}

// check is the state of one Run.
type check struct {
	Options
	report *Report
}

// goesOn reports whether there is anything left to do.
func (c *check) goesOn(ctx context.Context) bool { return ctx.Err() == nil && c.report.Broken == "" }

// each checks the items of a list until ctx ends or the device fails for good. f returns
// what it checked, and what is wrong with it, "" if nothing is.
func each[T any](ctx context.Context, c *check, items []T, f func(T) (what, problem string)) {
	for _, item := range items {
		if !c.goesOn(ctx) {
			return
		}
		what, problem := f(item)
		if problem == "" {
			continue
		}
		c.Say("  %s: %s", what, problem)
		// In a process in which a kernel read forbidden memory, CUDA fails for good, and
		// everything after that would fail for that reason alone.
		if err := c.meter.synchronize(); err != nil {
			c.report.Broken = fmt.Sprintf("%s: %v", what, err)
			c.Say("  the device fails for good: %v", err)
		}
	}
}

func (c *check) tests(ctx context.Context) {
	c.Say("tests of %v on %s …", c.Packages, c.Device)
	r := runTests(ctx, c.Root, c.Device.String(), c.Packages, func(pkg string, seconds float64) { c.Say("  %s (%.1f s)", pkg, seconds) })
	c.report.Tests = &r
	c.Say("  %d passed, %d failed, %d skipped", r.Passed, r.Failed, r.Skipped)
}

func (c *check) ops(ctx context.Context) {
	c.Say("operators, %s against the CPU …", c.Device)
	c.report.Ops = []operators.Result{}
	exactly(func() {
		each(ctx, c, c.Cases, func(k operators.Case) (what, problem string) {
			r := k.Check(c.Device)
			c.report.Ops = append(c.report.Ops, r)
			return "op " + r.Case, r.Problem
		})
	})
	c.Say("  %d cases", len(c.report.Ops))
}

func (c *check) networks(ctx context.Context) {
	train := func(s models.Spec, o optimizer, into *[]NetworkResult) (what, problem string) {
		c.Say("%s with %s, %d steps …", s.Name, o.name, trainSteps)
		r := checkNetwork(s, o, c.Device, c.meter)
		*into = append(*into, r)
		return "network " + s.Name + " with " + o.name, r.Problem
	}
	c.report.Networks, c.report.Optimizers = []NetworkResult{}, []NetworkResult{}
	exactly(func() {
		each(ctx, c, c.Networks, func(s models.Spec) (what, problem string) { return train(s, own(s), &c.report.Networks) })
		smallest := c.Networks[len(c.Networks)-1]
		each(ctx, c, optimizers(), func(o optimizer) (what, problem string) { return train(smallest, o, &c.report.Optimizers) })
	})
}

func (c *check) timing(ctx context.Context) {
	// There are two Python processes: a compilation that hangs or crashes ends only its
	// own process, and what it leaves there slows down no other.
	eager := c.guest(ctx)
	defer eager.end()
	compiled := eager
	if eager.absent == nil {
		compiled = c.guest(ctx)
		defer compiled.end()
	}
	p := pace{rounds: 15, network: 25 * time.Second}
	if c.Quick {
		p = pace{rounds: 3, network: time.Second}
	}
	c.report.Timing = []TimingResult{}
	each(ctx, c, c.Networks, func(s models.Spec) (what, problem string) {
		c.Say("timing of %s …", s.Name)
		r := timeNetwork(ctx, s, c.Device, c.meter, eager, compiled, p)
		c.report.Timing = append(c.report.Timing, r)
		return "timing of " + s.Name, r.problem()
	})
}

// guest starts Python.
func (c *check) guest(ctx context.Context) (g guest) {
	if c.Python == "" {
		return guest{absent: errors.New("ETUDE_TEST_PYTHON does not name a Python that can import torch; make python makes one")}
	}
	c.Say("starting %s …", c.Python)
	g.python, g.absent = startPython(ctx, c.Python, c.Script, c.Device.String(), c.report.Versions.Threads, 4*time.Minute)
	if g.absent != nil {
		c.Say("  %v", g.absent)
	} else {
		c.report.Versions.Python, c.report.Versions.Torch = g.Python, g.Torch
	}
	return g
}

func (c *check) memory(ctx context.Context) {
	steps := 1000
	if c.Quick {
		steps = 50
	}
	c.report.Memory = []MemoryResult{}
	each(ctx, c, c.Networks, func(s models.Spec) (what, problem string) {
		c.Say("memory of %s …", s.Name)
		r := checkMemory(ctx, s, c.Device, c.meter, steps)
		if ctx.Err() != nil {
			return "", ""
		}
		c.report.Memory = append(c.report.Memory, r)
		return "memory of " + s.Name, r.Problem
	})
}

// Root returns the folder of the module that dir is in.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, e := os.Stat(filepath.Join(dir, "go.mod")); e == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("no go.mod in this folder or above: run it in Etude's own tree")
		}
	}
	return "", err
}
