// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"golang.org/x/sync/semaphore"

	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/models/music/audio"
)

// Features holds what a network takes from a file.
type Features struct {
	Parts []Part
	Notes []string // what was passed over in reading
	// Clip is what Check is to know of a sound, whose Silent and Notes do not count; may be nil.
	Clip *audio.Info
}

// Part is one sample of a file: all of it, or a window.
type Part struct {
	Name string // tells the parts of a file apart; empty where there is one
	// Input and Target are what the network takes and what it should answer. nil stands
	// for the embedding of the label's emotion.
	Input, Target []float32
	// Start is where a window of [Files.Windows] begins, in seconds.
	Start float64
}

// clipRow returns what a cache keeps of a clip.
func clipRow(c *audio.Info) cache.Row {
	return cache.Row{Part: c.Kind, Values: []float32{float32(c.Rate), float32(c.Channels), float32(c.Seconds), float32(c.Peak), float32(c.ClippedShare)}}
}

// clipOf returns the clip of a row, or nil.
func clipOf(r cache.Row) *audio.Info {
	v := r.Values
	if len(v) != 5 {
		return nil
	}
	return &audio.Info{Kind: r.Part, Rate: int(v[0]), Channels: int(v[1]), Seconds: float64(v[2]), Peak: float64(v[3]), ClippedShare: float64(v[4])}
}

// Feature turns a file into numbers.
type Feature struct {
	// Name and Version name the numbers: a cache must not mix them up with others,
	// so Version is raised whenever the same file would give other ones.
	Name    string
	Version int
	// Read reads a file, and ends early with ctx. Errors name the file.
	Read func(ctx context.Context, path string) (*Features, error)
	// Memory returns how many bytes Read needs at most for a file of that size, so
	// that files are decoded side by side as far as the memory for it reaches;
	// nil: few.
	Memory func(size int64) int64
}

// decodeMemory bounds what the files that are decoded at one time may need.
const decodeMemory = 256 << 20

// through reads a file, or takes from the cache what it gave before. Without a cache it
// returns the same: what a cache entry holds.
func (f Feature) through(ctx context.Context, kept *cache.Cache, memory *semaphore.Weighted, path string) (*Features, error) {
	entry, err := kept.Do(ctx, path, f.Name, f.Version, func() (*cache.Entry, error) {
		need := int64(1)
		if info, err := os.Stat(path); err == nil && f.Memory != nil {
			// A file that needs more than there is waits until it is alone.
			need = min(max(1, f.Memory(info.Size())), decodeMemory)
		}
		if err := memory.Acquire(ctx, need); err != nil {
			return nil, err
		}
		defer memory.Release(need)
		features, err := f.guarded(ctx, path)
		if err != nil && (kept == nil || ofSystem(err) || ctx.Err() != nil) {
			return nil, err
		}
		return toEntry(features, err, path), nil
	})
	if err != nil {
		return nil, err
	}
	return fromEntry(entry, path)
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
		entry.Rows = append(entry.Rows, clipRow(f.Clip))
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
