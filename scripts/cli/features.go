// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/etude-ml/etude/models/dataset"
)

type featuresCommand struct {
	Network string   `arg:"" help:"The network that would read them: ${network}."`
	Files   []string `arg:"" optional:"" name:"file" help:"Files to read."`
	JSON    bool     `name:"json" help:"Print JSON lines, which it does anyway."`

	Data  string `placeholder:"DATA" help:"Read the files that training would read in this folder instead, and keep what they give as training does."`
	Shard string `placeholder:"I/N" help:"Read the I-th of N shares of the files, counted from 0 or from 1: N/N is 0/N."`
	cacheFlags

	share, shares int
}

func (featuresCommand) Help() string {
	return `Prints, a JSON line for each sample, the numbers that training and inference take from files: input is what the network sees, target what it is to answer; null is what a label gives and not the file. A MIDI file has a sample for each window in dynamics (4 s) and groove (4 bars), a progression of chords one for every four chords; "part" tells them apart. A file that cannot be read is a line with its error, and exit code 1 at the end; "notes" lists faults of a file that could be read all the same. It needs no libtorch.

With --data the files are those that training would read, and what they give is kept in the cache, so that training finds it there. With --shard several machines share the work, for example the tasks of a Slurm array; --cache names a folder that all of them see, also one on a network, for which no locks between machines are needed.

Examples:

    etude features emotion song.wav
    etude features melody *.mid --json > pitches.jsonl
    etude features emotion --data /net/music --shard 3/8 --cache /net/cache > /dev/null`
}

// featureLine is the line printed for a sample. What a network does not take from files
// is null.
type featureLine struct {
	File    string    `json:"file"`
	Network string    `json:"network"`
	Part    string    `json:"part,omitempty"`
	Input   []float32 `json:"input"`
	Target  []float32 `json:"target"`
	Notes   []string  `json:"notes"` // faults of a file that was read all the same
	Error   *string   `json:"error"`
}

// Validate refuses networks without features before anything is read.
func (c *featuresCommand) Validate() error {
	spec, err := oneNetwork(c.Network)
	if err != nil {
		return err
	}
	_, folder := spec.Source.(dataset.Files)
	switch {
	case c.Files == nil && c.Data == "":
		return errors.New("FILE is missing in etude features NETWORK FILE; or name a folder with --data")
	case c.Files != nil && c.Data != "":
		return errors.New("FILE and --data exclude each other; give one of them")
	case c.Data != "" && !folder:
		return fmt.Errorf("%s is not trained on a folder of files; name the file that it reads instead of --data", c.Network)
	}
	c.shares = 1
	if c.Shard == "" {
		return nil
	}
	share, of, _ := strings.Cut(c.Shard, "/")
	i, err := strconv.Atoi(share)
	n, err2 := strconv.Atoi(of)
	if err != nil || err2 != nil || n < 1 || i < 0 || i > n {
		return fmt.Errorf("--shard is %q; it must be I/N such as 3/8, with I from 0 to N", c.Shard)
	}
	c.share, c.shares = i%n, n
	return nil
}

// Run prints features.
func (c *featuresCommand) Run(env *Env) error {
	spec, err := oneNetwork(c.Network)
	if err != nil {
		return err
	}
	read, progress := spec.Source.Features, func(int) {}
	if c.Data != "" {
		source := spec.Source.(dataset.Files)
		if err := checkPath("--data", c.Data); err != nil {
			return err
		}
		if c.Files, err = source.List(c.Data); err != nil {
			return err
		}
		kept, done := c.open(env)
		defer done()
		read = func(path string) (*dataset.Features, error) { return source.Kept(env.Context, kept, path) }
		reading := fileProgress{env: env, title: c.Network + ": reading"}
		defer reading.finish("")
		progress = func(n int) { reading.set(n, len(c.Files), "") }
	}
	all := c.Files
	c.Files = nil
	for i := c.share; i < len(all); i += c.shares {
		c.Files = append(c.Files, all[i])
	}
	ctx, cancel := context.WithCancel(env.Context)
	defer cancel()
	// Decoded several at a time, printed in order.
	results := make([]chan []featureLine, len(c.Files))
	for i := range results {
		results[i] = make(chan []featureLine, 1)
	}
	go func() {
		var g errgroup.Group
		g.SetLimit(runtime.GOMAXPROCS(0))
		for i, file := range c.Files {
			if ctx.Err() != nil {
				return
			}
			g.Go(func() error {
				results[i] <- featureLines(spec.Name, read, file)
				return nil
			})
		}
	}()
	failed := false
	for i, result := range results {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case lines := <-result:
			if ctx.Err() != nil { // which may be their error
				return ctx.Err()
			}
			for _, l := range lines {
				failed = failed || l.Error != nil
				if err := env.printJSON(l, ""); err != nil {
					return err
				}
			}
			progress(i + 1)
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

func featureLines(network string, read func(string) (*dataset.Features, error), file string) []featureLine {
	features, err := read(file)
	if err != nil {
		text := err.Error()
		return []featureLine{{File: file, Network: network, Notes: []string{}, Error: &text}}
	}
	notes := append([]string{}, features.Notes...) // not null
	lines := make([]featureLine, len(features.Parts))
	for i, p := range features.Parts {
		lines[i] = featureLine{File: file, Network: network, Part: p.Name, Input: p.Input, Target: p.Target, Notes: notes}
	}
	return lines
}
