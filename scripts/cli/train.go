// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/scripts/internal/progress"
	"github.com/etude-ml/etude/torch"
)

type trainCommand struct {
	Networks []string `arg:"" optional:"" name:"network" help:"Networks to train: ${networks}, or all (all)."`

	Data string `placeholder:"DATA" help:"Folder that holds training/audio, training/midi and so on. With --resume, the one that the run was begun with if none is named."`
	Out  string `default:"runs/latest" placeholder:"RUN" help:"Folder for what comes out (runs/latest)."`

	runs.Overrides

	deviceFlags
	Threads *int `placeholder:"N" help:"Threads of an operator (1); more gain little in networks so small, and change the last digits."`
	Resume  bool `help:"Continue the run in RUN, with its own settings where none are given."`
	Force   bool `help:"Replace a finished run in RUN."`
	JSON    bool `name:"json" help:"Print the summary as one JSON value."`

	ResumeFrom string `placeholder:"FILE" help:"Continue from this checkpoint of one network instead of its last.pt."`

	Init string `placeholder:"FILE" help:"Start from the weights in this .pt file, a state dict or a checkpoint of this program or of Python, instead of PyTorch's initial values."`

	cacheFlags
}

func (trainCommand) Help() string {
	return `Reads the folder, holds back a share of it by groups for validation, trains each network with Adam until its validation loss no longer falls, keeps the best weights, exports them to ONNX and checks the file. What comes out stands in RUN: model.pt and model.onnx for each network, checkpoints, losses by epoch, every setting, and summary.json. Every file that was left out is listed with its reason. Networks are trained side by side, as many at a time as there are cores; one that fails does not end the others. With "all", networks whose folder is missing are passed over. A finished run in RUN is replaced only with --force.

An interrupt (ctrl-C), SIGTERM or the end of the terminal finishes the step and saves; a second one ends at once. SIGUSR1 saves and goes on. --resume continues, in the middle of an epoch if need be, and ends with the weights of a run without a break, bit for bit: with the same data and settings, on the same kind of processor, with the same number of threads. "etude verify-resume" proves it. Of a continued run, --epochs, --patience, --min-delta, --device and --threads may change at any time, --lr and --weight-decay from there on.

Examples:

    etude train all --data ~/music --out runs/first
    etude train emotion --data ~/music --out runs/slow --epochs 200 --lr 3e-4
    etude train all --out runs/first --resume
    etude train groove --data ~/music --out runs/tuned --init lightning.ckpt`
}

// Validate finds mistakes in the command line before anything is done.
func (c *trainCommand) Validate() error {
	if len(c.Networks) == 0 {
		c.Networks = []string{"all"}
	}
	specs, err := runs.Select(c.Networks...)
	switch {
	case err != nil:
		return err
	case c.ResumeFrom != "" && len(specs) != 1:
		return errors.New("--resume-from continues one network; name it")
	case c.Init != "" && len(specs) != 1:
		return errors.New("--init gives one network its weights; name it")
	}
	c.Resume = c.Resume || c.ResumeFrom != ""
	switch {
	case c.Init != "" && c.Resume:
		return errors.New("--init starts a new run, and --resume continues one; give one of them")
	case c.Out == "":
		return errors.New("--out is empty; name a folder")
	case c.Force && c.Resume:
		return errors.New("--force begins anew and --resume continues; give one of them")
	case c.Data == "" && !c.Resume:
		return errors.New("missing flag --data=DATA")
	case c.Threads != nil && (*c.Threads < 1 || *c.Threads > torch.MaxThreads):
		return fmt.Errorf("--threads is %d; it must be from 1 to %d", *c.Threads, torch.MaxThreads)
	}
	return cmp.Or(c.deviceFlags.Validate(), c.Overrides.Check())
}

// Run trains the networks.
func (c *trainCommand) Run(env *Env) error {
	summary, err := c.train(env)
	if len(summary) == 0 {
		return err
	}
	// What came out of some networks is printed though others failed.
	return errors.Join(err, env.result(c.JSON, summary, func(w io.Writer) {
		printSummary(w, summary)
		plain.Fprintf(w, "\n")
		for _, line := range verdict(summary) {
			plain.Fprintf(w, "%s\n", line)
		}
		plain.Fprintf(w, "Everything is in %s.\n", c.Out)
	}, true))
}

// train trains the networks and returns what came out of each.
func (c *trainCommand) train(env *Env) (runs.Summary, error) {
	if c.Data != "" {
		if err := checkPath("--data", c.Data); err != nil {
			return nil, err
		}
	}
	watch := &watch{env: env, jobs: map[string]*progress.Job{}}
	o := runs.Options{
		Data: c.Data, Out: c.Out, SameDevice: c.Device == auto, Resume: c.Resume, ResumeFrom: c.ResumeFrom, Force: c.Force, Init: c.Init,
		Control: env.Control, OnEvent: watch.event,
	}
	if c.Threads != nil {
		o.Threads = *c.Threads
	}
	if err := o.CheckFinished(c.Networks...); err != nil {
		return nil, err
	}
	device, err := c.load(env)
	if err != nil {
		return nil, err
	}
	kept, done := c.open(env)
	defer done()
	o.Device, o.Cache = device, kept
	plan, err := runs.NewPlan(o, c.Overrides, c.Networks...)
	if errors.Is(err, runs.ErrNoRun) {
		return nil, usagef("train: %w", err)
	}
	if err == nil {
		err = named("--out", c.Out, os.MkdirAll(c.Out, 0o777))
	}
	if err != nil {
		return nil, err
	}
	if c.Device == auto {
		env.sayDevices(plan.Trainings)
	}
	return plan.Run(env.Context)
}

// sayDevices reports the devices that networks are trained on, each once.
func (e *Env) sayDevices(trainings []runs.Training) {
	said := map[torch.Device]bool{}
	for _, t := range trainings {
		if !said[t.Device] {
			said[t.Device] = true
			e.sayDevice(t.Device)
		}
	}
}

// watch shows the events of networks as progress and lines.
type watch struct {
	env     *Env
	reading fileProgress
	jobs    map[string]*progress.Job // made before networks are trained side by side
}

func (w *watch) event(e runs.Event) {
	job := w.jobs[e.Network]
	e.Text = withFlags(e.Text)
	switch e.Stage {
	case runs.Notice:
		w.env.say("%s: %s", e.Network, e.Text)
	case runs.Reading:
		w.reading.env, w.reading.title = w.env, e.Network+": reading"
		w.reading.set(e.Done, e.Total, "")
	case runs.Read:
		w.reading.finish(e.Text)
	case runs.Waiting:
		w.jobs[e.Network] = w.env.lines.Queue(e.Network+": training", progress.Epochs, int64(e.Total))
	case runs.Fitting:
		job.Begin()
		if e.Done > 0 {
			job.Set(int64(e.Done), e.Text)
		}
	case runs.Fitted:
		job.Finish(e.Text)
	case runs.Failed:
		w.env.say("%v", sentence(e.Err))
		w.env.sayRights(e.Err)
	}
}
