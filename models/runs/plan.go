// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package runs trains networks on a data folder into a run folder, and measures,
// exports and continues what it trained. The command etude is made of it, and a Go
// program can do the same:
//
//	plan, err := runs.NewPlan(runs.Options{Data: "music", Out: "runs/first"}, runs.Overrides{}, "all")
//	if err != nil {
//		return err
//	}
//	summary, err := plan.Run(ctx)
//
// A [Plan] holds a [Training] for each network, which may be changed before it runs,
// for instance to place networks on several devices. [OpenModel] loads what came out,
// to let it answer for files ([Model.Predict]), to measure it on other data, or to export it
// again.
//
// A run folder holds
//
//	RUN/summary.json            what came out, an entry for each network
//	RUN/NETWORK/last.pt best.pt checkpoints
//	RUN/NETWORK/model.pt        the best weights
//	RUN/NETWORK/model.onnx      the same, checked
//	RUN/NETWORK/history.json    losses by epoch; history.png is their plot
//	RUN/NETWORK/config.json     every setting, versions, the data's fingerprint
//	RUN/NETWORK/samples.json    which samples it was trained and validated on
//	RUN/NETWORK/summary.json    its entry in RUN/summary.json, which can be built from these
package runs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/trainer"
)

// Plan lists the networks to train.
type Plan struct {
	Trainings []Training
	failed    []failure // networks that could not be planned
}

// failure is a network that failed while others went on.
type failure struct {
	Training
	err error
}

// ErrNoRun reports that a folder holds no run that Resume could continue, and that no
// data was named to begin one.
var ErrNoRun = errors.New("holds no run to continue")

// Select finds networks by their names, each once. "all", and no name at all, stand for
// all networks.
func Select(names ...string) ([]models.Spec, error) {
	if len(names) == 0 {
		return models.All(), nil
	}
	var list []models.Spec
	for _, name := range names {
		found := slices.DeleteFunc(models.All(), func(s models.Spec) bool { return s.Name != name && name != "all" })
		if len(found) == 0 {
			return nil, fmt.Errorf("network %q is not known; there are %s", name, strings.Join(models.Names(), ", "))
		}
		for _, spec := range found {
			if !slices.ContainsFunc(list, func(s models.Spec) bool { return s.Name == spec.Name }) {
				list = append(list, spec)
			}
		}
	}
	return list, nil
}

// CheckFinished refuses to replace finished runs of networks without Force. It needs no
// libtorch.
func (o Options) CheckFinished(networks ...string) error {
	specs, err := Select(networks...)
	if err != nil || o.Force || o.Resume || o.ResumeFrom != "" {
		return err
	}
	var finished []string
	for _, spec := range specs {
		if newFolder(o.Out, spec.Name).finished() {
			finished = append(finished, spec.Name)
		}
	}
	if finished == nil {
		return nil
	}
	return fmt.Errorf("%s holds the finished training of %s: name another folder with Options.Out, continue with Options.Resume, or replace it with Options.Force", o.Out, strings.Join(finished, ", "))
}

// NewPlan plans the training of networks, named as [Select] takes them: with settings of
// their own, or those of the run that is continued, but for the overridden ones. Networks
// that were not named, and that have no folder of data, or no run to continue, are passed
// over as long as others have one.
func NewPlan(o Options, settings Overrides, networks ...string) (*Plan, error) {
	if w := newProcesses(context.Background(), o.Group); w.Group != nil {
		return w.plan(o, settings, networks)
	}
	return newPlan(o, settings, networks...)
}

// plan lets rank 0 plan for all.
func (p *processes) plan(o Options, settings Overrides, networks []string) (*Plan, error) {
	asked, err := json.Marshal([]any{networks, settings})
	if err != nil {
		return nil, err
	}
	var plan *Plan
	texts, err := p.share("planning", func(context.Context) (string, error) {
		if !o.leads() {
			return string(asked), nil
		}
		_, err := os.Lstat(filepath.Join(o.Out, sweepFile))
		if err == nil && o.Resume {
			return "", fmt.Errorf("%s holds a sweep: one process continues it", o.Out)
		}
		if plan, err = newPlan(o, settings, networks...); err == nil && len(plan.Trainings) == 0 {
			err = plan.err(len(plan.failed))
		}
		if err != nil {
			return "", err
		}
		configs := []Config{}
		for _, t := range plan.Trainings {
			if t.Settings.BatchSize < p.Size {
				return "", fmt.Errorf("%s: Overrides.BatchSize is %d, and there are %d processes, each of which needs a sample of every batch", t.Spec.Name, t.Settings.BatchSize, p.Size)
			}
			configs = append(configs, t.planned())
		}
		told, err := json.Marshal(configs)
		return string(asked) + "\n" + string(told), err
	})
	if err != nil {
		if strings.Contains(err.Error(), ErrNoRun.Error()) { // of rank 0
			err = explained{err.Error(), ErrNoRun}
		}
		return nil, err
	}
	wanted, told, _ := strings.Cut(texts[0], "\n")
	for rank, text := range texts[1:] {
		if text != wanted {
			return nil, fmt.Errorf("rank %d was given other networks or settings than rank 0: %s, and not %s: give all processes the same", rank+1, text, wanted)
		}
	}
	if o.leads() {
		return plan, nil
	}
	var configs []Config
	err = json.Unmarshal([]byte(told), &configs)
	plan = &Plan{}
	for _, c := range configs {
		spec, unknown := models.ByName(c.Network)
		if err = cmp.Or(err, unknown); err == nil {
			t := Training{Options: o, Spec: spec, Settings: c.Settings, Override: settings.changeOptimizer()}
			t.Data, t.Threads = cmp.Or(o.Data, c.Data.Root), cmp.Or(o.Threads, c.Threads)
			t.Init = "" // the weights are those of rank 0
			c.settle()
			plan.Trainings = append(plan.Trainings, t)
		}
	}
	return plan, err
}

// changeOptimizer reports whether a run that is continued goes on with other settings of it.
func (o Overrides) changeOptimizer() bool { return o.LR != nil || o.WeightDecay != nil }

func newPlan(o Options, settings Overrides, networks ...string) (*Plan, error) {
	specs, err := Select(networks...)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(settings.Check(), o.CheckFinished(networks...)); err != nil {
		return nil, err
	}
	p := &Plan{}
	var without []Training // networks without data
	var passed []Event     // over
	for _, spec := range specs {
		t, err := o.training(spec, settings)
		if err == nil && !spec.Source.Present(t.Data) {
			if _, err := os.Stat(t.Data); err != nil {
				if o.Data == "" { // the run may come from another machine
					err = fmt.Errorf("%w; %s was begun with that folder: name the one of now with Options.Data", err, t.folder())
				} else {
					err = fmt.Errorf("Options.Data: %w", err)
				}
				return nil, err
			}
			without = append(without, t)
			err = noData{fmt.Errorf("%s has no folder for it", t.Data)}
		}
		_, absent := errors.AsType[noData](err)
		named := slices.Contains(networks, spec.Name)
		switch {
		case err == nil, absent && named && t.Data != "": // reading it reports what is missing
			p.Trainings = append(p.Trainings, t)
		case absent && !named:
			passed = append(passed, Event{Network: spec.Name, Text: fmt.Sprintf("passed over: %v", err), Err: err})
		case absent:
			return nil, err
		default:
			p.fail(t, err, len(specs))
		}
	}
	switch {
	case len(p.Trainings)+len(p.failed) > 0:
		for _, e := range passed {
			o.event(e.Network, Notice, e.Text)
		}
	case len(without) > 0: // reading them reports what each is missing
		p.Trainings = without
	default:
		return nil, passed[0].Err
	}
	return p, nil
}

// noData reports that a network has nothing to be trained on.
type noData struct{ error }

func (e noData) Unwrap() error { return e.error }

// training plans one network and, when it continues a run, takes over what that run was.
func (o Options) training(spec models.Spec, settings Overrides) (Training, error) {
	o.Resume = o.Resume || o.ResumeFrom != ""
	t := Training{Options: o, Spec: spec, Settings: Defaults(spec), Override: settings.changeOptimizer()}
	earlier, err := loadConfig(t.folder())
	if other, ok := o.others[spec.Name]; ok && err == nil && earlier == nil {
		earlier, err = loadConfig(other)
	}
	if err != nil && o.Resume {
		return t, err
	}
	switch {
	case o.Resume && earlier != nil:
		t.Settings, t.Init = earlier.Settings, earlier.Init
		t.Threads = cmp.Or(o.Threads, max(earlier.Threads, 1))
		t.Data = cmp.Or(o.Data, earlier.Data.Root)
		if device, err := torch.ParseDevice(earlier.Device); err == nil && o.SameDevice && canUse(device) {
			t.Device = device
		}
		earlier.settle()
	case o.Resume && o.Data == "":
		return t, noData{fmt.Errorf("%s: %w; name the data with Options.Data", t.folder(), ErrNoRun)}
	}
	if o.Resume && o.ResumeFrom == "" && !t.folder().hasCheckpoint() {
		o.event(spec.Name, Notice, fmt.Sprintf("no checkpoint in %s yet: training starts anew", t.folder()))
	}
	t.Settings = settings.Apply(t.Settings)
	t.Threads = cmp.Or(t.Threads, 1)
	return t, nil
}

// canUse reports whether a device that a run was on is here too.
func canUse(d torch.Device) bool {
	return (d.Type == torch.DeviceCPU || d.Type == torch.DeviceCUDA) && torch.CheckDevice(d) == nil
}

// fail notes that one of several networks failed, and reports it at once, because the
// others may take long.
func (p *Plan) fail(t Training, err error, of int) {
	if of > 1 && !saved(err) && !errors.Is(err, errLost) {
		t.report(Event{Stage: Failed, Err: err})
	}
	p.failed = append(p.failed, failure{t, err})
}

// Run reads the data of all networks, trains them side by side, as many at a time as
// there are cores for their threads, and measures and exports each. It returns what came
// out, also of those networks that succeeded while others failed. In a Group only rank 0
// has something to return.
//
// When ctx ends, what is in training is saved, and the error is [trainer.ErrInterrupted]
// or the context's cause; [Options.Resume] continues.
func (p *Plan) Run(ctx context.Context) (Summary, error) {
	summary := Summary{}
	err := p.run(ctx, func(t Training, e *Entry, err error) {
		if err == nil && e != nil {
			summary[t.Spec.Name] = e
		}
	})
	return summary, err
}

// run is Run. It calls done, by one goroutine at a time, with each training that has ended
// and its entry or error, and with a nil entry for one that is kept as it is.
func (p *Plan) run(ctx context.Context, done func(Training, *Entry, error)) error {
	var group *dist.Group
	if len(p.Trainings) > 0 {
		group = p.Trainings[0].Group
	}
	w := newProcesses(ctx, group)
	ended := Plan{failed: slices.Clone(p.failed)}
	of := len(p.Trainings) + len(p.failed)
	end := func(t Training, e *Entry, err error) {
		if err != nil {
			ended.fail(t, err, of)
		}
		done(t, e, err)
	}
	var sessions []*session
	for _, t := range p.Trainings {
		// The first run of a sweep says for all what they have in common; folders for
		// thousands take long.
		if t.variant != p.Trainings[0].variant {
			sessions = append(sessions, &session{Training: t})
			continue
		}
		if err := w.do(t.Spec.Name, func(context.Context) error { return t.announce() }); err != nil {
			end(t, nil, fmt.Errorf("%s: %w", t.Spec.Name, err))
		} else {
			sessions = append(sessions, &session{Training: t})
		}
	}
	type source struct{ network, data string }
	readers, errs, kept := map[source]*session{}, map[source]error{}, 0
	sessions = slices.DeleteFunc(sessions, func(s *session) bool {
		from := source{s.Spec.Name, s.Data}
		if readers[from] == nil {
			readers[from], errs[from] = s, s.readTogether(w)
		}
		s.all = readers[from].all
		switch {
		case w.ctx.Err() != nil:
		case errs[from] != nil && readers[from] == s:
			end(s.Training, nil, errs[from])
		case errs[from] != nil: // which was reported
			ended.failed = append(ended.failed, failure{s.Training, errs[from]})
			done(s.Training, nil, errs[from])
		case s.kept():
			kept++
			end(s.Training, nil, nil)
		default:
			return false
		}
		return true
	})
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	if kept > 0 {
		p.Trainings[0].Options.event(p.Trainings[0].Spec.Name, Notice, fmt.Sprintf("%d of %d runs have ended before and are kept", kept, of))
	}
	fitAll(w, sessions, end)
	place := map[string]int{} // what is trained side by side fails in any order
	for i, t := range p.Trainings {
		place[t.name()] = i
	}
	slices.SortStableFunc(ended.failed, func(a, b failure) int { return cmp.Compare(place[a.name()], place[b.name()]) })
	return ended.err(of)
}

// Run trains the network, measures and exports it, and returns its entry in the summary.
// To train several side by side, see [Plan.Run].
func (t Training) Run(ctx context.Context) (*Entry, error) {
	summary, err := (&Plan{Trainings: []Training{t}}).Run(ctx)
	return summary[t.Spec.Name], err
}

// mostNames limits the names of what failed in one line; each was reported before.
const mostNames = 20

// err returns the failure of all networks together, nil if there is none.
func (p *Plan) err(of int) error {
	switch {
	case p.failed == nil:
		return nil
	case of == 1:
		return p.failed[0].err
	}
	what, names, errs := "networks", []string{}, []error{}
	for _, f := range p.failed {
		names, errs = append(names, f.name()), append(errs, f.err)
		if f.variant != "" {
			what = "runs"
		}
	}
	if more := len(names) - mostNames; more > 0 {
		names = append(names[:mostNames], fmt.Sprintf("and %d more", more))
	}
	return explained{fmt.Sprintf("%d of %d %s failed: %s", len(errs), of, what, strings.Join(names, ", ")), errors.Join(errs...)}
}

// fitAll trains, measures and exports networks side by side, and calls done with each
// one's entry or error, by one goroutine at a time.
func fitAll(w *processes, sessions []*session, done func(Training, *Entry, error)) {
	jobs, threads := 0, 1
	for _, s := range sessions {
		s.report(Event{Stage: Waiting, Total: s.Settings.Epochs})
		jobs, threads = s.Jobs, max(threads, s.Threads)
	}
	if jobs = cmp.Or(jobs, max(1, runtime.GOMAXPROCS(0)/threads)); w.Group != nil {
		jobs = 1
	}
	var mu sync.Mutex
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(jobs, len(sessions)) {
		wg.Go(func() {
			runtime.LockOSThread() // libtorch keeps a pool of threads for each thread
			defer runtime.UnlockOSThread()
			// In their order. After an interrupt those that wait begin too, and report
			// where they stand; a sweep may have too many for that.
			for i := next.Add(1); i <= int64(len(sessions)); i = next.Add(1) {
				s := sessions[i-1]
				entry, err := s.result(w)
				mu.Lock()
				done(s.Training, entry, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// result trains, measures and exports the network. It draws from generators of its own, so
// that what is trained beside it, or was before, changes nothing.
func (s *session) result(w *processes) (entry *Entry, err error) {
	defer s.close()
	ctx := w.own
	if s.variant != "" && ctx.Err() != nil {
		s.event(Fitted, "")
		return nil, fmt.Errorf("%s: %w: %w", s.Spec.Name, trainer.ErrInterrupted, context.Cause(ctx))
	}
	torch.ForkRNG(func() {
		err = w.do(s.Spec.Name, func(context.Context) error {
			if err := s.place(); err != nil {
				return err
			}
			return s.make()
		})
		if err != nil {
			s.event(Fitted, "")
		} else if err = s.fit(ctx); err != nil {
			err = s.explain(err)
		}
	})
	if err != nil {
		return nil, err
	}
	err = w.do(s.Spec.Name, func(context.Context) (err error) {
		if s.leads() {
			entry, err = s.finish()
		}
		return err
	})
	return entry, err
}
