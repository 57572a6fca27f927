// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/wholefile"
	"github.com/etude-ml/etude/trainer"
)

// Summary holds summary.json, the results of a run by network.
type Summary map[string]*Entry

// Entry holds the results of one network. Losses are of the validation samples; the
// constant's is the loss of predicting the mean of the training targets for each.
type Entry struct {
	Model        string `json:"model"`
	Samples      int    `json:"samples"`
	TrainSamples int    `json:"train_samples"`
	ValSamples   int    `json:"val_samples"`
	Result
	Measures measure.Measures  `json:"measures"`
	Constant measure.Measures  `json:"constant"` // the same measures of the constant
	ONNX     ONNXCheck         `json:"onnx"`
	Seconds  Seconds           `json:"seconds"`
	Resumed  bool              `json:"resumed"`
	Files    map[string]string `json:"files"` // from the run's folder
	// SHA256 has the hashes of model.pt and of model.onnx, which was made from it.
	SHA256  map[string]string `json:"sha256,omitempty"`
	Skipped []data.Skip       `json:"skipped"` // files that were skipped, and why
}

// Result holds the part of an [Entry] that a sweep compares.
type Result struct {
	Epochs       int                `json:"epochs"`     // done
	BestEpoch    int                `json:"best_epoch"` // from 0, a position in history.json
	StopReason   trainer.StopReason `json:"stop_reason"`
	ValLoss      measure.Number     `json:"val_loss"` // of the best epoch
	ConstantLoss measure.Number     `json:"constant_loss"`
	// BeatsConstant reports that the loss is below the constant's. A network of which it
	// is false has learned nothing.
	BeatsConstant bool                `json:"beats_constant"`
	Headlines     map[string]Headline `json:"headlines"` // the measures to look at first, by name
}

// Headline is a measure of a network beside that of the constant prediction.
type Headline struct {
	Value    measure.Number `json:"value"`
	Constant measure.Number `json:"constant"`
}

// headlines picks those that the network's row names.
func headlines(spec models.Spec, r *measure.Report) map[string]Headline {
	picked, constant := map[string]Headline{}, r.Constant.Rows()
	for i, row := range r.Measures.Rows() {
		if slices.Contains(spec.Headlines, row.Name) {
			picked[row.Name] = Headline{row.Value, constant[i].Value}
		}
	}
	return picked
}

// ONNXCheck holds the largest difference between ONNX Runtime and libtorch.
type ONNXCheck struct {
	MaxAbsDiff measure.Number `json:"max_abs_diff"`
	Batches    []int          `json:"batches"`         // sizes that were compared
	Saved      int            `json:"saved,omitempty"` // bytes that smaller weights save
}

// Seconds holds the time that each part took.
type Seconds struct {
	Read   float64 `json:"read"`
	Train  float64 `json:"train"`
	Export float64 `json:"export"`
}

// SummaryFile names a run's summary.
func SummaryFile(run string) string { return filepath.Join(run, summaryFile) }

// summaries is held by lockRun, for file systems without locks: networks are trained side by
// side.
var summaries sync.Mutex

// lockPatience limits the time to wait for another process that changes the summary.
const lockPatience = time.Minute

// lockRun locks the files that the networks of a run share, also for other processes that
// train into it, and removes what killed ones have left of them.
func lockRun(run string) (unlock func(), err error) {
	summaries.Lock()
	folder, err := os.Open(run)
	for started := time.Now(); err == nil && !wholefile.Lock(folder); time.Sleep(10 * time.Millisecond) {
		if time.Since(started) > lockPatience {
			err = fmt.Errorf("%s: another process has kept the folder locked for a minute; end that process and try again", run)
		}
	}
	if err == nil {
		err = wholefile.Sweep(run, summaryFile, sweepFile)
	}
	unlock = func() {
		folder.Close()
		summaries.Unlock()
	}
	if err != nil {
		unlock()
	}
	return unlock, err
}

// changeSummary changes the entries of a run's summary.json, which it locks. If the file is
// missing or damaged it is rebuilt from the networks' own entries, and notice,
// which may be nil, reports the damage. The file is not written if change returns
// false and it was whole.
func changeSummary(run string, notice func(string), change func(map[string]json.RawMessage) bool) error {
	unlock, err := lockRun(run)
	if err != nil {
		return err
	}
	defer unlock()
	path := SummaryFile(run)
	var s map[string]json.RawMessage
	found, err := readJSON(path, &s)
	damaged := errors.Is(err, errDamaged) || found && err == nil && !whole(s)
	if err != nil && !damaged {
		return err
	}
	if damaged || !found {
		if s, err = entries(run); err != nil {
			return err
		}
		if damaged && notice != nil {
			notice(fmt.Sprintf("%s was damaged and is built anew from the networks' folders, which have entries of %s; Options.Resume adds others without training them again",
				path, cmp.Or(strings.Join(slices.Sorted(maps.Keys(s)), ", "), "no network")))
		}
	}
	if !change(s) && !damaged {
		return nil
	}
	return writeJSON(path, s)
}

// whole reports whether a summary is an object of objects.
func whole(s map[string]json.RawMessage) bool {
	for _, entry := range s {
		var fields map[string]json.RawMessage
		if json.Unmarshal(entry, &fields) != nil || fields == nil {
			return false
		}
	}
	return s != nil
}

// entries reads the entries in the folders of a run's networks.
func entries(run string) (map[string]json.RawMessage, error) {
	list := map[string]json.RawMessage{}
	for _, network := range models.Names() {
		var entry json.RawMessage
		found, err := readJSON(newFolder(run, network).file(summaryFile), &entry)
		switch {
		case errors.Is(err, errDamaged), errors.Is(err, syscall.ENOTDIR): // as if it were missing
		case err != nil:
			return nil, err
		case found && whole(map[string]json.RawMessage{network: entry}):
			list[network] = entry
		}
	}
	return list, nil
}

// checkSummary reports what would keep an entry from being added to a run's summary.json.
func checkSummary(run string, notice func(string)) error {
	return changeSummary(run, notice, func(map[string]json.RawMessage) bool { return false })
}

// removeFromSummary removes the entry of a network that is trained again, which has no
// result until its training is done.
func removeFromSummary(run, network string) error {
	return changeSummary(run, nil, func(s map[string]json.RawMessage) bool {
		had := s[network] != nil
		delete(s, network)
		return had
	})
}

// addToSummary puts an entry into the network's folder and into the run's
// summary.json, beside those of other networks that were trained into it before.
func addToSummary(run, network string, e *Entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := writeJSON(newFolder(run, network).file(summaryFile), json.RawMessage(text)); err != nil {
		return err
	}
	return changeSummary(run, nil, func(s map[string]json.RawMessage) bool {
		s[network] = text
		return true
	})
}
