// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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

// Training is one network to train. [NewPlan] makes it.
type Training struct {
	Options
	Spec     models.Spec
	Settings Settings
	// Override continues a run with the learning rate and the weight decay of Settings
	// where it had others.
	Override bool

	variant string // which of the runs of a Sweep; empty outside of one
}

// VerifyResume trains the network without a break, and again with a break after
// each of the batches stopAt, and compares; see [trainer.VerifyResume]. Nothing
// but temporary files is written.
func (t Training) VerifyResume(ctx context.Context, stopAt []int) (trainer.ResumeReport, error) {
	s := &session{Training: t}
	err := s.read(ctx)
	if err == nil {
		err = s.place()
	}
	if err != nil {
		return trainer.ResumeReport{}, err
	}
	defer s.close()
	s.event(Waiting, "")
	report, err := trainer.VerifyResume(ctx, func() (trainer.Run, error) {
		if err := s.make(); err != nil {
			return trainer.Run{}, err
		}
		return s.run(), nil
	}, stopAt)
	if err != nil {
		return report, fmt.Errorf("%s: %w", s.Spec.Name, err)
	}
	return report, nil
}

func (t Training) folder() folder { return newFolder(t.Out, t.Spec.Name) }

// name tells the training from the others of its plan.
func (t Training) name() string { return strings.TrimSpace(t.Spec.Name + " " + t.variant) }

func (t Training) notice(text string) { t.event(Notice, text) }

// event reports something about the training.
func (t Training) event(stage Stage, text string) { t.report(Event{Stage: stage, Text: text}) }

func (t Training) report(e Event) {
	e.Network, e.Run = t.Spec.Name, t.variant
	t.Options.report(e)
}

// session is a network in training with its data. It passes read and result.
type session struct {
	Training
	config    Config
	all       *data.Samples
	split     split
	model     nn.Module
	adam      *optim.Adam
	train     *data.Set
	val       *data.Set
	history   *trainer.History
	entry     Entry
	continues bool // from a checkpoint
}

// close frees the samples and the weights.
func (s *session) close() {
	for _, set := range []*data.Set{s.train, s.val} {
		if set != nil {
			set.Close()
		}
	}
	if s.model != nil {
		free(s.model)
	}
	s.all, s.split = nil, split{} // sessions of the plan may be many
}

// announce writes down what is about to be done, so that a run that is cut off
// before its first checkpoint can be continued by its folder alone. What a folder
// holds of an earlier run is left alone until the data has been read.
func (t Training) announce() error {
	if !t.leads() {
		return nil
	}
	if err := os.MkdirAll(string(t.folder()), 0o777); err != nil {
		return err
	}
	if err := checkSummary(t.Out, t.notice); err != nil {
		return err // better now than after training
	}
	if t.folder().hasCheckpoint() || t.folder().finished() {
		return nil
	}
	return t.planned().write(t.folder())
}

// readTogether reads the data folder, on each machine in one process before the others, and
// makes sure that all have read the same.
func (s *session) readTogether(w *processes) error {
	if w.Group == nil {
		return s.read(w.own)
	}
	var told []string
	for _, turn := range []bool{w.LocalRank <= 0 || s.Cache == nil, true} {
		var err error
		if told, err = w.share(s.Spec.Name, func(ctx context.Context) (string, error) {
			if turn && s.all == nil {
				if err := s.read(ctx); err != nil {
					if _, absent := os.Stat(s.Data); absent != nil {
						err = fmt.Errorf("%s: %w; name this machine's folder with Options.Data", s.Spec.Name, absent)
					}
					return "", err
				}
			}
			if s.all == nil {
				return "", nil
			}
			return fmt.Sprintf("%d samples with the fingerprint %.12s", s.all.Len(), s.all.Fingerprint()), nil
		}); err != nil {
			return err
		}
	}
	other := slices.IndexFunc(told, func(text string) bool { return text != told[0] })
	if other < 0 {
		return nil
	}
	lists, err := w.share(s.Spec.Name, func(context.Context) (string, error) {
		if w.Rank != 0 && w.Rank != other {
			return "", nil
		}
		text, err := json.Marshal(sampleList{Train: identify(s.all)})
		return string(text), err
	})
	var first, found sampleList
	if err == nil {
		err = cmp.Or(json.Unmarshal([]byte(lists[0]), &first), json.Unmarshal([]byte(lists[other]), &found))
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: rank %d has read %s, and rank 0 %s: %s: give all machines the same files, or a cache on a network folder that they share",
		s.Spec.Name, other, told[other], told[0], cmp.Or(found.changesSince(first), "the same in another order, or in other groups"))
}

// read reads the data folder.
func (s *session) read(ctx context.Context) (err error) {
	started := time.Now()
	progress := func(done, total int, _ string) {
		s.Options.report(Event{Network: s.Spec.Name, Stage: Reading, Done: done, Total: total})
	}
	s.all, err = s.Spec.Source.Samples(ctx, s.Data, dataset.Options{Progress: progress, Cache: s.Cache})
	if err != nil {
		s.Options.event(s.Spec.Name, Read, "")
		return err
	}
	s.entry.Seconds.Read = time.Since(started).Seconds()
	s.Options.event(s.Spec.Name, Read, fmt.Sprintf("%d samples in %d groups", s.all.Len(), groups(s.all)))
	for _, line := range Remarks(s.all.Skipped, s.all.Notes) {
		s.Options.event(s.Spec.Name, Notice, line)
	}
	return nil
}

// place splits the samples and puts them on the device.
func (s *session) place() error {
	s.continues = s.ResumeFrom != "" || s.Resume && s.folder().hasCheckpoint()
	train, val, err := data.Split(s.all.Groups, s.Settings.ValSplit, s.Settings.Seed)
	if err == nil {
		s.split = split{s.all, s.all.Select(train), s.all.Select(val)}
		s.config = s.newConfig(s.split)
		err = torch.Try(func() {
			s.train, s.val = s.split.train.Tensors(s.Device), s.split.val.Tensors(s.Device)
		})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.Spec.Name, err)
	}
	return nil
}

// kept reports whether a run of a sweep has ended with these settings and samples.
func (s *session) kept() bool {
	var r Result
	found, err := readJSON(s.folder().file(summaryFile), &r)
	if !found || err != nil || !s.Resume || s.variant == "" {
		return false
	}
	was, err := loadConfig(s.folder())
	h, broken := trainer.LoadHistory(s.folder().file(trainer.HistoryFile))
	return err == nil && was != nil && was.Settings == s.Settings && was.Data.Fingerprint == s.all.Fingerprint() &&
		broken == nil && h.StopReason == r.StopReason && h.Len() == r.Epochs
}

// Remarks returns lines for people: the first twenty files that were skipped with the
// reasons, and the number of remarks on files that were read.
func Remarks(skipped []data.Skip, notes []string) []string {
	const most = 20
	var lines []string
	for _, s := range skipped[:min(most, len(skipped))] {
		lines = append(lines, fmt.Sprintf("left out: %s: %s", s.Name, s.Reason))
	}
	if more := len(skipped) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("left out: %d more", more))
	}
	switch n := len(notes); {
	case n == 1:
		lines = append(lines, "1 remark on the data: "+notes[0])
	case n > 1:
		lines = append(lines, fmt.Sprintf("%d remarks on the data (dataset.Validate lists them), the first: %s", n, notes[0]))
	}
	return lines
}

// make makes the network and its optimizer, the same ones each time.
func (s *session) make() error {
	var loaded error
	err := torch.Try(func() {
		torch.ManualSeed(s.Settings.Seed)
		s.model = s.Spec.New(s.Device) // with PyTorch's initial values, which are drawn on the CPU
		if s.Init != "" && !s.continues {
			loaded = s.initialise()
		}
		settings := optim.DefaultAdam()
		settings.LR, settings.WeightDecay = s.Settings.LR, s.Settings.WeightDecay
		s.adam = optim.NewAdam(nn.Parameters(s.model), settings)
	})
	if err = errors.Join(err, loaded); err != nil {
		return fmt.Errorf("%s: %w", s.Spec.Name, err)
	}
	return nil
}

// initialise gives the network the weights of Init.
func (s *session) initialise() error {
	found, note, err := loadWeights(s.Init, s.Spec.Name)
	if err != nil {
		return err
	}
	if note == "" {
		note = fmt.Sprintf("training starts from the weights in %s", s.Init)
	}
	s.notice(note)
	return nn.LoadStateDict(s.model, found.State)
}

// run returns the training itself.
func (s *session) run() trainer.Run {
	set := s.Settings
	return trainer.Run{
		Model: s.model, Loss: s.Spec.Loss, Optimizer: s.adam, Train: s.train, Val: s.val,
		Epochs: set.Epochs, BatchSize: set.BatchSize, Seed: set.Seed,
		Stop: &trainer.EarlyStopping{Patience: set.Patience, MinDelta: set.MinDelta, Relative: set.MinDeltaRelative}, Threads: s.Threads, KeepBest: set.KeepBest,
		Eager: s.Eager, MustRecord: s.MustRecord,
		Group: s.Group, Control: s.Control, OnNotice: s.notice,
		OnEpoch: func(e trainer.Epoch) error {
			s.report(Event{
				Stage: Fitting, Done: e.Index + 1, Total: set.Epochs, Epoch: e,
				Text: fmt.Sprintf("validation %.5f, loss %.5f", e.ValLoss, e.TrainLoss),
			})
			return nil
		},
	}
}

// fit trains. An interrupted training is a [trainer.ErrInterrupted]; it leaves
// last.pt.
func (s *session) fit(ctx context.Context) error {
	defer s.train.Close()
	s.report(Event{Stage: Fitting, Total: s.Settings.Epochs})
	started := time.Now()
	run := s.run()
	if !s.continues {
		// Not before the folder is this run's: another may be saving to it.
		run.OnStart, run.Replace = s.startAnew, s.Force
	}
	run.Save, run.Resume, run.ResumeFrom, run.Override = string(s.folder()), s.Resume, s.ResumeFrom, s.Override
	history, err := run.Fit(ctx)
	if s.continues && s.leads() && (err == nil || errors.Is(err, trainer.ErrInterrupted)) {
		// Not before: a run that cannot be continued keeps its own.
		err = errors.Join(err, s.describe())
	}
	text := ""
	switch {
	case err == nil: // of the whole run, also where a part of it was trained before
		text = fmt.Sprintf("%d epochs, best validation loss %.5f", history.Len(), history.Best().Watched())
	case saved(err):
		text = "saved; Options.Resume continues"
	}
	s.event(Fitted, text)
	if err != nil {
		return err
	}
	s.history, s.entry.Seconds.Train = history, time.Since(started).Seconds()
	return nil
}

// saved reports whether a training was interrupted and saved, which needs no further
// words.
func saved(err error) bool {
	_, failed := errors.AsType[*trainer.SaveError](err)
	return errors.Is(err, trainer.ErrInterrupted) && !failed
}

// startAnew takes an earlier run's place.
func (s *session) startAnew() error {
	folder := s.folder()
	if folder.hasCheckpoint() {
		s.notice(fmt.Sprintf("the earlier run in %s is replaced (Options.Resume would have continued it)", folder))
	}
	return errors.Join(clear(folder), removeFromSummary(s.Out, s.Spec.Name), s.describe())
}

// describe writes down how, and on what, the network is trained.
func (s *session) describe() error {
	return errors.Join(s.config.write(s.folder()), writeJSON(s.folder().file(samplesFile), s.split.list()))
}

// finish measures and exports the trained network, and adds it to the run's
// summary.json.
func (s *session) finish() (*Entry, error) {
	defer s.val.Close()
	best, d, e := s.history.Best(), s.config.Data, &s.entry
	e.Model, e.Resumed = s.Spec.Title, s.continues
	e.Samples, e.TrainSamples, e.ValSamples = d.Samples, d.Train, d.Val
	e.Skipped, e.Files = d.Skipped, s.files()
	e.Epochs, e.BestEpoch, e.StopReason = s.history.Len(), best.Index, s.history.StopReason
	e.ValLoss = measure.Number(best.Watched())

	m, err := measureOn(s.Spec, s.model, s.val, s.split.val, d.Constant)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Spec.Name, err)
	}
	e.Measures, e.Constant, e.ConstantLoss = m.Measures, m.Constant, measure.Number(m.constantLoss)
	e.BeatsConstant = e.ValLoss < e.ConstantLoss
	e.Headlines = headlines(s.Spec, m.Report)

	started := time.Now()
	trained := Model{Spec: s.Spec, Run: s.config.identity(best.Index), module: s.model}
	if e.ONNX, err = trained.Export(s.folder().file(onnxFile), ExportOptions{}); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Spec.Name, err)
	}
	e.Seconds.Export = time.Since(started).Seconds()
	e.SHA256 = map[string]string{}
	for _, name := range []string{trainer.ModelFile, onnxFile} {
		if e.SHA256[name], err = hashFile(s.folder().file(name)); err != nil {
			return nil, err
		}
	}
	return e, addToSummary(s.Out, s.Spec.Name, e)
}

// planned describes what is to be trained, before the data is read.
func (t Training) planned() Config {
	none := &data.Samples{}
	return t.newConfig(split{none, none, none})
}

func (t Training) newConfig(s split) Config {
	root, err := filepath.Abs(t.Data)
	if err != nil {
		root = t.Data
	}
	gpu := ""
	if t.Device.Type == torch.DeviceCUDA {
		gpu = trainer.Processor(t.Device)
	}
	processes := 0
	if t.Group != nil && t.Group.Size > 1 {
		processes = t.Group.Size
	}
	return Config{
		Network: t.Spec.Name, Model: t.Spec.Title, Settings: t.Settings, Init: t.Init,
		Data: DataInfo{
			Root: root, Fingerprint: s.all.Fingerprint(), Samples: s.all.Len(), Groups: groups(s.all),
			Train: s.train.Len(), Val: s.val.Len(), Skipped: orEmpty(s.all.Skipped), Notes: orEmpty(s.all.Notes),
			Constant: measure.Mean(s.train.Y, t.Spec.Out),
		},
		Device: t.Device.String(), GPU: gpu, Threads: cmp.Or(t.Threads, torch.NumThreads()), Processes: processes,
		Precision: torch.GetFloat32MatmulPrecision(), Deterministic: torch.AreDeterministicAlgorithmsEnabled(),
		Versions: Versions{
			Etude: Version(), Libtorch: torch.Version(), ONNXRuntime: onnxRuntimeVersion(), Go: runtime.Version(), Features: dataset.FeatureVersions(),
		},
	}
}

// clear removes files of an earlier run that the trainer does not know: they would pass
// for this run's.
func clear(f folder) error {
	for _, file := range []string{f.file(onnxFile), f.file(summaryFile)} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// files names what a run left, from its folder.
func (s *session) files() map[string]string {
	list := map[string]string{
		"model": trainer.ModelFile, "best": trainer.BestFile, "last": trainer.LastFile, "history": trainer.HistoryFile,
		"onnx": onnxFile, "config": configFile, "samples": samplesFile,
	}
	for name, file := range list {
		list[name] = path.Join(s.Spec.Name, file)
	}
	return list
}
