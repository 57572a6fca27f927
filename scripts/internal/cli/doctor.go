// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"

	"github.com/etude-ml/etude/torch/libtorch"
)

type doctorCommand struct {
	JSON bool `name:"json" help:"Print the report as one JSON value."`
}

func (doctorCommand) Help() string {
	return `Examines what training stands on: the compiler, libtorch and its version, the bridge, CUDA, ONNX Runtime, the threads. For each part it says what was found, what is wrong, and the one command that mends it. Ends with exit code 1 if training cannot run. It changes nothing.

Examples:

    etude doctor
    etude doctor --json`
}

// Run examines.
func (c *doctorCommand) Run(env *Env) error {
	report := libtorch.Doctor(env.Context)
	if err := env.Context.Err(); err != nil {
		return err
	}
	if c.JSON {
		if err := env.printJSON(report); err != nil {
			return err
		}
	} else {
		printDoctor(env, report)
	}
	if !report.OK() {
		return errFailed
	}
	return nil
}

func printDoctor(env *Env, report *libtorch.Report) {
	t := newTable("", "part", "found")
	for _, p := range report.Parts {
		t.row(p.Status, p.Name, p.Found)
	}
	t.print(env.Stdout)
	for _, p := range report.Parts {
		if p.Problem != "" {
			fmt.Fprintf(env.Stdout, "\n%s: %s\n", p.Name, p.Problem)
		}
		if p.Mend != "" {
			fmt.Fprintf(env.Stdout, "    %s\n", p.Mend)
		}
	}
	if report.OK() {
		fmt.Fprintln(env.Stdout, "\nTraining can run.")
	} else {
		fmt.Fprintln(env.Stdout, "\nTraining cannot run.")
	}
}
