// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/torch/data"
)

// collection holds what was read of a network's data.
type collection struct {
	what      string // what an item is: "file"
	dir       string // the folder, or the file of all items
	labelFile string // empty where there is none
	labels    []label
	items     []item
	problems  []Problem
}

// samples makes samples of what was collected, if there is any.
func (c *collection) samples() (*data.Samples, error) {
	s := &data.Samples{}
	for _, i := range c.items {
		emotion := Embedding(i.Valence, i.Arousal)
		for _, p := range i.parts {
			x, y := p.Input, p.Target
			if x == nil {
				x = emotion
			}
			if y == nil {
				y = emotion
			}
			s.Append(partName(i.name, p.Name), i.group, x, y)
		}
		for _, n := range i.notes {
			s.Notes = append(s.Notes, i.name+": "+n)
		}
	}
	for _, p := range c.problems {
		s.Skipped = append(s.Skipped, data.Skip{Name: p.Name, Reason: p.Reason})
	}
	if s.Len() > 0 {
		return s, nil
	}
	const shown = 3
	reasons := ""
	for _, skip := range s.Skipped[:min(shown, len(s.Skipped))] {
		reasons += fmt.Sprintf("\n  %s: %s", skip.Name, skip.Reason)
	}
	if more := len(s.Skipped) - shown; more > 0 {
		reasons += fmt.Sprintf("\n  and %d more", more)
	}
	return nil, fmt.Errorf("no usable %s in %s, all was left out:%s", c.what, c.dir, reasons)
}

// list reports what is wrong with single items; notes on them are problems of the given
// kind.
func (c *collection) list(s *Section, notes Kind) {
	for _, i := range c.items {
		s.Samples += len(i.found.samples)
		for _, n := range i.notes {
			s.problem(LevelWarning, notes, i.name, "%s", n)
		}
	}
	for _, p := range c.problems {
		if p.Kind != KindScale { // reported once, for the column
			s.Problems = append(s.Problems, p)
		}
	}
}

// judge reports what is wrong with the whole.
func (c *collection) judge(s *Section, split *Split) {
	s.groups(c.items, c.what)
	s.duplicates(c.items, c.what, s.divide(c.items, split))
	if c.labelFile != "" {
		s.labels(c.items, c.labels)
	}
}

// decode fills the items in with what a feature gives, several at a time, and takes out
// those whose content cannot be read. Where it is checking, items keep what is found of
// their samples instead of these. It ends early when ctx does, and, unless it is
// checking, when the system fails: a file that was left out for that would be missing
// from this training, and be there when it is resumed.
func (c *collection) decode(ctx context.Context, feature Feature, checking bool, o Options) error {
	failed := make([]error, len(c.items))
	sizes := map[int64]int{} // how many files have each size
	path := func(i int) string { return filepath.Join(c.dir, filepath.FromSlash(c.items[i].name)) }
	if checking {
		for i := range c.items {
			if info, err := os.Stat(path(i)); err == nil {
				sizes[info.Size()]++
			}
		}
	}
	var (
		mu    sync.Mutex
		done  int
		again patience
	)
	memory := semaphore.NewWeighted(decodeMemory)
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(max(1, cmp.Or(o.Workers, runtime.GOMAXPROCS(0))))
	for i := range c.items {
		if group.Err() != nil {
			break
		}
		g.Go(func() error {
			var features *Features
			err := again.try(group, func() (err error) {
				features, err = feature.through(group, o.Cache, memory, path(i))
				return err
			})
			if ofSystem(err) && !checking {
				return stopped(err)
			}
			it := &c.items[i]
			if failed[i] = err; err == nil {
				it.parts, it.notes, it.clip = features.Parts, append(it.notes, features.Notes...), features.Clip
				if checking {
					it.found = find(group, o.Cache, path(i), sizes, it.parts)
					it.parts = nil
				}
			}
			if o.Progress != nil {
				mu.Lock()
				defer mu.Unlock()
				done++
				o.Progress(done, len(c.items), it.name)
			}
			return nil
		})
	}
	err := g.Wait()
	if err = cmp.Or(ctx.Err(), err); err != nil {
		return err
	}
	usable := c.items[:0]
	for i, it := range c.items {
		if failed[i] == nil {
			usable = append(usable, it)
		} else {
			c.problems = append(c.problems, Problem{LevelError, KindFile, it.name, failed[i].Error()})
		}
	}
	c.items = usable
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// stopped returns the error of a reading that failed because of the system.
func stopped(err error) error {
	fix := "check the disk, and start again"
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		fix = "raise the limit of open files (ulimit -n), and start again"
	case errors.Is(err, fs.ErrPermission):
		fix = "give yourself the right to read it, or take it out of the folder, and start again"
	case errors.Is(err, fs.ErrNotExist):
		fix = "it was there before: start again when nobody changes the folder"
	}
	return fmt.Errorf("%w: the system could not read it, which says nothing about its content, so it is not left out: %s", err, fix)
}

// patience repeats what the system failed to do, unless repeating failed before.
type patience struct{ lost atomic.Bool }

func (p *patience) try(ctx context.Context, do func() error) error {
	err := do()
	for wait := 20 * time.Millisecond; ofSystem(err) && wait < time.Second && !p.lost.Load(); wait *= 4 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		err = do()
	}
	if ofSystem(err) {
		p.lost.Store(true)
	}
	return err
}

// find identifies a file's samples and, where another file has its size, its
// content.
func find(ctx context.Context, kept *cache.Cache, path string, sizes map[int64]int, parts []Part) finding {
	f := finding{samples: fingerprints(parts)}
	info, err := os.Stat(path)
	if err != nil || sizes[info.Size()] < 2 {
		return f
	}
	// A file that can be decoded but not hashed is being changed, and is no
	// duplicate yet, or is larger than any music: its samples tell enough.
	if sum, err := kept.Hash(ctx, path); err == nil {
		f.content = mark(sum[:len(mark{})])
	}
	return f
}
