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
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
)

// Training is a network's way from a data folder into a run folder.
type Training struct {
	Spec     models.Spec
	Settings Settings
	Data     string // folder of data
	Run      string // folder of the run
	Device   torch.Device
	Threads  int  // of an operator; 0 for the process's
	Resume   bool // continue from last.pt, where it is

	// NewLR and NewDecay, if set, replace what a continued run had.
	NewLR, NewDecay *float64

	OnFile    func(done, total int, name string) // while reading
	OnSamples func(DataInfo)                     // when all is read
	OnEpoch   func(trainer.Epoch)
	OnExport  func()
}

// Do trains, exports, measures, and adds to the run's summary.json. An
// interrupted training is a [trainer.ErrInterrupted]; it leaves last.pt.
func (t Training) Do(ctx context.Context) (*Entry, error) {
	folder := NewFolder(t.Run, t.Spec.Name)
	if err := os.MkdirAll(string(folder), 0o777); err != nil {
		return nil, err
	}
	_, err := os.Stat(folder.Last())
	entry := &Entry{Model: t.Spec.Title, Resumed: t.Resume && err == nil}

	started := time.Now()
	samples, err := t.read(ctx)
	if err != nil {
		return nil, err
	}
	entry.Seconds.Read = time.Since(started).Seconds()
	entry.Samples, entry.TrainSamples, entry.ValSamples = samples.all.Len(), samples.train.Len(), samples.val.Len()
	entry.Skipped = orEmpty(samples.all.Skipped)
	config := t.config(samples)
	if !entry.Resumed {
		if err := clear(folder); err != nil {
			return nil, err
		}
	}
	if err := writeJSON(folder.Config(), config); err != nil {
		return nil, err
	}
	if t.OnSamples != nil {
		t.OnSamples(config.Data)
	}

	fitted, err := t.fit(ctx, folder, samples)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Spec.Name, err)
	}
	defer fitted.close()
	best, history := fitted.history.Best(), fitted.history
	entry.Epochs, entry.BestEpoch, entry.StopReason = history.Len(), best.Index, history.StopReason
	entry.ValLoss = measure.Number(best.Watched())
	entry.Seconds.Train = sum(history.EpochTimes)

	m, err := measureOn(t.Spec, fitted.model, fitted.val, samples.val, measure.Mean(samples.train.Y, t.Spec.Out))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Spec.Name, err)
	}
	entry.Measures, entry.Constant, entry.ConstantLoss = m.measures, m.constant, measure.Number(m.constantLoss)

	if t.OnExport != nil {
		t.OnExport()
	}
	started = time.Now()
	entry.ONNX, err = Export(folder.ONNX(), t.Spec, fitted.model, 0, &Identity{
		Settings: t.Settings, Fingerprint: config.Data.Fingerprint, Versions: config.Versions, BestEpoch: best.Index,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Spec.Name, err)
	}
	entry.Seconds.Export = time.Since(started).Seconds()
	entry.Files = t.files(folder)
	return entry, AddToSummary(t.Run, t.Spec.Name, entry)
}

// split is a data folder read and divided.
type split struct{ all, train, val *data.Samples }

func (t Training) read(ctx context.Context) (s split, err error) {
	s.all, err = t.Spec.Samples(ctx, t.Data, dataset.Options{Progress: t.OnFile})
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
		Network: t.Spec.Name, Model: t.Spec.Title, Settings: t.Settings,
		Data: DataInfo{
			Root: root, Fingerprint: s.all.Fingerprint(), Samples: s.all.Len(), Groups: len(groups),
			Train: s.train.Len(), Val: s.val.Len(), Skipped: orEmpty(s.all.Skipped), Notes: orEmpty(s.all.Notes),
		},
		Device: t.Device.String(), Threads: threads, Versions: versions(torch.Version(), onnxRuntimeVersion()),
	}
}

// fitted is a trained network, with what it is measured on.
type fitted struct {
	model   nn.Module
	val     *data.Set
	history *trainer.History
}

func (f *fitted) close() { f.val.Close() }

func (t Training) fit(ctx context.Context, folder Folder, s split) (f *fitted, err error) {
	f = &fitted{}
	var (
		adam  *optim.Adam
		train *data.Set
	)
	err = torch.Try(func() {
		// On the CPU first: a seed gives PyTorch's own initial weights there.
		torch.ManualSeed(t.Settings.Seed)
		f.model = t.Spec.New(torch.CPU)
		nn.To(f.model, t.Device)
		adam = optim.NewAdam(nn.Parameters(f.model), optim.AdamConfig{LR: t.Settings.LR, WeightDecay: t.Settings.WeightDecay})
		train, f.val = s.train.Tensors(t.Device), s.val.Tensors(t.Device)
	})
	if err != nil {
		return nil, err
	}
	defer train.Close()
	f.history, err = trainer.Run{
		Model: f.model, Loss: t.Spec.Loss, Optimizer: adam, Train: train, Val: f.val,
		Epochs: t.Settings.Epochs, BatchSize: t.Settings.BatchSize, Seed: t.Settings.Seed,
		Stop: t.Settings.stopping(), Save: string(folder), Resume: t.Resume, Threads: t.Threads,
		AroundStep: t.override(adam),
		OnEpoch: func(e trainer.Epoch) error {
			if t.OnEpoch != nil {
				t.OnEpoch(e)
			}
			return nil
		},
	}.Fit(ctx)
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// stopping turns zeros, which mean defaults to the trainer, into what they say.
func (s Settings) stopping() trainer.EarlyStopping {
	stop := trainer.EarlyStopping{Patience: s.Patience, MinDelta: s.MinDelta}
	if s.Patience == 0 {
		stop.Patience = 1 // no epoch without improvement is waited for: the same
	}
	if s.MinDelta == 0 {
		stop.MinDelta = trainer.None
	}
	return stop
}

// override sets what a checkpoint would bring back from the earlier run: nil
// where nothing is to be changed.
func (t Training) override(adam *optim.Adam) func(step func()) {
	if !t.Resume || t.NewLR == nil && t.NewDecay == nil {
		return nil
	}
	return func(step func()) {
		for _, group := range adam.Groups() {
			set(&group.LR, t.NewLR)
			set(&group.WeightDecay, t.NewDecay)
		}
		step()
	}
}

// clear removes what an earlier run left: its files would pass for this run's.
func clear(f Folder) error {
	for _, path := range []string{f.Last(), f.Best(), f.Model(), f.ONNX(), f.History()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// files names what a run left, from its folder.
func (t Training) files(f Folder) map[string]string {
	list := map[string]string{}
	for name, path := range map[string]string{
		"model": f.Model(), "onnx": f.ONNX(), "best": f.Best(), "last": f.Last(), "history": f.History(), "config": f.Config(),
	} {
		list[name] = filepath.ToSlash(filepath.Join(t.Spec.Name, filepath.Base(path)))
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

func sum(xs []float64) (total float64) {
	for _, x := range xs {
		total += x
	}
	return total
}
