// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/etude-ml/etude/scripts/internal/gpucheck"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/wholefile"
)

// gpuCheckCommand serves people who work on Etude itself, so the help does not list it.
type gpuCheckCommand struct {
	Device string   `default:"cuda" help:"What to check: cuda, cuda:N, or cpu to try the program itself."`
	Output string   `short:"o" default:"gpu-check.json" help:"The file for every result."`
	Parts  []string `default:"tests,ops,networks,timing,memory" enum:"tests,ops,networks,timing,memory" help:"What to run: ${enum}. Only all of them make a complete report."`
	Quick  bool     `help:"Few steps and rounds, to try the program; the times say little."`
	Python string   `env:"ETUDE_TEST_PYTHON" placeholder:"FILE" help:"A Python that can import torch, to be timed too."`
}

func (gpuCheckCommand) Help() string {
	return `Checks and times Etude on a GPU, in Etude's own tree: the unit tests there, every operator and network against the CPU, milliseconds a step beside PyTorch's, memory. Writes one JSON file after every part, and prints a table to be pasted into an issue. Ends with exit code 1 if something did not agree.`
}

// Run checks the GPU.
func (c *gpuCheckCommand) Run(env *Env) error {
	device, err := torch.ParseDevice(c.Device)
	if err == nil && device.Type != torch.DeviceCPU && device.Type != torch.DeviceCUDA {
		err = fmt.Errorf("device %q is not for this command; use cpu, cuda or cuda:N", c.Device)
	}
	if err != nil {
		return usageError{err}
	}
	o := gpucheck.Options{Device: device, Quick: c.Quick, Python: c.Python, Say: env.say}
	if o.Root, err = gpucheck.Root("."); err != nil {
		return err
	}
	err = torch.CheckDevice(device)
	if err == nil && device.Type == torch.DeviceCUDA {
		o.CUDA = env.cuda()
		err = usable(o.CUDA, device)
	}
	if err != nil {
		env.say("etude doctor says:")
		printDoctor(env.Stderr, libtorch.Doctor(env.Context))
		return err
	}
	if env.Context.Err() != nil { // an earlier report stays
		return context.Cause(env.Context)
	}
	for _, p := range gpucheck.Parts() { // in their order, each once
		if slices.Contains(c.Parts, string(p)) {
			o.Parts = append(o.Parts, p)
		}
	}
	write := func(r *gpucheck.Report) error {
		text, err := r.JSON()
		if err != nil {
			return err
		}
		return wholefile.Write(c.Output, text)
	}
	o.Keep = func(r *gpucheck.Report) { _ = write(r) } // the last write reports its error
	report := gpucheck.Run(env.Context, o)
	err = write(report)
	fmt.Fprint(env.Stdout, report.Markdown())
	switch {
	case err != nil:
		return err
	case env.Context.Err() != nil:
		err = context.Cause(env.Context)
	case !report.Passed:
		err = errFailed
	}
	env.say("every result is in %s", c.Output)
	return err
}

// usable returns why nothing can be computed on a GPU, so that one without kernels is
// refused before the first of many failures. Unlike a computation it makes no context
// there.
func usable(c *libtorch.CUDA, d torch.Device) error {
	if d.Index >= len(c.Devices) || c.Devices[d.Index].Usable { // doctor may not have found out; libtorch did
		return nil
	}
	gpu := c.Devices[d.Index]
	return fmt.Errorf("device %s, %s of compute capability %s, cannot be used: %s", d, gpu.Name, gpu.ComputeCapability, c.Problem)
}
