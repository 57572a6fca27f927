// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/scripts/internal/progress"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/dist"
)

type trainCommand struct {
	Networks []string `arg:"" optional:"" name:"network" help:"Networks to train: ${networks}, or all (all)."`

	Data string `placeholder:"DATA" help:"Folder that holds training/audio, training/midi and so on. With --resume, the one that the run was begun with if none is named."`
	Out  string `default:"runs/latest" placeholder:"RUN" help:"Folder for what comes out (runs/latest)."`

	runs.Overrides

	Seeds string   `placeholder:"A-B" help:"Train once with each of these seeds: a range such as 0-31, or a list such as 1,4,9."`
	Grid  []string `sep:"none" placeholder:"NAME=V,…" help:"Train once with each of these values of a setting, such as lr=1e-3,3e-4; given twice, with each combination."`
	Jobs  int      `placeholder:"N" help:"Trainings at a time (as many as there are cores for their threads)."`

	deviceFlags
	Threads  *int   `placeholder:"N" help:"Threads of an operator, in each process (1); more gain little in networks so small, and change the last digits."`
	Recorded string `default:"auto" enum:"auto,on,off" placeholder:"WHEN" help:"Whether to record the training step and replay it, which takes about half the time and gives the same bits: auto, on the CPU and in longer runs, where it is known to pay; on, always, and an error where it cannot be; off, never (auto)."`
	Eager    bool   `help:"The same as --recorded=off."`
	Resume   bool   `help:"Continue the run in RUN, with its own settings where none are given."`
	Force    bool   `help:"Replace a finished run in RUN."`
	JSON     bool   `name:"json" xor:"output" help:"Print the summary as one JSON value."`
	Metrics  bool   `xor:"output" help:"Print name=value pairs, a line for each epoch and one for the result, for programs that search for settings."`

	Timeout time.Duration `default:"30m" placeholder:"TIME" help:"Of several processes, the time after which one that does not come, or does not answer, ends the others (30m)."`

	ResumeFrom string `placeholder:"FILE" help:"Continue from this checkpoint of one network instead of its last.pt."`

	Init string `placeholder:"FILE" help:"Start from the weights in this .pt file, a state dict or a checkpoint of this program or of Python, instead of PyTorch's initial values."`

	cacheFlags

	sweep *runs.Sweep // of --seeds and --grid, or nil
	alone bool        // whatever a launcher has started
	world dist.World
}

func (trainCommand) Help() string {
	return `Reads the folder, holds back a share of it by groups for validation, trains each network with Adam until its validation loss no longer falls, keeps the best weights, exports them to ONNX and checks the file. What comes out stands in RUN: model.pt and model.onnx for each network, checkpoints, losses by epoch, every setting, and summary.json. Every file that was left out is listed with its reason. Networks are trained side by side, as many at a time as there are cores; one that fails does not end the others. With "all", networks whose folder is missing are passed over. A finished run in RUN is replaced only with --force.

An interrupt (ctrl-C), SIGTERM or the end of the terminal finishes the step and saves; a second one ends at once. SIGUSR1 saves and goes on. --resume continues, in the middle of an epoch if need be, and ends with the weights of a run without a break, bit for bit: with the same data and settings, on the same kind of processor, with the same number of threads. "etude verify-resume" proves it. Of a continued run, --epochs, --patience, --min-delta, --device and --threads may change at any time, --lr and --weight-decay from there on.

With --seeds and --grid each network is trained many times in one process. Data is read once. Each run has a run folder of its own, RUN/seed-3 or RUN/lr=0.001/seed-3, and the bits that it has alone; the other commands take it as any run. A table shows the mean over the seeds of each combination, with the sample standard deviation, and RUN/sweep.json has all results. --resume keeps the runs that have ended, and continues or begins the others; without --seeds and --grid it takes those of RUN.

Processes that "etude launch", torchrun, srun or mpirun has started train each network together, one after the other, to the results of one process but for rounding; --batch-size is that of all together, and any number of processes continues a run. Rank 0 prints, and alone writes RUN; each machine needs DATA. They compute on the CPU unless --device cuda gives each a GPU of its own.

Examples:

    etude train all --data ~/music --out runs/first
    etude train emotion --data ~/music --out runs/slow --epochs 200 --lr 3e-4
    etude train all --out runs/first --resume
    etude launch -n 2 -- train emotion --data ~/music --out runs/both
    etude train emotion --data ~/music --out runs/seeds --seeds 0-31
    etude train groove --data ~/music --out runs/grid --seeds 1,4,9 --grid lr=1e-3,3e-4 --grid batch-size=32,64
    etude train groove --data ~/music --out runs/tuned --init lightning.ckpt`
}

// errOneRun explains what the lines of --metrics cannot tell apart.
var errOneRun = errors.New("--metrics prints one run of one network; name the network, and leave out --seeds and --grid")

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
	case c.Metrics && (len(specs) != 1 || c.Seeds != "" || c.Grid != nil):
		return errOneRun
	case c.Eager && c.Recorded == "on":
		return errors.New("--eager and --recorded=on exclude each other")
	case c.Timeout < 0:
		return fmt.Errorf("--timeout is %v; it must not be negative", c.Timeout)
	case c.Jobs < 0:
		return fmt.Errorf("--jobs is %d; it must be at least 1, or 0 for as many as there are cores", c.Jobs)
	case c.Threads != nil && (*c.Threads < 1 || *c.Threads > torch.MaxThreads):
		return fmt.Errorf("--threads is %d; it must be from 1 to %d", *c.Threads, torch.MaxThreads)
	}
	return cmp.Or(c.deviceFlags.Validate(), c.Overrides.Check(), c.plan())
}

// several reports whether a launcher has started several processes.
func (c *trainCommand) several() bool { return c.world.Size > 1 }

// divide checks what several processes cannot do, and tells each which one it is.
func (c *trainCommand) divide(env *Env) error {
	env.follows, env.local = c.world.Rank > 0, max(0, c.world.LocalRank)
	wrong := ""
	switch {
	case c.sweep != nil:
		wrong = "--seeds and --grid train runs side by side in one process"
	case c.Jobs > 1:
		wrong = "--jobs trains networks side by side in one process"
	case c.Recorded == "on":
		wrong = "--recorded=on is for one process, as steps of several are not recorded"
	case strings.HasPrefix(c.Device, "cuda:"):
		wrong = "--device cuda:N gives all processes the same GPU, and --device cuda each its own"
	case c.Device == auto: // NCCL has not run yet
		c.Device = torch.CPU.String()
	}
	if wrong != "" {
		return usagef("train: this is %v: %s", c.world, wrong)
	}
	return nil
}

// plan finds the sweep of the command line.
func (c *trainCommand) plan() error {
	if c.Seeds == "" && c.Grid == nil {
		return nil
	}
	if c.ResumeFrom != "" {
		return errors.New("--resume-from continues one run, and --seeds and --grid make several; give one of them")
	}
	w, err := runs.ParseSweep(c.Seeds, c.Grid)
	if err != nil {
		return err
	}
	c.sweep = &w
	return w.Check(c.Overrides)
}

// Run trains the networks.
func (c *trainCommand) Run(env *Env) (err error) {
	if !c.alone {
		if c.world, err = dist.FromEnvironment(os.Getenv); err != nil {
			return usageError{err}
		}
	}
	if c.several() {
		if err := c.divide(env); err != nil {
			return err
		}
	} else if c.sweep == nil && c.Resume && c.ResumeFrom == "" {
		if w, found, err := runs.LoadSweep(c.Out); err != nil {
			return err
		} else if found && c.Metrics {
			return usageError{errOneRun}
		} else if found {
			env.say("%s holds a sweep: its runs are continued", c.Out)
			c.sweep = &w
		}
	}
	if c.sweep != nil {
		return c.runSweep(env)
	}
	summary, err := c.train(env)
	if len(summary) == 0 {
		return err
	}
	// What came out of some networks is printed though others failed.
	return errors.Join(err, env.result(c.JSON, summary, func(w io.Writer) {
		if c.Metrics {
			printResult(w, summary)
			return
		}
		printSummary(w, summary)
		plain.Fprintf(w, "\n")
		for _, line := range verdict(summary) {
			plain.Fprintf(w, "%s\n", line)
		}
		plain.Fprintf(w, "Everything is in %s.\n", c.Out)
	}, true))
}

// runSweep trains the runs of a sweep.
func (c *trainCommand) runSweep(env *Env) error {
	o, done, err := c.begin(env)
	if err != nil {
		return err
	}
	defer done()
	if c.Device == auto {
		env.sayDevice(o.Device)
	}
	summary, err := c.sweep.Run(env.Context, o, c.Overrides, c.Networks...)
	if summary == nil {
		return asUsage(err)
	}
	// What came out of some runs is printed though others failed.
	return errors.Join(err, env.result(c.JSON, summary, func(w io.Writer) {
		printSweep(w, summary)
		plain.Fprintf(w, "\nThe mean over n runs ± the sample standard deviation. Everything is in %s, all results in %s.\n", c.Out, runs.SweepFile(c.Out))
	}, true))
}

// train trains the networks and returns what came out of each.
func (c *trainCommand) train(env *Env) (runs.Summary, error) {
	o, done, err := c.begin(env)
	if err != nil {
		return nil, err
	}
	defer done()
	if c.several() {
		summary, err := trainTogether(env, o, dist.Options{World: &c.world, Timeout: c.Timeout}, c.Overrides, c.Networks)
		return summary, asUsage(err)
	}
	plan, err := runs.NewPlan(o, c.Overrides, c.Networks...)
	if err == nil {
		err = named("--out", c.Out, os.MkdirAll(c.Out, 0o777))
	}
	if err != nil {
		return nil, asUsage(err)
	}
	if c.Device == auto {
		env.sayDevices(plan.Trainings)
	}
	return plan.Run(env.Context)
}

// asUsage marks the error of a command line that begins nothing and continues nothing.
func asUsage(err error) error {
	if errors.Is(err, runs.ErrNoRun) {
		return usagef("train: %w", err)
	}
	return err
}

// begin loads libtorch and opens the cache, which done closes.
func (c *trainCommand) begin(env *Env) (o runs.Options, done func(), err error) {
	if c.Data != "" && !c.several() {
		if err := checkPath("--data", c.Data); err != nil {
			return o, nil, err
		}
	}
	watch := &watch{env: env, jobs: map[string]*progress.Job{}, metrics: c.Metrics}
	o = runs.Options{
		Data: c.Data, Out: c.Out, SameDevice: c.Device == auto, Jobs: c.Jobs, Resume: c.Resume, ResumeFrom: c.ResumeFrom, Force: c.Force, Init: c.Init,
		Eager: c.Eager || c.Recorded == "off", MustRecord: c.Recorded == "on",
		Control: env.Control, OnEvent: watch.event,
	}
	if c.Threads != nil {
		o.Threads = *c.Threads
	}
	if c.sweep == nil && !c.several() {
		if err := o.CheckFinished(c.Networks...); err != nil {
			return o, nil, err
		}
	}
	if o.Device, err = c.load(env); err != nil {
		return o, nil, err
	}
	o.Cache, done = c.open(env)
	return o, done, nil
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
	metrics bool                     // each epoch is printed

	// A sweep has one line, as it may have more runs than a terminal has rows.
	sweep       *progress.Job
	runs, ended int
	mu          sync.Mutex
}

func (w *watch) event(e runs.Event) {
	job := w.jobs[e.Network]
	e.Text = withFlags(e.Text)
	switch {
	case e.Stage == runs.Notice:
		w.env.say("%s: %s", e.Name(), e.Text)
	case e.Stage == runs.Reading:
		w.reading.env, w.reading.title = w.env, e.Network+": reading"
		w.reading.set(e.Done, e.Total, "")
	case e.Stage == runs.Read:
		w.reading.finish(e.Text)
	case e.Stage == runs.Failed && e.Run != "":
		w.env.say("%s: %v", e.Run, sentence(e.Err))
		w.env.sayRights(e.Err)
	case e.Stage == runs.Failed:
		w.env.say("%v", sentence(e.Err))
		w.env.sayRights(e.Err)
	case e.Run != "":
		w.sweepEvent(e)
	case e.Stage == runs.Waiting:
		w.jobs[e.Network] = w.env.lines.Queue(e.Network+": training", progress.Epochs, int64(e.Total))
	case e.Stage == runs.Fitting:
		job.Begin()
		if e.Done > 0 {
			job.Set(int64(e.Done), e.Text)
		}
		if e.Done > 0 && w.metrics {
			printEpoch(w.env.Stdout, e)
		}
	case e.Stage == runs.Fitted:
		job.Finish(e.Text)
	}
}

func (w *watch) sweepEvent(e runs.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case e.Stage == runs.Waiting:
		w.runs++
		return
	case w.sweep == nil:
		w.sweep = w.env.start("training", progress.Runs, w.runs)
	}
	if e.Stage == runs.Fitted {
		w.ended++
	}
	if e.Text != "" || e.Stage == runs.Fitted {
		w.sweep.Set(int64(w.ended), strings.TrimSuffix(e.Name()+": "+e.Text, ": "))
	}
	switch {
	case w.ended < w.runs:
	case w.env.Context.Err() != nil:
		w.sweep.Finish("stopped; --resume continues")
	default:
		w.sweep.Finish(count(w.runs, "run"))
	}
}
