// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/etude-ml/etude/models/dataset/cache"
)

// decodeMemory bounds what the files that are decoded at one time may need.
const decodeMemory = 256 << 20

// decode fills the items in, several at a time, and takes out those whose content
// cannot be read. It ends early when ctx does, and, unless it is checking, when
// the system fails: a file that was left out for that would be missing from this
// training, and be there when it is resumed.
func (c *collection) decode(ctx context.Context, o Options) error {
	if c.index.failed != nil && !c.checking {
		return c.stopped(c.index.failed)
	}
	failed := make([]error, len(c.items))
	var sizes map[int64]int
	if c.checking {
		sizes = c.sizes()
	}
	var (
		mu   sync.Mutex
		done int
	)
	memory := semaphore.NewWeighted(decodeMemory)
	var again patience
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(max(1, cmp.Or(o.Workers, runtime.GOMAXPROCS(0))))
	for i := range c.items {
		if group.Err() != nil {
			break
		}
		g.Go(func() error {
			it := &c.items[i]
			path := filepath.Join(c.dir, filepath.FromSlash(it.name))
			var features *Features
			err := again.try(group, func() (err error) {
				features, err = c.source.Feature.through(group, o.Cache, memory, path)
				return err
			})
			if ofSystem(err) && !c.checking {
				return c.stopped(err)
			}
			if failed[i] = err; err == nil {
				it.parts, it.notes, it.clip = features.Parts, append(it.notes, features.Notes...), features.Clip
				if c.checking {
					it.found = find(group, o.Cache, path, sizes, it.parts)
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
	if ctx.Err() != nil {
		err = fmt.Errorf("dataset: %s: %w", c.source.Network, ctx.Err())
	}
	if err != nil {
		return err
	}
	usable := c.items[:0]
	for i, it := range c.items {
		if failed[i] != nil {
			c.problems = append(c.problems, Problem{LevelError, KindFile, it.name, failed[i].Error()})
			continue
		}
		usable = append(usable, it)
	}
	c.items = usable
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// stopped returns the error of a reading that failed because of the system.
func (c *collection) stopped(err error) error {
	fix := "check the disk, and start again"
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		fix = "raise the limit of open files (ulimit -n), and start again"
	case errors.Is(err, fs.ErrPermission):
		fix = "give yourself the right to read it, or take it out of the folder, and start again"
	case errors.Is(err, fs.ErrNotExist):
		fix = "it was there before: start again when nobody changes the folder"
	}
	return fmt.Errorf("dataset: %s: %w: the system could not read it, which says nothing about its content, so it is not left out: %s", c.source.Network, err, fix)
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

// sizes counts the files of each size.
func (c *collection) sizes() map[int64]int {
	sizes := map[int64]int{}
	for _, it := range c.items {
		if info, err := os.Stat(filepath.Join(c.dir, filepath.FromSlash(it.name))); err == nil {
			sizes[info.Size()]++
		}
	}
	return sizes
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

// through reads a file, or takes from the cache what it gave before.
func (f Feature) through(ctx context.Context, kept *cache.Cache, memory *semaphore.Weighted, path string) (*Features, error) {
	read := func() (*Features, error) {
		// A file that needs more than there is waits until it is alone.
		need := min(max(1, f.memory(path)), decodeMemory)
		if err := memory.Acquire(ctx, need); err != nil {
			return nil, err
		}
		defer memory.Release(need)
		return f.guarded(ctx, path)
	}
	if kept == nil {
		return read()
	}
	entry, err := kept.Do(ctx, path, f.Name, f.Version, func() (*cache.Entry, error) {
		features, err := read()
		if err != nil && (ofSystem(err) || ctx.Err() != nil) {
			return nil, err
		}
		return toEntry(features, err, path), nil
	})
	if err != nil {
		return nil, err
	}
	return fromEntry(entry, path)
}

// memory returns the bytes that reading a file may need.
func (f Feature) memory(path string) int64 {
	if f.Memory == nil {
		return 0
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return f.Memory(info.Size())
}

// guarded reads a file and turns into an error whatever must not reach a network
// or end a run: a panic, NaN and infinity.
func (f Feature) guarded(ctx context.Context, path string) (features *Features, err error) {
	defer func() {
		if p := recover(); p != nil {
			features, err = nil, fmt.Errorf("%s: the decoder failed: %v: convert the file or leave it out", path, p)
		}
	}()
	features, err = f.Read(ctx, path)
	if err != nil {
		return nil, err
	}
	for _, p := range features.Parts {
		for _, values := range [][]float32{p.Input, p.Target} {
			for i, v := range values {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					return nil, fmt.Errorf("%s: value %d of its features is %g: convert the file or leave it out", path, i, v)
				}
			}
		}
	}
	return features, nil
}

// ofSystem reports whether a failure was of the disk, the rights or the moment, not
// of the content or the name: the next reading may succeed.
func ofSystem(err error) bool {
	var system syscall.Errno
	return errors.As(err, &system) && !slices.Contains([]syscall.Errno{
		syscall.ENAMETOOLONG, syscall.ELOOP, syscall.ENOTDIR, syscall.EISDIR, syscall.ENXIO, syscall.ENODEV,
	}, system)
}

// here stands for the path in a reason that is kept: the same content may lie
// elsewhere next time.
const here = "\x00"

// toEntry returns what a cache keeps of a file: two rows for each part, its input and
// its target, then one for what is known of a clip.
func toEntry(f *Features, err error, path string) *cache.Entry {
	if err != nil {
		return &cache.Entry{Failure: strings.ReplaceAll(err.Error(), path, here)}
	}
	entry := &cache.Entry{Notes: f.Notes}
	for _, p := range f.Parts {
		entry.Rows = append(entry.Rows, cache.Row{Part: p.Name, Values: p.Input}, cache.Row{Part: p.Name, Values: p.Target})
	}
	if f.Clip != nil {
		entry.Rows = append(entry.Rows, f.Clip.row())
	}
	return entry
}

func fromEntry(e *cache.Entry, path string) (*Features, error) {
	if e.Failure != "" {
		return nil, errors.New(strings.ReplaceAll(e.Failure, here, path))
	}
	f := &Features{Notes: e.Notes}
	for i := 0; i+1 < len(e.Rows); i += 2 {
		f.Parts = append(f.Parts, Part{Name: e.Rows[i].Part, Input: e.Rows[i].Values, Target: e.Rows[i+1].Values})
	}
	if n := len(e.Rows); n%2 == 1 {
		f.Clip = clipOf(e.Rows[n-1])
	}
	return f, nil
}
