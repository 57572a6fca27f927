// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package runs makes run folders: it trains a network on a data folder, exports
// it, measures it, and writes down how.
//
//	RUN/summary.json            what came out, an entry a network
//	RUN/NETWORK/last.pt best.pt checkpoints
//	RUN/NETWORK/model.pt        the best weights
//	RUN/NETWORK/model.onnx      the same, checked
//	RUN/NETWORK/history.json    losses by epoch; history.png is their plot
//	RUN/NETWORK/config.json     every setting, versions, the data's fingerprint
//	RUN/NETWORK/samples.json    which samples it was trained and validated on
package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/torch/wholefile"
)

// Folder is the folder of one network in a run.
type Folder string

// NewFolder names the folder of a network in a run.
func NewFolder(run, network string) Folder { return Folder(filepath.Join(run, network)) }

// The files in it.
func (f Folder) Last() string    { return filepath.Join(string(f), "last.pt") }
func (f Folder) Best() string    { return filepath.Join(string(f), "best.pt") }
func (f Folder) Model() string   { return filepath.Join(string(f), "model.pt") }
func (f Folder) ONNX() string    { return filepath.Join(string(f), "model.onnx") }
func (f Folder) History() string { return filepath.Join(string(f), "history.json") }
func (f Folder) Config() string  { return filepath.Join(string(f), "config.json") }
func (f Folder) Samples() string { return filepath.Join(string(f), "samples.json") }

// readJSON reads a file into v; found is false where there is none.
func readJSON(path string, v any) (found bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w; move it away", err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return false, fmt.Errorf("%s: %w; remove the file or mend it", path, err)
	}
	return true, nil
}

// writeJSON replaces a file as a whole.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return wholefile.Write(path, append(text, '\n'))
}
