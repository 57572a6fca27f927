// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package gpucheck finds out whether training on a device gives what it gives on
// the CPU, how fast it is beside PyTorch's, and what memory it takes.
package gpucheck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/scripts/internal/pystep"
	"github.com/etude-ml/etude/torch"
)

// Options say what to check.
type Options struct {
	Device torch.Device // that can be used: see [torch.CheckDevice]
	Free   int64        // bytes of its memory, as far as is known
	Root   string       // the module's folder, in which the tests are run
	Parts  []Part       // all unless given
	Quick  bool         // a look at the program rather than at the device

	Python string // the interpreter to compare with; "" for none
	Script string // that it runs; [pystep.Script] unless given

	Packages []string // to test; [Packages] unless given
	Cases    []Case   // to check; [Cases] unless given

	// Say is told what is being done. It may be nil.
	Say func(format string, args ...any)
	// Keep is given the report after every part, as if that had been interrupted: a
	// driver that takes the process down takes no more than the part at hand. It may
	// be nil.
	Keep func(*Report)

	meter meter // of Device, unless given
}

// Run checks. When ctx ends, the report holds what was found out by then.
func Run(ctx context.Context, o Options) *Report {
	if o.Parts == nil {
		o.Parts = Parts()
	}
	if o.Cases == nil {
		o.Cases = Cases()
	}
	if o.Packages == nil {
		o.Packages = Packages
	}
	if o.Script == "" {
		o.Script = filepath.Join(o.Root, pystep.Script)
	}
	// libtorch has worker threads for each thread that calls it. Were it several, there
	// would be more of them than cores, and OpenMP's sleep then instead of waiting a
	// moment: 5 µs an operator, by chance, and never in Python.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	if o.Keep == nil {
		o.Keep = func(*Report) {}
	}
	r := &Report{Format: Format, Device: o.Device.String(), Quick: o.Quick, Parts: o.Parts, Started: time.Now().UTC(), Versions: readVersions()}
	if o.meter == nil {
		o.meter = meterOf(o.Device)
	}
	c := &check{Options: o, report: r}
	c.meter.describe(&r.Versions)
	r.Versions.GPUMemoryFree = o.Free
	for _, p := range []struct {
		part Part
		run  func(context.Context)
	}{
		{PartTests, c.tests}, {PartOps, c.ops}, {PartNetworks, c.networks}, {PartTiming, c.timing}, {PartMemory, c.memory},
	} {
		if slices.Contains(o.Parts, p.part) && ctx.Err() == nil && r.Broken == "" {
			p.run(ctx)
			r.conclude(true)
			o.Keep(r)
		}
	}
	r.conclude(ctx.Err() != nil)
	return r
}

// check is one Run.
type check struct {
	Options
	report *Report
}

// broken tells whether the device has failed for good, as CUDA does for a process in
// which a kernel has read where it must not: what comes after would fail because of
// that, and not by itself.
func (c *check) broken(what string) bool {
	err := c.meter.synchronize()
	if err != nil {
		c.report.Broken = fmt.Sprintf("%s: %v", what, err)
		c.Say("  the device fails for good: %v", err)
	}
	return err != nil
}

func (c *check) tests(ctx context.Context) {
	c.Say("tests of %v on %s …", c.Packages, c.Device)
	r := runTests(ctx, c.Root, c.Device.String(), c.Packages, func(pkg string, seconds float64) { c.Say("  %s (%.1f s)", pkg, seconds) })
	c.report.Tests = &r
	c.Say("  %d passed, %d failed, %d skipped", r.Passed, r.Failed, r.Skipped)
}

func (c *check) ops(ctx context.Context) {
	c.Say("operators, %s against the CPU …", c.Device)
	c.report.Ops = []OpResult{}
	exactly(func() {
		for _, k := range c.Cases {
			if ctx.Err() != nil {
				return
			}
			r := k.Check(c.Device)
			if !r.OK {
				c.Say("  %s: %s", r.Case, r.Problem)
			}
			c.report.Ops = append(c.report.Ops, r)
			if !r.OK && c.broken("op "+r.Case) {
				return
			}
		}
	})
	c.Say("  %d cases", len(c.report.Ops))
}

func (c *check) networks(ctx context.Context) {
	c.report.Networks, c.report.Optimizers = []NetworkResult{}, []NetworkResult{}
	one := func(s models.Spec, o optimizer, into *[]NetworkResult) {
		if ctx.Err() != nil || c.report.Broken != "" {
			return
		}
		c.Say("%s with %s, %d steps …", s.Name, o.name, trainSteps)
		r := checkNetwork(s, o, c.Device, c.meter)
		if !r.OK {
			c.Say("  %s", r.Problem)
		}
		*into = append(*into, r)
		if !r.OK {
			c.broken("network " + s.Name + " with " + o.name)
		}
	}
	exactly(func() {
		all := models.All()
		for _, s := range all {
			one(s, own(s), &c.report.Networks)
		}
		for _, o := range optimizers() {
			one(all[len(all)-1], o, &c.report.Optimizers) // the smallest network
		}
	})
}

func (c *check) timing(ctx context.Context) {
	python, end := c.python(ctx)
	defer end()
	p := pace{rounds: 15, network: 25 * time.Second}
	if c.Quick {
		p = pace{rounds: 3, network: time.Second}
	}
	c.report.Timing = []TimingResult{}
	for _, s := range models.All() {
		if ctx.Err() != nil {
			return
		}
		c.Say("milliseconds a step of %s …", s.Name)
		r := timeNetwork(ctx, s, c.Device, c.meter, python, p)
		c.report.Timing = append(c.report.Timing, r)
		if r.failed() && c.broken("timing of "+s.Name) {
			return
		}
	}
}

// python starts the guests, or says why they are absent; end ends them.
func (c *check) python(ctx context.Context) (g guests, end func()) {
	if c.Python == "" {
		g.absent = errors.New("ETUDE_TEST_PYTHON does not name a Python that can import torch; make python makes one")
		return g, func() {}
	}
	c.Say("starting %s …", c.Python)
	for _, p := range []**pystep.Process{&g.eager, &g.compiled} {
		if *p, g.absent = pystep.Start(ctx, pystep.Options{
			Python: c.Python, Script: c.Script, Device: c.Device.String(), Threads: c.report.Versions.Threads, Limit: 4 * time.Minute,
		}); g.absent != nil {
			c.Say("  %v", g.absent)
			break
		}
		c.report.Versions.Python, c.report.Versions.Torch = (*p).Python, (*p).Torch
	}
	return g, func() {
		for _, p := range []*pystep.Process{g.eager, g.compiled} {
			if p != nil {
				_ = p.Close() // it has answered all that it was asked
			}
		}
	}
}

func (c *check) memory(ctx context.Context) {
	n := 1000
	if c.Quick {
		n = 50
	}
	c.report.Memory = []MemoryResult{}
	for _, s := range models.All() {
		if ctx.Err() != nil {
			return
		}
		c.Say("memory of %s in %d steps …", s.Name, n)
		if r := checkMemory(ctx, s, c.Device, c.meter, n); ctx.Err() == nil {
			c.report.Memory = append(c.report.Memory, r)
			if !r.OK && c.broken("memory of "+s.Name) {
				return
			}
		}
	}
}

// Root returns the folder of the module that dir is in.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod in this folder or above: run it in Etude's own tree")
		}
		dir = up
	}
}
