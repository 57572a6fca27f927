// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/scripts/internal/progress"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/trainer"
)

type trainCommand struct {
	Networks []string `arg:"" optional:"" name:"network" help:"Networks to train: emotion, melody, harmony, dynamics, groove, or all (all)."`

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
	if _, err := networks(c.Networks); err != nil {
		return err
	}
	if c.ResumeFrom != "" {
		if list, _ := networks(c.Networks); len(list) != 1 {
			return errors.New("--resume-from continues one network; name it")
		}
		c.Resume = true
	}
	if c.Init != "" {
		if list, _ := networks(c.Networks); len(list) != 1 {
			return errors.New("--init gives one network its weights; name it")
		}
		if c.Resume {
			return errors.New("--init starts a new run, and --resume continues one; give one of them")
		}
	}
	if c.Out == "" {
		return errors.New("--out is empty; name a folder")
	}
	if c.Force && c.Resume {
		return errors.New("--force begins anew and --resume continues; give one of them")
	}
	if c.Data == "" && !c.Resume {
		return errors.New("missing flag --data=DATA")
	}
	if c.Threads != nil && (*c.Threads < 1 || *c.Threads > torch.MaxThreads) {
		return fmt.Errorf("--threads is %d; it must be from 1 to %d", *c.Threads, torch.MaxThreads)
	}
	if err := c.deviceFlags.Validate(); err != nil {
		return err
	}
	return c.Overrides.Check()
}

// Run trains.
func (c *trainCommand) Run(env *Env) error {
	if err := isThere("--data", c.Data); err != nil {
		return err
	}
	summary, err := c.train(env)
	if len(summary) == 0 {
		return err
	}
	// What some networks came to is told though others failed.
	if c.JSON {
		return errors.Join(env.printJSON(summary), err)
	}
	printSummary(env.Stdout, summary)
	plain.Fprintf(env.Stdout, "\n")
	for _, line := range verdict(summary) {
		plain.Fprintf(env.Stdout, "%s\n", line)
	}
	plain.Fprintf(env.Stdout, "Everything is in %s.\n", c.Out)
	return err
}

// train prepares the networks, fits them side by side, and returns what came out
// of each. One that fails does not end the others.
func (c *trainCommand) train(env *Env) (runs.Summary, error) {
	specs, err := networks(c.Networks)
	if err != nil {
		return nil, usageError{err}
	}
	if err := c.checkFinished(specs); err != nil {
		return nil, err
	}
	if err := c.load(env); err != nil {
		return nil, err
	}
	c.settle()
	kept, done := c.open(env)
	defer done()
	failed := failures{of: len(specs)}
	trainings, err := c.trainings(env, specs, &failed)
	if err != nil {
		return nil, err
	}
	if c.Device == auto {
		env.sayDevices(trainings)
	}
	trainings = slices.DeleteFunc(trainings, func(t runs.Training) bool {
		err := t.Announce()
		if err != nil {
			failed.add(env, t.Spec.Name, fmt.Errorf("%s: %w", t.Spec.Name, named("--out", c.Out, err)))
		}
		return err != nil
	})
	var prepared []*runs.Prepared
	for _, t := range trainings {
		t.Cache = kept
		p, err := env.prepare(t)
		if env.Context.Err() != nil {
			return nil, context.Cause(env.Context)
		}
		if err != nil {
			failed.add(env, t.Spec.Name, err)
			continue
		}
		prepared = append(prepared, p)
	}
	summary := runs.Summary{}
	for i, err := range env.fit(prepared) {
		p := prepared[i]
		if err == nil {
			var entry *runs.Entry
			if entry, err = p.Finish(); err == nil {
				summary[p.Spec.Name] = entry
			}
		}
		if err != nil {
			failed.add(env, p.Spec.Name, err)
		}
	}
	return summary, failed.err()
}

// checkFinished refuses to take the place of finished runs, before anything is done.
func (c *trainCommand) checkFinished(specs []models.Spec) error {
	if c.Force || c.Resume {
		return nil
	}
	var finished []string
	for _, spec := range specs {
		if runs.NewFolder(c.Out, spec.Name).Finished() {
			finished = append(finished, spec.Name)
		}
	}
	if finished == nil {
		return nil
	}
	return fmt.Errorf("%s holds the finished training of %s: name another folder with --out, continue with --resume, or replace it with --force", c.Out, strings.Join(finished, ", "))
}

// failures are the networks that failed while others went on.
type failures struct {
	of    int // networks in all
	names []string
	errs  []error
}

// add says at once what went wrong, as the others may take long.
func (f *failures) add(env *Env, network string, err error) {
	if f.of > 1 && !saved(err) {
		env.say("%v", sentence(err))
		env.sayRights(err)
	}
	f.names, f.errs = append(f.names, network), append(f.errs, err)
}

// err is the failure of all together, nil if there is none.
func (f *failures) err() error {
	switch {
	case f.errs == nil:
		return nil
	case f.of == 1:
		return f.errs[0]
	}
	return fmt.Errorf("%d of %d networks failed: %s", len(f.names), f.of, strings.Join(f.names, ", "))
}

// trainings puts together what is asked for. Where nobody named the networks,
// those that have no folder of data, or no run to continue, are passed over as
// long as others have one.
func (c *trainCommand) trainings(env *Env, specs []models.Spec, failed *failures) ([]runs.Training, error) {
	var (
		trainings, without []runs.Training
		notices            []string
		first              error
	)
	for _, spec := range specs {
		t, err := c.training(env, spec)
		if err == nil && !t.Spec.Source.Present(t.Data) {
			if err := checkFolder("--data", t.Data); err != nil {
				if c.Data == "" { // the run may come from another machine
					err = fmt.Errorf("%w; %s was begun with that folder: name the one of now with --data", err, runs.NewFolder(c.Out, spec.Name))
				}
				return nil, err
			}
			without = append(without, t)
			err = noData{fmt.Errorf("%s has no folder for it", t.Data)}
		}
		_, absent := errors.AsType[noData](err)
		named := slices.Contains(c.Networks, spec.Name)
		switch {
		case err == nil, absent && named && t.Data != "": // reading it says what is missing
			trainings = append(trainings, t)
		case absent && !named:
			notices = append(notices, fmt.Sprintf("%s: passed over: %v", spec.Name, err))
			first = cmp.Or(first, err)
		case isUsage(err):
			return nil, err
		default:
			failed.add(env, spec.Name, err)
		}
	}
	failed.of = len(trainings) + len(failed.names)
	if len(trainings)+len(failed.names) > 0 {
		for _, text := range notices {
			env.say("%s", text)
		}
		return trainings, nil
	}
	failed.of = len(without)
	if len(without) > 0 { // reading them says what each is missing
		return without, nil
	}
	return nil, first
}

func isUsage(err error) bool {
	_, ok := errors.AsType[usageError](err)
	return ok
}

// noData says that a network has nothing to be trained on.
type noData struct{ error }

func (e noData) Unwrap() error { return e.error }

// training puts together what is asked for and, when it continues a run, what
// that run was.
func (c *trainCommand) training(env *Env, spec models.Spec) (runs.Training, error) {
	t := runs.Training{
		Spec: spec, Settings: runs.Defaults(spec), Data: c.Data, Run: c.Out, Threads: 1,
		Resume: c.Resume, ResumeFrom: c.ResumeFrom, Force: c.Force, Init: c.Init, NewLR: c.LR, NewDecay: c.WeightDecay, Control: env.Control,
		OnNotice: func(text string) { env.say("%s: %s", spec.Name, text) },
	}
	folder := runs.NewFolder(c.Out, spec.Name)
	earlier, err := runs.LoadConfig(folder)
	if err != nil && c.Resume {
		return t, err
	}
	checkpoint := folder.HasCheckpoint()
	device := c.Device
	switch {
	case c.Resume && earlier != nil:
		t.Settings, t.Threads, t.Init = earlier.Settings, max(earlier.Threads, 1), earlier.Init
		if device == auto && canUse(earlier.Device) {
			device = earlier.Device
		}
		deviceFlags{TF32: earlier.Precision == torch.PrecisionHigh, Deterministic: earlier.Deterministic}.settle()
		if t.Data == "" {
			t.Data = earlier.Data.Root
		}
	case c.Resume && t.Data == "":
		return t, noData{usagef("train: %s: holds no run to continue; name the data with --data", folder)}
	}
	if c.Resume && !checkpoint && c.ResumeFrom == "" {
		env.say("%s: no checkpoint in %s yet: training starts anew", spec.Name, folder)
	}
	t.Settings = c.Overrides.Apply(t.Settings)
	if c.Threads != nil {
		t.Threads = *c.Threads
	}
	t.Device, err = env.device(device)
	return t, err
}

// sayDevices tells where the networks are trained: in one line, as they are nearly
// always on one device.
func (e *Env) sayDevices(trainings []runs.Training) {
	var said []torch.Device
	for _, t := range trainings {
		if !slices.Contains(said, t.Device) {
			said = append(said, t.Device)
			e.sayDevice(t.Device)
		}
	}
}

// canUse reports whether a device that a run was on is here too.
func canUse(name string) bool {
	if (deviceFlags{Device: name}).Validate() != nil {
		return false
	}
	device, err := torch.ParseDevice(name)
	return err == nil && torch.CheckDevice(device) == nil
}

// prepare shows the reading of a network's data, and lists what was left out.
func (e *Env) prepare(t runs.Training) (*runs.Prepared, error) {
	files := fileProgress{env: e, title: t.Spec.Name + ": reading"}
	defer files.finish("")
	t.OnFile = files.set
	p, err := t.Prepare(e.Context)
	if err != nil {
		return nil, err
	}
	files.finish(fmt.Sprintf("%d samples in %d groups", p.Config.Data.Samples, p.Config.Data.Groups))
	e.sayLeftOut(t.Spec.Name, p.Config.Data.Skipped)
	e.sayRemarks(t.Spec.Name, p.Config.Data.Notes)
	return p, nil
}

// fit fits networks side by side, as many at a time as there are cores for their
// threads, and returns each one's error.
func (e *Env) fit(prepared []*runs.Prepared) []error {
	failed := make([]error, len(prepared))
	jobs := make([]*progress.Job, len(prepared))
	for i, p := range prepared {
		jobs[i] = e.lines.Queue(p.Spec.Name+": training", progress.Epochs, int64(p.Settings.Epochs))
	}
	var wg sync.WaitGroup
	threads := 1
	for _, p := range prepared {
		threads = max(threads, p.Threads)
	}
	cores := make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/threads))
	for i, p := range prepared {
		// In their order. An interrupt reaches those that wait too: each says where
		// it stands.
		cores <- struct{}{}
		wg.Go(func() {
			defer func() { <-cores }()
			failed[i] = fit(e.Context, p, jobs[i])
		})
	}
	wg.Wait()
	return failed
}

// fit fits one network and shows how far it is.
func fit(ctx context.Context, p *runs.Prepared, job *progress.Job) error {
	job.Begin()
	p.OnEpoch = func(epoch trainer.Epoch) {
		job.Set(int64(epoch.Index+1), fmt.Sprintf("validation %.5f, loss %.5f", epoch.ValLoss, epoch.TrainLoss))
	}
	err := p.Fit(ctx)
	switch {
	case err == nil: // of the whole run, also where a part of it was trained before
		h := p.History()
		job.Finish(fmt.Sprintf("%d epochs, best validation loss %.5f", h.Len(), h.Best().Watched()))
	case saved(err):
		job.Finish("saved; --resume continues")
	default:
		job.Finish("")
	}
	return err
}

// saved reports whether a training was interrupted and saved. Its line says so already.
func saved(err error) bool {
	_, failed := errors.AsType[*trainer.SaveError](err)
	return errors.Is(err, trainer.ErrInterrupted) && !failed
}

// sayLeftOut lists what was left out, at most some of it on the terminal.
func (e *Env) sayLeftOut(network string, skipped []data.Skip) {
	const most = 20
	for i, s := range skipped {
		if i == most {
			e.say("%s: left out: %d more", network, len(skipped)-most)
			break
		}
		e.say("%s: left out: %s: %s", network, s.Name, s.Reason)
	}
}

// sayRemarks counts, in one line, what was wrong with data that was read all the
// same.
func (e *Env) sayRemarks(network string, notes []string) {
	switch n := len(notes); {
	case n == 1:
		e.say("%s: 1 remark on the data: %s", network, notes[0])
	case n > 1:
		e.say("%s: %d remarks on the data (etude validate lists them), the first: %s", network, n, notes[0])
	}
}
