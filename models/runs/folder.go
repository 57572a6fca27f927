// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/etude-ml/etude/torch/wholefile"
	"github.com/etude-ml/etude/trainer"
)

// folder is the path of one network's folder in a run.
type folder string

// newFolder returns the folder of a network in a run.
func newFolder(run, network string) folder { return folder(filepath.Join(run, network)) }

// The files in it beside those of the training itself, which the trainer names.
const (
	onnxFile    = "model.onnx"
	configFile  = "config.json"
	samplesFile = "samples.json"
	summaryFile = "summary.json"
	sweepFile   = "sweep.json" // in the folder of a sweep
)

// file returns the path of a file in the folder.
func (f folder) file(name string) string { return filepath.Join(string(f), name) }

// hasCheckpoint reports whether the folder has what a run can be continued from, or
// what Resume explains.
func (f folder) hasCheckpoint() bool { return trainer.Resumable(string(f)) }

// finished reports whether the folder holds the results of a training that has ended.
func (f folder) finished() bool { return trainer.Finished(string(f)) }

// errDamaged reports that a file is not the JSON that was written.
var errDamaged = errors.New("the file is damaged")

// readJSON reads a file into v; found is false where there is none.
func readJSON(path string, v any) (found bool, err error) {
	text, found, err := readFile(path)
	if err != nil || !found {
		return false, err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return false, fmt.Errorf("%s: %w (%w); restore it or remove it", path, errDamaged, err)
	}
	return true, nil
}

// readFile reads a regular file; found is false where there is none.
func readFile(path string) (text []byte, found bool, err error) {
	f, _, err := wholefile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err == nil {
		defer f.Close()
		text, err = io.ReadAll(f)
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w; move it away", path, err)
	}
	return text, true, nil
}

// writeJSON replaces a file as a whole.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return wholefile.Write(path, append(text, '\n'))
}

// orEmpty makes a list [] in JSON, not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
