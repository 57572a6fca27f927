// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command gpucheck is what `make gpu-check` runs on a machine with a GPU: the unit
// tests on the device, every operator and network against the CPU, milliseconds a
// step beside PyTorch's, and memory. It writes one JSON file, and prints a table
// to be pasted into an issue.
//
// Exit codes: 0 all agreed and no test failed, 1 not so, 2 wrong usage, 130 and 143
// interrupted; what was found out by then is written.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/crash"
	"github.com/etude-ml/etude/scripts/internal/gpucheck"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Exit codes, beside those of signals.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// flags are the command line.
type flags struct {
	Device string   `default:"cuda" help:"What to check: cuda, cuda:N, or cpu to try the program itself."`
	Output string   `short:"o" default:"gpu-check.json" type:"path" help:"The file for every result."`
	Parts  []string `default:"tests,ops,networks,timing,memory" enum:"tests,ops,networks,timing,memory" help:"What to run: ${enum}. Only all of them make a complete report."`
	Quick  bool     `help:"Few steps and rounds: a look at the program, whose times say little."`
	Python string   `env:"ETUDE_TEST_PYTHON" placeholder:"FILE" help:"A Python that can import torch, to be timed too."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

func main() {
	crash.UseExitCode()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	// A write that nobody reads is an error, and not the end: the file counts.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(run(os.Args[1:], signals, os.Stdout, os.Stderr))
}

// usageError is a mistake in the command line.
type usageError struct{ error }

// run checks and returns the exit code. The first signal ends what is at hand; a
// second one ends the program.
func run(args []string, signals chan os.Signal, stdout, messages io.Writer) int {
	stderr := &shared{w: messages}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var caught syscall.Signal
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case s := <-signals:
			signal.Stop(signals)
			caught = s.(syscall.Signal)
			fmt.Fprintln(stderr, "gpucheck: ending what is at hand; a second signal ends at once")
			cancel()
		case <-ctx.Done():
		}
	}()
	err := check(ctx, args, stdout, stderr)
	interrupted := ctx.Err() != nil
	cancel()
	<-done
	switch _, usage := errors.AsType[usageError](err); {
	case errors.Is(err, errHelped):
		return exitDone
	case interrupted:
		return 128 + int(caught)
	case usage:
		fmt.Fprintln(stderr, "gpucheck:", err)
		return exitUsage
	case errors.Is(err, errFailed):
		return exitFailed
	case err != nil:
		fmt.Fprintln(stderr, "gpucheck:", err)
		return exitFailed
	}
	return exitDone
}

// shared may be written to by several goroutines.
type shared struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}

var (
	// errHelped ends the program after --help or --version.
	errHelped = errors.New("helped")
	// errFailed ends it after the report has said what failed.
	errFailed = errors.New("failed")
)

func check(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parse(args, stdout, stderr)
	if err != nil {
		return err
	}
	device, err := torch.ParseDevice(f.Device)
	if err == nil && device.Type != torch.DeviceCPU && device.Type != torch.DeviceCUDA {
		err = fmt.Errorf("device %q is not for this program; use cpu, cuda or cuda:N", f.Device)
	}
	if err != nil {
		return usageError{err}
	}
	root, err := gpucheck.Root(".")
	if err != nil {
		return err
	}
	err = torch.CheckDevice(device)
	var free int64
	if err == nil && device.Type == torch.DeviceCUDA {
		free, err = usable(libtorch.ExamineCUDA(ctx), device)
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, doctor(ctx))
	}
	if ctx.Err() != nil {
		return ctx.Err() // an earlier report stays
	}
	o := gpucheck.Options{
		Device: device, Free: free, Root: root, Quick: f.Quick, Python: f.Python,
		Say: func(format string, args ...any) { fmt.Fprintf(stderr, format+"\n", args...) },
	}
	for _, p := range gpucheck.Parts() { // in their order, each once
		if slices.Contains(f.Parts, string(p)) {
			o.Parts = append(o.Parts, p)
		}
	}
	write := func(r *gpucheck.Report) error {
		text, err := r.JSON()
		if err != nil {
			return err
		}
		return wholefile.Write(f.Output, text)
	}
	o.Keep = func(r *gpucheck.Report) { _ = write(r) } // the last one says what is wrong
	report := gpucheck.Run(ctx, o)
	err = write(report)
	fmt.Fprint(stdout, report.Markdown())
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "every result is in %s\n", f.Output)
	if !report.Passed {
		return errFailed
	}
	return nil
}

// usable returns the free memory of a GPU, in bytes, 0 if that is unknown, or why
// nothing can be computed there. Neither makes a context on it.
func usable(c *libtorch.CUDA, d torch.Device) (free int64, err error) {
	if d.Index >= len(c.Devices) { // doctor could not ask; libtorch did
		return 0, nil
	}
	gpu := c.Devices[d.Index]
	if !gpu.Usable {
		return 0, fmt.Errorf("device %s, %s of compute capability %s, cannot be used: %s", d, gpu.Name, gpu.ComputeCapability, c.Problem)
	}
	return max(gpu.MemoryFree, 0), nil
}

// parse reads the command line.
func parse(args []string, stdout, stderr io.Writer) (f flags, err error) {
	exited := false
	parser, err := kong.New(&f,
		kong.Name("gpucheck"),
		kong.Description("Checks and times Etude on a GPU: the unit tests there, every operator and network against the CPU, milliseconds a step beside PyTorch's, memory. Writes one JSON file and prints a table to be pasted into an issue."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { exited = true }),
		kong.Vars{"version": "etude " + runs.Version()},
	)
	if err != nil {
		return f, err
	}
	_, err = parser.Parse(args)
	switch {
	case exited:
		return f, errHelped
	case err != nil:
		return f, usageError{err}
	}
	return f, nil
}

// doctor is what `etude doctor` says of what is missing: every part that is not
// well, and the one for CUDA.
func doctor(ctx context.Context) string {
	var b strings.Builder
	b.WriteString("etude doctor says:")
	for _, p := range libtorch.Doctor(ctx).Parts {
		if p.Status == libtorch.StatusOK && p.Name != "CUDA" {
			continue
		}
		fmt.Fprintf(&b, "\n  %s: %s", p.Name, strings.Join(slices.DeleteFunc([]string{p.Found, p.Problem}, func(s string) bool { return s == "" }), "; "))
		if p.Mend != "" {
			fmt.Fprintf(&b, "\n    %s", p.Mend)
		}
	}
	return b.String()
}
