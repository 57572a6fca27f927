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
func (f Folder) Entry() string   { return filepath.Join(string(f), "summary.json") }

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
