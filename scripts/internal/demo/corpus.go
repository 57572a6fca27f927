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
// What it writes is an ordinary data folder; nothing that reads it knows where
// it came from.
package demo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/music/audio"
	"github.com/etude-ml/etude/models/music/midi"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Options says what is composed. Zero values mean the defaults.
type Options struct {
	Seed     uint64 // default 0; the same seed gives the same bytes
	Pieces   int    // default 50; as many performances, drummers and songs
	Sections int    // of each piece; default 4; as many of each of the others

	// OnSection, if set, is called after each section, performance and drum
	// pattern is written, one call at a time.
	OnSection func(done, total int)
}

// Mood describes what a listener hears: valence in [-1, 1], from sad to glad, and
// arousal in [0, 1], from calm to excited.
type Mood struct {
	Valence float64 `json:"valence"`
	Arousal float64 `json:"arousal"`
}

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

// fill composes into the folder draft inside dir, and publishes what is complete.
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
	if err := writeAll(ctx, draft, works, o.OnSection); err != nil {
		return err
	}
	if err := writeProgressions(draft, planProgressions(o)); err != nil {
		return err
	}
	if err := writeDrumLabels(draft, patterns); err != nil {
		return err
	}
	if err := writeLabels(draft, sections); err != nil {
		return err
	}
	return publish(dir, draft, o)
}

// work is composed and written by itself. Each has its own source of chance, so that
// the order does not matter.
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

// claim makes a folder for a new corpus inside dir, unless dir is somebody else's.
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

var (
	audioDir       = filepath.Join("training", dataset.AudioFolder)
	midiDir        = filepath.Join("training", dataset.MIDIFolder)
	performanceDir = filepath.Join("training", dataset.DynamicsFolder)
	drumsDir       = filepath.Join("training", dataset.DrumsFolder)
	chordsDir      = filepath.Join("training", dataset.ChordsFolder)
)

// The parts of the corpus, which share no chance.
const (
	partPieces = iota
	partPerformances
	partDrums
	partChords
)

// random returns the chance of the i-th thing of a part, counted from 1; 0 is the chance
// that all of the part share.
func random(o Options, part, i int) *rand.Rand {
	return rand.New(rand.NewPCG(o.Seed, uint64(part)<<32+uint64(i)))
}

// plane spreads moods evenly, by the R2 sequence (Roberts 2018) from some point.
type plane struct{ valence, arousal float64 }

func newPlane(rng *rand.Rand) plane { return plane{rng.Float64(), rng.Float64()} }

// at returns the i-th mood.
func (p plane) at(i int) Mood {
	const stepV, stepA = 0.7548776662466927, 0.5698402909980532
	return Mood{
		Valence: 2*frac(p.valence+float64(i)*stepV) - 1,
		Arousal: frac(p.arousal + float64(i)*stepA),
	}
}

// stray returns a mood nearby, for a part of something that has this one.
func (m Mood) stray(rng *rand.Rand) Mood {
	const stray = 0.12
	return Mood{
		Valence: round3(clamp(m.Valence+2*stray*(2*rng.Float64()-1), -0.98, 0.98)),
		Arousal: round3(clamp(m.Arousal+stray*(2*rng.Float64()-1), 0.02, 0.98)),
	}
}

// take is a part of something with a mood and a chance of its own.
type take struct {
	name string // of its files, without an extension
	mood Mood
	rng  *rand.Rand
}

// planTakes spreads the moods of things over the plane, and lets the takes of each stray
// a little from it. add invents a thing and returns what keeps a take of it.
func planTakes(o Options, part int, thing, kind string, add func(rng *rand.Rand, name string) func(take)) {
	moods := newPlane(random(o, part, 0))
	for i := range o.Pieces {
		rng := random(o, part, i+1)
		name := fmt.Sprintf("%s-%02d", thing, i+1)
		keep := add(rng, name)
		for k := range o.Sections {
			keep(take{
				name: fmt.Sprintf("%s-%s-%d", name, kind, k+1),
				mood: moods.at(i).stray(rng),
				rng:  rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())),
			})
		}
	}
}

// section is a part of a piece: one sample of each kind.
type section struct {
	take
	piece *piece
}

func plan(o Options) (sections []section) {
	planTakes(o, partPieces, "piece", "section", func(rng *rand.Rand, name string) func(take) {
		p := newPiece(rng, name)
		return func(t take) { sections = append(sections, section{t, p}) }
	})
	return sections
}

// write composes the section and writes its two files.
func (s *section) write(dir string) error {
	score := s.compose()
	if err := writeMIDI(dir, midiDir, s.name, score.midi(), midi.WriteOptions{BPM: score.tempo}); err != nil {
		return err
	}
	var file bytes.Buffer
	if err := audio.WriteWAV(&file, score.sound(s.mood, s.rng), rate); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, audioDir, s.name+".wav"), file.Bytes(), 0o666)
}

// writeMIDI writes notes into a file of a folder of the corpus.
func writeMIDI(dir, folder, name string, notes []midi.Note, o midi.WriteOptions) error {
	var file bytes.Buffer
	if err := midi.Write(&file, notes, o); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, folder, name+".mid"), file.Bytes(), 0o666)
}

// writeLabels writes labels.csv and emotion_labels.json.
func writeLabels(dir string, sections []section) error {
	rows := [][]string{{"filename", "valence", "arousal", "group"}}
	labels := map[string]label{}
	for _, s := range sections {
		rows = append(rows, []string{s.name + ".wav", format(s.mood.Valence), format(s.mood.Arousal), s.piece.name})
		labels[s.name+".mid"] = label{s.mood, s.piece.name}
	}
	var table bytes.Buffer
	if err := csv.NewWriter(&table).WriteAll(rows); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, audioDir, dataset.AudioLabels), table.Bytes(), 0o666); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, midiDir, dataset.MIDILabels), labels)
}

// label is one entry of a label file in JSON.
type label struct {
	Mood
	Group string `json:"group"`
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o666)
}

func frac(x float64) float64          { return x - math.Floor(x) }
func round3(x float64) float64        { return math.Round(x*1000) / 1000 }
func clamp(x, lo, hi float64) float64 { return min(max(x, lo), hi) }
func format(x float64) string         { return strconv.FormatFloat(x, 'f', 3, 64) }
