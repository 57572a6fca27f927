// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"context"
	"fmt"
	"strings"

	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/torch/data"
)

// Source reads a network's samples: [Files] or [Chords].
type Source interface {
	// Samples reads a data folder.
	Samples(ctx context.Context, root string, o Options) (*data.Samples, error)
	// Check reads it too, and reports what is wrong with it. It returns an error if the
	// folder cannot be read at all; the section holds what was found until then.
	Check(ctx context.Context, root string, o Options) (*Section, error)
	// Features reads a single file, without any label.
	Features(path string) (*Features, error)
	// Present reports whether a data folder has the source's folder at all.
	Present(root string) bool
}

// Options sets how a folder is read.
type Options struct {
	// Workers is how many files are decoded at once; 0 means one for each CPU
	// that Go may use.
	Workers int
	// Progress, if set, is called for each file once it is decoded or found bad, by one
	// goroutine at a time, with done counting from 1 to total.
	Progress func(done, total int, name string)
	// Cache, if set, keeps what files gave, and gives it again while they are the
	// same.
	Cache *cache.Cache
	// Split is how Check divides the samples, to say what stands on which side;
	// nil: a share of 0.2 with seed 42, as training does.
	Split *Split
}

// Features holds what a network takes from a file.
type Features struct {
	Parts []Part
	Notes []string // what was passed over in reading
	Clip  *Clip    // of a sound, what Check is to know of it; may be nil
}

// Part is one sample of a file: all of it, or a window.
type Part struct {
	Name string // tells the parts of a file apart; empty where there is one
	// Input and Target are what the network takes and what it should answer. nil stands
	// for the embedding of the label's emotion.
	Input, Target []float32
}

// Feature turns a file into numbers.
type Feature struct {
	// Name and Version name the numbers: a cache must not mix them up with others,
	// so Version is raised whenever the same file would give other ones.
	Name    string
	Version int
	// Read reads a file, and ends early with ctx. Errors name the file.
	Read func(ctx context.Context, path string) (*Features, error)
	// Memory says how many bytes Read needs at most for a file of that size, so
	// that files are decoded side by side as far as the memory for it reaches;
	// nil: little.
	Memory func(size int64) int64
}

// Files is a folder of files, each of which gives one or several samples.
type Files struct {
	Network    string   // its name, for messages
	Folder     string   // below training/
	Extensions []string // of the files, lower case
	Holds      string   // what the files are, for messages: "MIDI files"
	Labels     string   // name of the label file, .csv or .json; empty where there are no labels
	Recommend  int      // usable files below which Check warns
	Feature    Feature
}

// wanted describes the content of the label file.
func (s Files) wanted() string {
	switch {
	case strings.HasSuffix(s.Labels, ".csv"):
		return "the columns filename,valence,arousal and, if you like, group"
	case s.Labels == ChordsFile:
		return chordsWanted
	}
	return wantedJSON
}

const wantedJSON = `{"file name": {"valence": -1 to 1, "arousal": 0 to 1, "group": optional}, …}`

// Features reads one file.
func (s Files) Features(path string) (*Features, error) {
	return s.Feature.guarded(context.Background(), path)
}

// Samples reads DATA, or its folder training. A missing folder or label file, a label
// file that cannot be understood, and a folder with no usable file are errors that
// name the path and what belongs there. A label without a group puts its file in one
// of its own.
func (s Files) Samples(ctx context.Context, root string, o Options) (*data.Samples, error) {
	c, err := collect(ctx, s, root, o)
	if err != nil {
		return nil, err
	}
	return c.samples()
}

// samples makes samples of what was collected, if there is any.
func (c *collection) samples() (*data.Samples, error) {
	s := &data.Samples{}
	for _, i := range c.items {
		addSamples(s, i.name, i.group, i.parts, Embedding(i.valence, i.arousal), i.notes)
	}
	for _, p := range c.problems {
		s.Skipped = append(s.Skipped, data.Skip{Name: p.Name, Reason: p.Reason})
	}
	if s.Len() > 0 {
		return s, nil
	}
	if len(s.Skipped) == 0 {
		return nil, fmt.Errorf("dataset: %s: %s holds no %s", c.source.Network, c.dir, c.source.Holds)
	}
	return nil, fmt.Errorf("dataset: %s: no usable file in %s, all was left out:%s", c.source.Network, c.dir, firstReasons(s.Skipped))
}

// addSamples adds the samples and the notes of a file or a progression, whose emotion
// stands for an input or a target that its parts leave open.
func addSamples(s *data.Samples, name, group string, parts []Part, emotion []float32, notes []string) {
	for _, p := range parts {
		x, y := p.Input, p.Target
		if x == nil {
			x = emotion
		}
		if y == nil {
			y = emotion
		}
		s.Append(partName(name, p.Name), group, x, y)
	}
	for _, n := range notes {
		s.Notes = append(s.Notes, name+": "+n)
	}
}

// partName names a sample.
func partName(file, part string) string {
	if part == "" {
		return file
	}
	return fmt.Sprintf("%s [%s]", file, part)
}

// firstReasons lists the first few files that were skipped, and why.
func firstReasons(skipped []data.Skip) string {
	const shown = 3
	reasons := ""
	for _, skip := range skipped[:min(shown, len(skipped))] {
		reasons += fmt.Sprintf("\n  %s: %s", skip.Name, skip.Reason)
	}
	if more := len(skipped) - shown; more > 0 {
		reasons += fmt.Sprintf("\n  and %d more", more)
	}
	return reasons
}
