// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"fmt"
	"io"

	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/torch/libtorch"
)

type doctorCommand struct {
	JSON bool `name:"json" help:"Print the report as one JSON value."`
}

func (doctorCommand) Help() string {
	return `Examines what training stands on: the compiler, libtorch and its version, the bridge, CUDA, what several processes need to train one network, ONNX Runtime, the threads. For each part it prints what was found, what is wrong, and the one command that fixes it. It changes nothing.

For GPUs it lists each device, with the versions of driver, CUDA and cuDNN, or the reason why none can be used: no driver, one that is too old, libtorch for the CPU, a missing library, a container started without the GPU, CUDA_VISIBLE_DEVICES, among others. With --json that is "cuda": {"available", "reason", "problem", "mend", "driver", "runtime", "devices"}; each reason is a short name for one kind of repair, such as "no-gpu", "no-driver", "driver-too-old", "not-passed-to-container", "hidden" or "libtorch-cpu".

Ends with exit code 1 if training cannot run. Without a GPU it runs on the CPU, so nothing about CUDA changes the exit code.

Examples:

    etude doctor
    etude doctor --json
    etude doctor --json | jq -e .cuda.available`
}

// Run examines the machine.
func (c *doctorCommand) Run(env *Env) error {
	var report *libtorch.Report
	if err := env.patiently("still examining; an NVIDIA driver that hangs is given a minute", func() error { report = libtorch.Doctor(env.Context); return env.Context.Err() }); err != nil {
		return err
	}
	return env.result(c.JSON, report, func(w io.Writer) { printDoctor(w, report) }, report.OK())
}

func printDoctor(w io.Writer, report *libtorch.Report) {
	t := newTable("", "part", "found")
	for _, p := range report.Parts {
		t.row(p.Status, p.Name, cmp.Or(p.Found, "-"))
	}
	t.print(w)
	printDevices(w, report.CUDA.Devices)
	for _, p := range report.Parts {
		if p.Problem != "" {
			fmt.Fprintf(w, "\n%s: %s\n", p.Name, plain.Lines(p.Problem))
		}
		if p.Mend != "" {
			fmt.Fprintf(w, "    %s\n", plain.Lines(p.Mend))
		}
	}
	switch {
	case !report.OK():
		fmt.Fprintln(w, "\nTraining cannot run.")
	case report.CUDA.Available:
		fmt.Fprintln(w, "\nTraining can run, on the GPU too.")
	default:
		fmt.Fprintln(w, "\nTraining can run, on the CPU.")
	}
}

func printDevices(w io.Writer, devices []libtorch.CUDADevice) {
	if len(devices) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := newTable("device", "name", "compute capability", "memory free", "total")
	for _, d := range devices {
		free := "?"
		if d.MemoryFree >= 0 {
			free = fmt.Sprintf("%.1f GB", float64(d.MemoryFree)/1e9)
		}
		capability := d.ComputeCapability
		if !d.Usable {
			capability += " (cannot be used)"
		}
		t.row(fmt.Sprintf("cuda:%d", d.Index), d.Name, capability, free, fmt.Sprintf("%.1f GB", float64(d.MemoryTotal)/1e9))
	}
	t.print(w)
}
