// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/scripts/internal/progress"
	"github.com/etude-ml/etude/trainer"
)

type verifyResumeCommand struct {
	Network string `arg:"" help:"The network to train: ${network}."`
	Data    string `required:"" placeholder:"DATA" help:"${data}"`
	StopAt  []int  `placeholder:"K,…" help:"After how many batches, counted over all epochs, to interrupt (the first, the last of the first epoch, one in the middle of the second)."`

	Epochs    int     `default:"3" placeholder:"N" help:"Epochs (3)."`
	BatchSize *int    `placeholder:"N" help:"Samples in a step (64)."`
	Seed      *uint64 `placeholder:"N" help:"Seed of the first weights, the split and the order (42)."`
	Threads   int     `default:"1" placeholder:"N" help:"Threads of an operator (1)."`
	JSON      bool    `name:"json" help:"Print the report as one JSON value."`

	deviceFlags
}

func (verifyResumeCommand) Help() string {
	return `Trains a network twice on a data folder: once without a break, and once with an interrupt after each of the batches --stop-at, continued each time from the checkpoint alone. At each break and at the end it compares the SHA-256 of all weights, of the optimizer's state and of the history. Ends with exit code 1, and the first difference, if they are not identical. Nothing but temporary files is written.

Examples:

    etude verify-resume emotion --data ~/music
    etude verify-resume melody --data ~/music --epochs 5 --stop-at 7,20,21`
}

// Validate finds mistakes in the command line.
func (c *verifyResumeCommand) Validate() error {
	if _, err := oneNetwork(c.Network); err != nil {
		return err
	}
	for _, k := range c.StopAt {
		if k < 1 {
			return fmt.Errorf("--stop-at is %d; the first break can be after batch 1", k)
		}
	}
	if c.Threads < 1 {
		return fmt.Errorf("--threads is %d; it must be at least 1", c.Threads)
	}
	return cmp.Or(c.deviceFlags.Validate(), c.overrides().Check())
}

func (c *verifyResumeCommand) overrides() runs.Overrides {
	return runs.Overrides{Epochs: &c.Epochs, BatchSize: c.BatchSize, Seed: c.Seed}
}

// verified holds the output of --json.
type verified struct {
	Network   string `json:"network"`
	Identical bool   `json:"identical"`
	trainer.ResumeReport
}

// Run compares a run with breaks and one without.
func (c *verifyResumeCommand) Run(env *Env) error {
	spec, err := oneNetwork(c.Network)
	if err == nil {
		err = checkPath("--data", c.Data)
	}
	if err != nil {
		return err
	}
	device, err := c.load(env)
	if err != nil {
		return err
	}
	if c.Device == auto {
		env.sayDevice(device)
	}
	var job *progress.Job
	watch, done := watch{env: env}, int64(0)
	t := runs.Training{
		Spec: spec, Settings: c.overrides().Apply(runs.Defaults(spec)),
		Options: runs.Options{Data: c.Data, Device: device, Threads: c.Threads, OnEvent: func(e runs.Event) {
			switch e.Stage {
			case runs.Waiting: // each epoch is trained twice; one with a break in it still ends once
				job = env.start(c.Network+": training with and without breaks", progress.Epochs, 2*c.Epochs)
			case runs.Fitting:
				done++
				job.Set(done, "")
			default:
				watch.event(e)
			}
		}},
	}
	report, err := t.VerifyResume(env.Context, c.StopAt)
	if job != nil {
		defer job.Finish("")
	}
	if err != nil {
		return err
	}
	job.Finish("compared")
	result := verified{c.Network, report.Difference == nil, report}
	return env.result(c.JSON, result, func(w io.Writer) { printVerified(w, result) }, result.Identical)
}

func printVerified(w io.Writer, v verified) {
	plain.Fprintf(w, "%s: %d epochs, %d batches, interrupted and resumed after batch %s; %d tensors compared at each break and at the end\n",
		v.Network, v.Epochs, v.Steps, strings.Trim(strings.Join(strings.Fields(fmt.Sprint(v.Breaks)), ", "), "[]"), v.Tensors)
	t := newTable("without a break", "sha256")
	t.row("weights", v.Weights)
	t.row("optimizer", v.Optimizer)
	t.row("history", v.History)
	t.print(w)
	if v.Identical {
		fmt.Fprintln(w, "With breaks they are identical, bit for bit.")
	} else {
		plain.Fprintf(w, "NOT IDENTICAL: %s\n", v.Difference)
	}
}
