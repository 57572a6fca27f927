// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt"
)

// SaveError reports that a run could not save, and from which checkpoints it can
// continue. A run whose save fails trains on, and tries again at the next one.
type SaveError struct {
	Folder string
	Good   []Saved // checkpoints in the folder that are whole
	Err    error
}

// Error names the files to continue from.
func (e *SaveError) Error() string {
	return fmt.Sprintf("trainer: cannot save to %s: %v; %s", e.Folder, e.Err, goodText(e.Good))
}

// Unwrap returns the cause.
func (e *SaveError) Unwrap() error { return e.Err }

// save takes a snapshot and has it written: last.pt; best.pt for an epoch that is
// the best; a best-*.pt for one that is among the KeepBest best. Unless it has to be
// written now, it waits until SaveInterval has passed since the last writing began.
//
// The writing happens beside training, one at a time: training waits for the copy, and
// for the writing before.
func (s *session) save(best bool, asked string, now bool) error {
	if s.Save == "" {
		return nil
	}
	s.poll()
	others, err := s.others()
	defer closeTensors(others)
	if err != nil || s.folder == nil {
		return err
	}
	snap, err := s.snapshot(best, others)
	if err != nil {
		return err
	}
	snap.asked = asked
	s.folder.queue(snap)
	if !now && time.Since(s.wrote) < s.SaveInterval {
		return nil
	}
	s.settle()
	if err := s.folder.follow(); err != nil {
		return err
	}
	s.wrote = time.Now()
	done, waiting := make(chan outcome, 1), s.folder.take()
	go func() { done <- s.folder.write(waiting) }()
	s.saving = done
	if s.folder.moved != nil {
		s.settle()
		return s.folder.moved
	}
	return nil
}

// take returns the snapshots that wait, for write.
func (f *folder) take() []*snapshot {
	waiting := f.waiting
	f.waiting = nil
	return waiting
}

// write writes snapshots. It may run beside queue.
func (f *folder) write(waiting []*snapshot) outcome {
	left, err := f.writeAll(waiting)
	if err != nil {
		err = &SaveError{f.path, whole(f.path), f.tidy(err)}
	}
	notices := f.notices
	f.notices = nil
	return outcome{left, err, notices}
}

// settle waits for the save in progress.
func (s *session) settle() {
	if s.saving != nil {
		s.saved(<-s.saving)
	}
}

// poll collects the result of a save that has ended.
func (s *session) poll() {
	select {
	case o := <-s.saving: // never, where there is none
		s.saved(o)
	default:
	}
}

func (s *session) saved(o outcome) {
	s.keep(o)
	if o.err != nil {
		s.notice("%v. Training goes on; the next save may do better", o.err)
	}
}

// keep lets what could not be written wait again.
func (s *session) keep(o outcome) {
	s.saving, s.unsaved = nil, o.err
	s.pass(o.notices)
	for _, snap := range append(o.left, s.folder.take()...) {
		s.folder.queue(snap)
	}
}

// snapshot copies everything that a run continues from, with what other processes add to it.
func (s *session) snapshot(best bool, others []any) (*snapshot, error) {
	last := s.history.Last()
	c := last.checkpoint()
	snap := &snapshot{
		entry: entry{Epoch: last.Index, Step: s.step, Loss: pointer(last.Watched())},
		last:  true, best: best, keep: s.KeepBest, rank: math.NaN(),
	}
	if s.KeepBest > 0 && s.step == 0 && last.Index >= 0 {
		switch snap.rank = s.history.watched(last); {
		case s.Rank != nil:
			snap.rank = s.Rank(last)
		case s.history.Mode == Max:
			snap.rank = -snap.rank
		}
	}
	var err error
	if snap.history, err = s.history.text(); err != nil {
		return nil, err
	}
	torch.Scope(func() {
		c.Extra = s.state()
		if others != nil {
			c.Extra.Set("others", others)
		}
		tree := checkpointDict(s.weights(), s.Optimizer, c)
		torch.NoGrad(func() { snap.tree = copyTree(tree, map[*torch.Tensor]*torch.Tensor{}).(*torch.Dict) })
	})
	return snap, nil
}

// checkpoint returns what a checkpoint after the epoch contains of it.
func (e Epoch) checkpoint() Checkpoint {
	c := Checkpoint{Epoch: e.Index, Loss: e.Watched(), Metrics: map[string]float64{}}
	for _, column := range columns {
		if x := column.of(e); column.metric != "" && !math.IsNaN(x) {
			c.Metrics[column.metric] = x
		}
	}
	maps.Copy(c.Metrics, e.More)
	return c
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

// queue adds a snapshot to those that are to be written, and drops from the others
// what it makes superfluous. So as long as saving fails at most KeepBest + 2
// snapshots wait, and none that is needed is lost.
func (f *folder) queue(snap *snapshot) {
	all := append(f.waiting, snap)
	for _, old := range all[:len(all)-1] {
		old.last = false
		old.best = old.best && !snap.best
		better := 0
		for _, other := range all {
			if isFinite(other.rank) && (other.rank < old.rank || other.rank == old.rank && other.entry.Epoch < old.entry.Epoch) {
				better++
			}
		}
		if better >= snap.keep {
			old.rank = math.NaN()
		}
	}
	f.waiting = slices.DeleteFunc(all, func(s *snapshot) bool {
		needed := s.last || s.best || isFinite(s.rank)
		if !needed {
			closeTensors(s.tree)
		}
		return !needed
	})
}

// writeAll puts snapshots into the folder. The first error ends it; the rest is left.
func (f *folder) writeAll(waiting []*snapshot) (left []*snapshot, err error) {
	if err := f.follow(); err != nil {
		return waiting, err
	}
	for i, snap := range waiting {
		if err := f.writeSnapshot(snap); err != nil {
			return waiting[i:], err
		}
		if snap.asked != "" {
			f.notice("%s", snap.asked)
		}
		closeTensors(snap.tree)
	}
	return nil, nil
}

// writeSnapshot writes last.pt after the others. So after a crash at any moment no other
// file is older than last.pt: a run that continues from last.pt writes the newer files
// again, with the same bits.
func (f *folder) writeSnapshot(snap *snapshot) error {
	write := func(w io.Writer) error { return pt.Write(w, snap.tree) }
	if isFinite(snap.rank) {
		if name := f.place(snap.keep, snap.entry.Epoch, snap.rank); name != "" {
			e := snap.entry
			e.Rank = new(snap.rank)
			if err := f.put(name, e, write); err != nil {
				return err
			}
		}
		snap.rank = math.NaN()
	}
	if snap.best {
		if err := f.put(BestFile, snap.entry, write); err != nil {
			return err
		}
		snap.best = false
	}
	if snap.last {
		if err := f.put(LastFile, snap.entry, write); err != nil {
			return err
		}
		if snap.keep > 0 {
			if err := f.prune(snap.keep); err != nil {
				return err
			}
		}
		if err := writeFile(f.at(HistoryFile), snap.history); err != nil {
			return err
		}
		snap.last = false
	}
	return nil
}

// repairBest writes best.pt again if it is not of the best epoch: if it was removed or
// changed, or if an earlier version of this package was killed before it wrote it.
// Before the end of the run best.pt may also be of an epoch that the run will repeat.
func (s *session) repairBest(end bool) error {
	best := s.history.BestEpoch
	if s.folder == nil || best < 0 {
		return nil
	}
	f := s.folder
	defer func() {
		s.pass(f.notices)
		f.notices = nil
	}()
	listed, ok := f.index.Files[BestFile]
	if !ok {
		if _, err := os.Lstat(f.at(BestFile)); err == nil {
			return nil // its epoch is not known
		}
	} else if now := f.present(BestFile, listed); now != nil && (now.Epoch == best || !end && now.Epoch >= s.epoch) {
		return nil
	}
	epoch := s.history.epoch(best)
	e := entry{Epoch: best, Loss: pointer(epoch.Watched())}
	what := "with its weights alone, as last.pt holds no more"
	write := func(w io.Writer) error {
		tree := checkpointDict(s.Model, nil, epoch.checkpoint())
		tree.Set("model_state_dict", s.best.StateDict())
		var copied any
		torch.NoGrad(func() { copied = copyTree(tree, map[*torch.Tensor]*torch.Tensor{}) })
		defer closeTensors(copied)
		return pt.Write(w, copied)
	}
	if last, ok := f.index.Files[LastFile]; ok && s.atBest() {
		if now := f.present(LastFile, last); now != nil && now.Epoch == best && now.Step == 0 {
			what = "from last.pt"
			write = func(w io.Writer) error {
				from, err := os.Open(f.at(LastFile))
				if err != nil {
					return err
				}
				defer from.Close()
				_, err = io.Copy(w, from)
				return err
			}
		}
	}
	if err := f.put(BestFile, e, write); err != nil {
		return &SaveError{f.path, whole(f.path), f.tidy(err)}
	}
	f.notice("%s was not of the best epoch, %d: it has been written again, %s", f.in(BestFile), best+1, what)
	return nil
}
