// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package demo composes a small labelled corpus, something for each network to
// learn from:
//
//   - pieces of music whose tempo, mode, register, loudness and brightness follow
//     valence and arousal, each in a few sections of its own mood, as MIDI files
//     and as the sound of their opening;
//   - performances at the piano, whose loudness, articulation, timing and pedal
//     follow from the score;
//   - drum patterns, whose loudness, density, timing and swing follow the mood;
//   - chord progressions in several keys, in a grammar for each mood.
//
// The result is an ordinary data folder; nothing that reads it knows where it
// came from.
package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch/wholefile"
)

// marker names the file that marks a folder as one that Write made.
const marker = "COMPOSED.txt"

// Write composes the corpus into the folder dir, in the layout of a data folder:
// one wav and one MIDI file a section, a MIDI file a performance and a drum
// pattern, and a list of progressions, labelled, grouped by piece, drummer and
// song. A corpus that it wrote before stays until the new one is complete; a folder
// that holds anything else is refused.
func Write(ctx context.Context, dir string, o Options) error {
	o.Pieces, o.Sections = cmp.Or(o.Pieces, 50), cmp.Or(o.Sections, 4)
	draft, err := claim(dir)
	if err == nil {
		defer os.RemoveAll(draft)
		err = fill(ctx, dir, draft, o)
	}
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// fill composes into the folder draft inside dir, and publishes the complete corpus.
func fill(ctx context.Context, dir, draft string, o Options) error {
	sections, patterns := plan(o), planPatterns(o)
	var works []work
	for _, s := range sections {
		works = append(works, &s)
	}
	for _, p := range planPerformances(o) {
		works = append(works, &p)
	}
	for _, p := range patterns {
		works = append(works, &p)
	}
	err := writeAll(ctx, draft, works, o.OnSection)
	if err == nil {
		err = errors.Join(writeProgressions(draft, planProgressions(o)), writeDrumLabels(draft, patterns), writeLabels(draft, sections))
	}
	if err != nil {
		return err
	}
	return publish(dir, draft, o)
}

// work is composed and written by itself. Each has its own random numbers, so that the
// order does not matter.
type work interface{ write(dir string) error }

// writeAll writes the works, as many at a time as there are processors.
func writeAll(ctx context.Context, dir string, works []work, onDone func(done, total int)) error {
	var mu sync.Mutex
	done := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, w := range works {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := w.write(dir); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			if onDone != nil {
				onDone(done, len(works))
			}
			return nil
		})
	}
	return group.Wait()
}

// claim makes a folder for a new corpus inside dir, unless dir holds other files.
func claim(dir string) (draft string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	note := filepath.Join(dir, marker)
	if _, err := os.Stat(note); err != nil && len(entries) > 0 {
		return "", fmt.Errorf("%s: holds files that the demo did not write; name an empty folder or a new one", dir)
	}
	draft = filepath.Join(dir, ".composing")
	if len(entries) == 0 {
		if err = os.MkdirAll(dir, 0o777); err == nil {
			err = wholefile.Write(note, []byte("`etude demo` composes here.\n"))
		}
	} else {
		err = os.RemoveAll(draft) // of a process that was killed
	}
	for _, sub := range []string{audioDir, midiDir, performanceDir, drumsDir, chordsDir} {
		if err == nil {
			err = os.MkdirAll(filepath.Join(draft, sub), 0o777)
		}
	}
	return draft, err
}

// publish puts a complete corpus in the place of an earlier one.
func publish(dir, draft string, o Options) error {
	corpus, earlier := filepath.Join(dir, "training"), filepath.Join(draft, "earlier")
	if err := os.Rename(corpus, earlier); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(filepath.Join(draft, "training"), corpus); err != nil {
		return errors.Join(err, os.Rename(earlier, corpus))
	}
	return wholefile.Write(filepath.Join(dir, marker), fmt.Appendf(nil,
		"%d pieces in %d sections each, composed by `etude demo` with seed %d.\nFree to use for anything.\n", o.Pieces, o.Sections, o.Seed))
}

// writeLabels writes labels.csv and emotion_labels.json.
func writeLabels(dir string, sections []section) error {
	table := []byte("filename,valence,arousal,group\n")
	labels := map[string]label{}
	for _, s := range sections {
		table = fmt.Appendf(table, "%s.wav,%.3f,%.3f,%s\n", s.name, s.mood.Valence, s.mood.Arousal, s.piece.name)
		labels[s.name+".mid"] = label{s.mood, s.piece.name}
	}
	if err := os.WriteFile(filepath.Join(dir, audioDir, dataset.AudioLabels), table, 0o666); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, midiDir, dataset.MIDILabels), labels)
}
