// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch/wholefile"
)

// The files that a run writes into its folder, [Run.Save]. Beside them are those that
// [Run.KeepBest] asks for, and the list that [ListCheckpoints] reads.
const (
	LastFile    = "last.pt"
	BestFile    = "best.pt"
	ModelFile   = "model.pt"
	HistoryFile = "history.json"
	PlotFile    = "history.png"
)

const (
	indexName    = "checkpoints.json"
	indexVersion = 1
)

// index is checkpoints.json: which checkpoints a run wrote into its folder, with
// the hash of each.
//
// It reaches the disk before a checkpoint takes its name, and holds the hash of
// the file that is being replaced as well. So at whatever instant a crash comes,
// each file is the new one or the one before, and which one is known.
type index struct {
	Version int              `json:"version"`
	Files   map[string]entry `json:"files"`
}

type entry struct {
	SHA256   string   `json:"sha256"`
	Bytes    int64    `json:"bytes"`
	Epoch    int      `json:"epoch"`          // the last finished one, from 0; -1 before any
	Step     int      `json:"step"`           // batches done in the epoch after it
	Loss     *float64 `json:"loss"`           // of that epoch
	Rank     *float64 `json:"rank,omitempty"` // of the best-*.pt files
	Previous *entry   `json:"previous,omitempty"`
}

// Saved is a checkpoint that a folder's checkpoints.json lists.
type Saved struct {
	Name   string    // of the file, inside the folder
	State  FileState // the other fields speak of the file if it is whole
	Epoch  int       // the last finished one, from 0; -1 before any
	Step   int       // batches done in the epoch after it
	Loss   float64   // of the finished epoch; NaN for none
	SHA256 string    // in hexadecimal
	Bytes  int64
}

// FileState is the state of a file on disk compared with what was written.
type FileState string

// The states of a file.
const (
	FileWhole   FileState = "whole"
	FileChanged FileState = "changed" // its content differs: it was damaged or replaced
	FileMissing FileState = "missing"
)

// String returns a text such as "last.pt (epoch 3, then 17 steps)".
func (s Saved) String() string {
	switch {
	case s.Epoch < 0:
		return fmt.Sprintf("%s (epoch 1 after %d steps)", s.Name, s.Step)
	case s.Step > 0:
		return fmt.Sprintf("%s (epoch %d, then %d steps)", s.Name, s.Epoch+1, s.Step)
	}
	return fmt.Sprintf("%s (epoch %d)", s.Name, s.Epoch+1)
}

// ListCheckpoints reads a folder's checkpoints.json and hashes each file that it
// names: last.pt first, then best.pt, then the others by name. A folder without
// that file has none.
func ListCheckpoints(folder string) ([]Saved, error) {
	x, err := readIndex(folder)
	if err != nil {
		return nil, err
	}
	var list []Saved
	for name := range x.Files {
		s, err := x.check(folder, name)
		if err != nil {
			return nil, fmt.Errorf("trainer: %w", err)
		}
		list = append(list, s)
	}
	first := []string{BestFile, LastFile}
	slices.SortFunc(list, func(a, b Saved) int {
		return cmp.Or(slices.Index(first, b.Name)-slices.Index(first, a.Name), strings.Compare(a.Name, b.Name))
	})
	return list, nil
}

// ErrChanged reports that a checkpoint's hash does not match checkpoints.json.
var ErrChanged = errors.New("the file has changed since it was written")

// verify compares a file with its entry in the index.
func verify(path string, e entry) error {
	hash, err := hashFile(path)
	if err != nil {
		return err
	}
	if e.of(hash) == nil {
		return fmt.Errorf("%w: its SHA-256 is %s…, %s says %s…; a file that was changed on purpose can be continued under another name",
			ErrChanged, hash[:12], indexName, e.SHA256[:min(12, len(e.SHA256))])
	}
	return nil
}

// whole returns the checkpoints in a folder that are as they were written.
func whole(folder string) []Saved {
	list, err := ListCheckpoints(folder)
	if err != nil {
		return nil // there is an error already that this would only add to
	}
	return slices.DeleteFunc(list, func(s Saved) bool { return s.State != FileWhole })
}

// Resumable reports whether a folder holds a checkpoint to continue from, or a damaged
// list of checkpoints or a missing last.pt, which [Run.Resume] explains.
func Resumable(folder string) bool {
	if _, err := os.Stat(filepath.Join(folder, LastFile)); err == nil {
		return true
	}
	_, err := readIndex(folder)
	return err != nil || len(whole(folder)) > 0
}

// goodText ends an error message with the checkpoints from which a run can continue.
func goodText(list []Saved) string {
	if len(list) == 0 {
		return "there is no other checkpoint to go on from"
	}
	var names []string
	for _, s := range list {
		names = append(names, s.String())
	}
	return "whole and good to go on from: " + strings.Join(names, ", ")
}

// readIndex reads a folder's index; without the file it is empty.
func readIndex(folder string) (index, error) {
	x := index{Version: indexVersion, Files: map[string]entry{}}
	path := filepath.Join(folder, indexName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return x, fmt.Errorf("trainer: %w", err)
	}
	var read index
	if err := json.Unmarshal(text, &read); err != nil {
		return x, fmt.Errorf("trainer: %s: %w", path, err)
	}
	if read.Version != indexVersion {
		return x, fmt.Errorf("trainer: %s: its version is %d, this program writes and reads %d", path, read.Version, indexVersion)
	}
	for name, e := range read.Files {
		if name != filepath.Base(name) || name == "." || name == ".." {
			return x, fmt.Errorf("trainer: %s: %q is not the name of a file in this folder", path, name)
		}
		x.Files[name] = e
	}
	return x, nil
}

func (x index) write(folder string) error {
	text, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return fmt.Errorf("trainer: %s: %w", indexName, err)
	}
	return writeFile(filepath.Join(folder, indexName), append(text, '\n'))
}

// check compares a file with its entry.
func (x index) check(folder, name string) (Saved, error) {
	e := x.Files[name]
	s := e.saved(name)
	hash, err := hashFile(filepath.Join(folder, name))
	now := e.of(hash)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.State = FileMissing
	case err != nil:
		return s, err
	case now == nil:
		s.State = FileChanged
	default:
		s = now.saved(name)
	}
	return s, nil
}

func (e entry) saved(name string) Saved {
	s := Saved{Name: name, State: FileWhole, Epoch: e.Epoch, Step: e.Step, Loss: math.NaN(), SHA256: e.SHA256, Bytes: e.Bytes}
	if e.Loss != nil {
		s.Loss = *e.Loss
	}
	return s
}

// of returns the entry of the file with a hash: e, or if a crash came before the new
// file got its name the one before; nil for another file.
func (e *entry) of(hash string) *entry {
	if e == nil || hash == e.SHA256 {
		return e
	}
	return e.Previous.of(hash)
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// newDraft is changed by tests that let a write fail.
var newDraft = wholefile.NewDraft

// writeFile gives a file its content as a whole.
func writeFile(path string, content []byte) error {
	d, err := newDraft(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err == nil {
		err = d.Publish()
	}
	if err != nil {
		return fmt.Errorf("trainer: %s: %w", path, err)
	}
	return nil
}
