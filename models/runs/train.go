// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
)

// Training is a network's way from a data folder into a run folder. Its parts
// come one after another:
//
//	err := training.Announce()
//	prepared, err := training.Prepare(ctx)
//	err = prepared.Fit(ctx)
//	entry, err := prepared.Finish()
//
// Prepare draws the first weights from the one generator of the process, so
// networks are prepared one at a time; they may be fitted side by side.
type Training struct {
	Spec     models.Spec
	Settings Settings
	Data     string // folder of data
	Run      string // folder of the run
	Device   torch.Device
	Threads  int  // of an operator; 0 for the process's
	Resume   bool // continue from last.pt, where it is
	Force    bool // take the place of a run that has ended

	ResumeFrom string // continue from this checkpoint instead
	Init       string // start from the weights in this file; "" for PyTorch's initial values

	// NewLR and NewDecay, if set, replace what a continued run had.
	NewLR, NewDecay *float64

	Cache    *cache.Cache                       // of what files gave; or nil
	OnFile   func(done, total int, name string) // while reading
	OnEpoch  func(trainer.Epoch)
	OnNotice func(text string)
	Control  *trainer.Control // saves on request; or nil
}

// Prepared is a network before, and after, it is fitted to its samples.
type Prepared struct {
	Training
	Config Config

	folder    Folder
	split     split
	model     nn.Module
	adam      *optim.Adam
	train     *data.Set
	val       *data.Set
	history   *trainer.History
	entry     Entry
	continues bool // from a checkpoint
}

// Announce writes down what is about to be done, so that a run that is cut off
// before its first checkpoint can be taken up by its folder alone. What a folder
// holds of an earlier run is left alone until the data has been read.
func (t Training) Announce() error {
	folder := NewFolder(t.Run, t.Spec.Name)
	if err := os.MkdirAll(string(folder), 0o777); err != nil {
		return err
	}
	if err := checkSummary(t.Run, t.OnNotice); err != nil {
		return err // better now than after training
	}
	if folder.HasCheckpoint() || folder.Finished() {
		return nil
	}
	return t.config(split{&data.Samples{}, &data.Samples{}, &data.Samples{}}).write(folder)
}

// Prepare reads the data and makes the network.
func (t Training) Prepare(ctx context.Context) (*Prepared, error) {
	p := &Prepared{Training: t, folder: NewFolder(t.Run, t.Spec.Name)}
	p.continues = t.ResumeFrom != "" || t.Resume && p.folder.HasCheckpoint()
	started := time.Now()
	var err error
	if p.split, err = t.read(ctx); err != nil {
		return nil, err
	}
	p.entry.Seconds.Read = time.Since(started).Seconds()
	p.Config = t.config(p.split)
	if err := p.make(); err != nil {
		return nil, err
	}
	err = torch.Try(func() {
		p.train, p.val = p.split.train.Tensors(t.Device), p.split.val.Tensors(t.Device)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Spec.Name, err)
	}
	return p, nil
}

// make makes the network and its optimizer, the same ones each time.
func (p *Prepared) make() error {
	var loaded error
	err := torch.Try(func() {
		torch.ManualSeed(p.Settings.Seed)
		p.model = p.Spec.New(p.Device) // with PyTorch's initial weights, which are drawn on the CPU
		if p.Init != "" && !p.continues {
			loaded = p.initialise()
		}
		settings := optim.DefaultAdam()
		settings.LR, settings.WeightDecay = p.Settings.LR, p.Settings.WeightDecay
		p.adam = optim.NewAdam(nn.Parameters(p.model), settings)
	})
	if err = errors.Join(err, loaded); err != nil {
		return fmt.Errorf("%s: %w", p.Spec.Name, err)
	}
	return nil
}

// initialise gives the network the weights of Init.
func (p *Prepared) initialise() error {
	found, note, err := LoadWeights(p.Init, p.Spec.Name)
	if err != nil {
		return err
	}
	if note == "" {
		note = fmt.Sprintf("training starts from the weights in %s", p.Init)
	}
	if p.OnNotice != nil {
		p.OnNotice(note)
	}
	return nn.LoadStateDict(p.model, found.State)
}

// run is the training itself.
func (p *Prepared) run() trainer.Run {
	s := p.Settings
	return trainer.Run{
		Model: p.model, Loss: p.Spec.Loss, Optimizer: p.adam, Train: p.train, Val: p.val,
		Epochs: s.Epochs, BatchSize: s.BatchSize, Seed: s.Seed,
		Stop: &trainer.EarlyStopping{Patience: s.Patience, MinDelta: s.MinDelta, Relative: s.MinDeltaRelative}, Threads: p.Threads, KeepBest: s.KeepBest,
		Control: p.Control, OnNotice: p.OnNotice,
		OnEpoch: func(e trainer.Epoch) error {
			if p.OnEpoch != nil {
				p.OnEpoch(e)
			}
			return nil
		},
	}
}

// Fit trains. An interrupted training is a [trainer.ErrInterrupted]; it leaves
// last.pt.
func (p *Prepared) Fit(ctx context.Context) error {
	defer p.train.Close()
	started := time.Now()
	run := p.run()
	if !p.continues {
		// Not before the folder is this run's: another may be saving to it.
		run.OnStart, run.Replace = p.startAnew, p.Force
	}
	run.Save, run.Resume, run.ResumeFrom = string(p.folder), p.Resume, p.ResumeFrom
	run.Override = p.NewLR != nil || p.NewDecay != nil
	history, err := run.Fit(ctx)
	if p.continues && (err == nil || errors.Is(err, trainer.ErrInterrupted)) {
		// Not before: a run that cannot be continued keeps its own.
		err = errors.Join(err, p.describe())
	}
	if err != nil {
		return p.explain(err)
	}
	p.history, p.entry.Seconds.Train = history, time.Since(started).Seconds()
	return nil
}

// History is what the fitted network went through, the parts before a break included.
func (p *Prepared) History() *trainer.History { return p.history }

// startAnew takes an earlier run's place.
func (p *Prepared) startAnew() error {
	if p.folder.HasCheckpoint() && p.OnNotice != nil {
		p.OnNotice(fmt.Sprintf("the earlier run in %s is replaced (--resume would have continued it)", p.folder))
	}
	return errors.Join(clear(p.folder), removeFromSummary(p.Run, p.Spec.Name), p.describe())
}

// describe writes down how, and on what, the network is trained.
func (p *Prepared) describe() error {
	return errors.Join(p.Config.write(p.folder), writeJSON(p.folder.Samples(), p.split.list()))
}

// Finish measures and exports the fitted network, and adds it to the run's
// summary.json.
func (p *Prepared) Finish() (*Entry, error) {
	defer p.val.Close()
	best := p.history.Best()
	e := &p.entry
	e.Model, e.Resumed = p.Spec.Title, p.continues
	e.Samples, e.TrainSamples, e.ValSamples = p.Config.Data.Samples, p.Config.Data.Train, p.Config.Data.Val
	e.Skipped, e.Files = p.Config.Data.Skipped, p.files()
	e.Epochs, e.BestEpoch, e.StopReason = p.history.Len(), best.Index, p.history.StopReason
	e.ValLoss = measure.Number(best.Watched())

	m, err := measureOn(p.Spec, p.model, p.val, p.split.val, p.Config.Data.Constant)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Spec.Name, err)
	}
	e.Measures, e.Constant, e.ConstantLoss = m.Measures, m.Constant, measure.Number(m.constantLoss)
	e.BeatsConstant = e.ValLoss < e.ConstantLoss
	e.Headlines = headlines(p.Spec, m.Report)

	started := time.Now()
	e.ONNX, err = Export(p.folder.ONNX(), p.Spec, p.model, 0, &Identity{
		Settings: p.Settings, Fingerprint: p.Config.Data.Fingerprint, Versions: p.Config.Versions, BestEpoch: best.Index,
		Constant: p.Config.Data.Constant,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Spec.Name, err)
	}
	e.Seconds.Export = time.Since(started).Seconds()
	return e, addToSummary(p.Run, p.Spec.Name, e)
}

// split is a data folder read and divided.
type split struct{ all, train, val *data.Samples }

func (t Training) read(ctx context.Context) (s split, err error) {
	s.all, err = t.Spec.Source.Samples(ctx, t.Data, dataset.Options{Progress: t.OnFile, Cache: t.Cache})
	if err != nil {
		return s, err
	}
	train, val, err := data.Split(s.all.Groups, t.Settings.ValSplit, t.Settings.Seed)
	if err != nil {
		return s, fmt.Errorf("%s: %w", t.Spec.Name, err)
	}
	s.train, s.val = s.all.Select(train), s.all.Select(val)
	return s, nil
}

func (t Training) config(s split) Config {
	root, err := filepath.Abs(t.Data)
	if err != nil {
		root = t.Data
	}
	groups := map[string]bool{}
	for _, g := range s.all.Groups {
		groups[g] = true
	}
	threads := t.Threads
	if threads == 0 {
		threads = torch.NumThreads()
	}
	return Config{
		Network: t.Spec.Name, Model: t.Spec.Title, Settings: t.Settings, Init: t.Init,
		Data: DataInfo{
			Root: root, Fingerprint: s.all.Fingerprint(), Samples: s.all.Len(), Groups: len(groups),
			Train: s.train.Len(), Val: s.val.Len(), Skipped: orEmpty(s.all.Skipped), Notes: orEmpty(s.all.Notes),
			Constant: measure.Mean(s.train.Y, t.Spec.Out),
		},
		Device: t.Device.String(), GPU: gpuName(t.Device), Threads: threads,
		Precision: torch.GetFloat32MatmulPrecision(), Deterministic: torch.AreDeterministicAlgorithmsEnabled(),
		Versions: versions(torch.Version(), onnxRuntimeVersion()),
	}
}

// clear removes what an earlier run left beside what the trainer removes: its files
// would pass for this run's.
func clear(f Folder) error {
	for _, path := range []string{f.ONNX(), f.Entry()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// files names what a run left, from its folder.
func (p *Prepared) files() map[string]string {
	f, list := p.folder, map[string]string{}
	for name, path := range map[string]string{
		"model": f.Model(), "onnx": f.ONNX(), "best": f.Best(), "last": f.Last(), "history": f.History(), "config": f.Config(),
		"samples": f.Samples(),
	} {
		list[name] = filepath.ToSlash(filepath.Join(p.Spec.Name, filepath.Base(path)))
	}
	return list
}

// orEmpty makes a list [] in JSON, not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
