// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt"
)

// SaveError says that a run could not save, and what there is to go on from. A
// run whose save fails trains on, and tries again at the next one.
type SaveError struct {
	Folder string
	Good   []Saved // checkpoints in the folder that are whole
	Err    error
}

// Error names the files to go on from.
func (e *SaveError) Error() string {
	return fmt.Sprintf("trainer: cannot save to %s: %v; %s", e.Folder, e.Err, goodText(e.Good))
}

// Unwrap returns the cause.
func (e *SaveError) Unwrap() error { return e.Err }

// snapshot is what a save writes: a copy, taken at once, so that training goes on
// while it is written.
type snapshot struct {
	tree    *torch.Dict // tensors on the CPU, in no scope
	entry   entry
	best    bool    // best.pt too
	keep    int     // best-*.pt files
	rank    float64 // among them; NaN for an epoch that does not take part
	history []byte
	asked   string // the notice when it is written; "" for none
}

// outcome is what came of writing a snapshot.
type outcome struct {
	err     error
	notices []string
}

// save takes a snapshot and has it written: last.pt; best.pt for an epoch that is
// the best; a best-*.pt for one that is among the KeepBest best.
//
// last.pt is complete in itself: where its weights are not the best ones, it
// holds those as well. So it does not matter which of the files a crash leaves
// newer.
//
// The writing happens beside training, one snapshot at a time: training waits for
// the one before, and for the copy.
func (s *session) save(best bool, asked string) error {
	if s.folder == nil {
		return nil
	}
	s.settle()
	snap, err := s.snapshot(best)
	if err != nil {
		return err
	}
	snap.asked = asked
	done := make(chan outcome, 1)
	go func() {
		defer closeTensors(snap.tree)
		err := s.folder.write(snap)
		notices := s.folder.notices
		if s.folder.notices = nil; err != nil {
			err = &SaveError{s.Save, whole(s.Save), err}
		} else if snap.asked != "" {
			notices = append(notices, snap.asked)
		}
		done <- outcome{err, notices}
	}()
	s.saving = done
	return nil
}

// settle waits for the save in progress.
func (s *session) settle() {
	if s.saving != nil {
		s.saved(<-s.saving)
	}
}

// poll takes notice of a save that has ended.
func (s *session) poll() {
	select {
	case o := <-s.saving: // never, where there is none
		s.saved(o)
	default:
	}
}

func (s *session) saved(o outcome) {
	s.saving, s.unsaved = nil, o.err
	for _, text := range o.notices {
		s.notice("%s", text)
	}
	if o.err != nil {
		s.notice("%v. Training goes on; the next save may do better", o.err)
	}
}

func (s *session) notice(format string, args ...any) {
	if s.OnNotice != nil {
		s.OnNotice(fmt.Sprintf(format, args...))
	}
}

// snapshot copies everything that a run continues from.
func (s *session) snapshot(best bool) (*snapshot, error) {
	last := s.history.Epoch(s.history.Len() - 1)
	c := Checkpoint{Epoch: last.Index, Loss: last.Watched(), Metrics: map[string]float64{}}
	for name, x := range map[string]float64{
		"train_loss": last.TrainLoss, "val_loss": last.ValLoss, "train_acc": last.TrainAcc, "val_acc": last.ValAcc,
	} {
		if !math.IsNaN(x) {
			c.Metrics[name] = x
		}
	}
	snap := &snapshot{
		entry: entry{Epoch: last.Index, Step: s.step, Loss: pointer(last.Watched())},
		best:  best, keep: s.KeepBest, rank: math.NaN(),
	}
	if s.KeepBest > 0 && s.step == 0 && last.Index >= 0 {
		if snap.rank = last.Watched(); s.Rank != nil {
			snap.rank = s.Rank(last)
		}
	}
	var err error
	if snap.history, err = s.history.text(); err != nil {
		return nil, err
	}
	torch.Scope(func() {
		c.Extra = s.state()
		tree := checkpointDict(s.Model, s.Optimizer, c)
		torch.NoGrad(func() { snap.tree = copyTree(tree, map[*torch.Tensor]*torch.Tensor{}).(*torch.Dict) })
	})
	return snap, nil
}

// copyTree copies a tree; tensors to the CPU and out of every scope. One tensor at
// two places stays one.
func copyTree(v any, copies map[*torch.Tensor]*torch.Tensor) any {
	switch v := v.(type) {
	case *torch.Tensor:
		c := copies[v]
		if c == nil {
			torch.Unscoped(func() {
				if v.Device() == torch.CPU {
					c = v.Clone()
				} else {
					c = v.To(torch.CPU)
				}
			})
			copies[v] = c
		}
		return c
	case *torch.Dict:
		d := &torch.Dict{OrderedDict: v.OrderedDict}
		for key, x := range v.All() {
			d.Set(key, copyTree(x, copies))
		}
		return d
	case []any:
		l := make([]any, len(v))
		for i, x := range v {
			l[i] = copyTree(x, copies)
		}
		return l
	case torch.Tuple:
		return torch.Tuple(copyTree([]any(v), copies).([]any))
	}
	return v
}

// write puts a snapshot into the folder. All its files reach the disk before the
// first takes its name, and nothing is removed before the last has.
func (f *folder) write(snap *snapshot) error {
	last, err := f.draft("last.pt", snap.entry, func(w io.Writer) error { return pt.Write(w, snap.tree) })
	if err != nil {
		return err
	}
	drafts := []draft{last}
	copied := func(name string, e entry) {
		d, e2 := f.draft(name, e, func(w io.Writer) error {
			from, err := os.Open(f.in(last.temp()))
			if err != nil {
				return err
			}
			defer from.Close()
			_, err = io.Copy(w, from)
			return err
		})
		if err = errors.Join(err, e2); e2 == nil {
			drafts = append(drafts, d)
		}
	}
	if snap.best {
		copied("best.pt", snap.entry)
	}
	if isFinite(snap.rank) {
		if name := f.place(snap.keep, snap.entry.Epoch, snap.rank); name != "" {
			e := snap.entry
			e.Rank = &snap.rank
			copied(name, e)
		}
	}
	// Where there is room for last.pt alone, that is worth having.
	if e := f.publish(drafts); e != nil {
		return errors.Join(err, e)
	}
	if err != nil {
		return err
	}
	if isFinite(snap.rank) {
		if err := f.prune(snap.keep); err != nil {
			return err
		}
	}
	return writeFile(f.in("history.json"), snap.history)
}
