// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"encoding/json"
	"path/filepath"
	"sync"

	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/trainer"
)

// Summary is summary.json: what came out of a run, by network.
type Summary map[string]*Entry

// Entry is what came out of one network. Losses are of the validation samples,
// the constant's of predicting the mean of the training targets for each.
type Entry struct {
	Model        string             `json:"model"`
	Samples      int                `json:"samples"`
	TrainSamples int                `json:"train_samples"`
	ValSamples   int                `json:"val_samples"`
	Epochs       int                `json:"epochs"`     // done
	BestEpoch    int                `json:"best_epoch"` // from 0, a position in history.json
	StopReason   trainer.StopReason `json:"stop_reason"`
	ValLoss      measure.Number     `json:"val_loss"` // of the best epoch
	ConstantLoss measure.Number     `json:"constant_loss"`
	Measures     measure.Measures   `json:"measures"`
	Constant     measure.Measures   `json:"constant"` // the same measures of the constant
	ONNX         ONNXCheck          `json:"onnx"`
	Seconds      Seconds            `json:"seconds"`
	Resumed      bool               `json:"resumed"`
	Files        map[string]string  `json:"files"`   // from the run's folder
	Skipped      []data.Skip        `json:"skipped"` // files that were left out, and why
}

// ONNXCheck tells how far ONNX Runtime is from libtorch, at most.
type ONNXCheck struct {
	MaxAbsDiff measure.Number `json:"max_abs_diff"`
	Batches    []int          `json:"batches"` // sizes that were compared
}

// Seconds tells what took how long.
type Seconds struct {
	Read   float64 `json:"read"`
	Train  float64 `json:"train"`
	Export float64 `json:"export"`
}

// SummaryFile names a run's summary.
func SummaryFile(run string) string { return filepath.Join(run, "summary.json") }

// summaries is held while a summary is changed: networks are trained side by side.
var summaries sync.Mutex

// readableSummary says what keeps a run's summary.json from being added to.
func readableSummary(run string) error {
	_, err := readJSON(SummaryFile(run), &map[string]json.RawMessage{})
	return err
}

// removeFromSummary takes out the entry of a network that is trained anew: until
// it is done there is no result.
func removeFromSummary(run, network string) error {
	summaries.Lock()
	defer summaries.Unlock()
	s := map[string]json.RawMessage{}
	found, err := readJSON(SummaryFile(run), &s)
	if err != nil || !found || s[network] == nil {
		return err
	}
	delete(s, network)
	return writeJSON(SummaryFile(run), s)
}

// addToSummary puts an entry into a run's summary.json, beside those of other
// networks that were trained into it before.
func addToSummary(run, network string, e *Entry) error {
	summaries.Lock()
	defer summaries.Unlock()
	s := map[string]json.RawMessage{}
	if _, err := readJSON(SummaryFile(run), &s); err != nil {
		return err
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	s[network] = text
	return writeJSON(SummaryFile(run), s)
}
