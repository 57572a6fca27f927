// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/etude-ml/etude/models/cache"
	"github.com/etude-ml/etude/models/internal/budget"
)

// decodeMemory bounds what the files that are decoded at one time may need.
const decodeMemory = 256 << 20

// decode fills the items in, several at a time, and takes out those that cannot
// be read. It ends early only when ctx does.
func (c *collection) decode(ctx context.Context, o Options) error {
	failed := make([]error, len(c.items))
	var sizes map[int64]int
	if c.checking {
		sizes = c.sizes()
	}
	var (
		mu   sync.Mutex
		done int
	)
	memory := budget.NewBudget(decodeMemory)
	var g errgroup.Group
	g.SetLimit(max(1, cmp.Or(o.Workers, runtime.GOMAXPROCS(0))))
	for i := range c.items {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			it := &c.items[i]
			path := filepath.Join(c.dir, filepath.FromSlash(it.name))
			features, err := c.source.Feature.through(ctx, o.Cache, memory, path)
			if failed[i] = err; err == nil {
				it.parts, it.notes, it.clip = features.Parts, append(it.notes, features.Notes...), features.Clip
				if c.checking {
					it.found = find(o.Cache, path, sizes, it.parts)
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
	_ = g.Wait() // the goroutines have no errors of their own
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("dataset: %s: %w", c.source.Network, err)
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
func find(kept *cache.Cache, path string, sizes map[int64]int, parts []Part) finding {
	f := finding{samples: fingerprints(parts)}
	info, err := os.Stat(path)
	if err != nil || sizes[info.Size()] < 2 {
		return f
	}
	// A file that can be decoded but not hashed is being changed: it is no
	// duplicate yet.
	if sum, _, err := kept.Hash(path); err == nil {
		f.content = mark(sum[:len(mark{})])
	}
	return f
}

// through reads a file, or takes from the cache what it gave before.
func (f Feature) through(ctx context.Context, kept *cache.Cache, memory *budget.Budget, path string) (*Features, error) {
	read := func() (*Features, error) {
		release, err := memory.Acquire(ctx, f.memory(path))
		if err != nil {
			return nil, err
		}
		defer release()
		return f.guarded(ctx, path)
	}
	if kept == nil {
		return read()
	}
	entry, err := kept.Do(path, f.Name, f.Version, func() (*cache.Entry, error) {
		started := time.Now()
		features, err := read()
		if err != nil && momentary(err) {
			return nil, err
		}
		entry := toEntry(features, err, path)
		entry.Seconds = time.Since(started).Seconds()
		return entry, nil
	})
	if err != nil {
		return nil, err
	}
	return fromEntry(entry, path)
}

// memory is what reading a file may need.
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
// or end a run: a panic, and a number that is none.
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

// momentary reports whether a failure was of the disk, the user or the moment,
// not of the content: the next reading may succeed.
func momentary(err error) bool {
	var system syscall.Errno
	return errors.As(err, &system) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// here stands for the path in a reason that is kept: the same content may lie
// elsewhere next time.
const here = "\x00"

// toEntry is what a cache keeps of a file: two rows for each part, its input and
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
