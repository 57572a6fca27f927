// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/etude-ml/etude/models/dataset"
)

type featuresCommand struct {
	Network string   `arg:"" help:"The network that would read them: ${network}."`
	Files   []string `arg:"" name:"file" help:"Files to read."`
	JSON    bool     `name:"json" help:"Print JSON lines, which it does anyway."`
}

func (featuresCommand) Help() string {
	return `Prints, a JSON line for each sample, the numbers that training and inference take from files: input is what the network sees, target what it is to answer; null is what a label gives and not the file. A MIDI file has a sample for each window in dynamics (4 s) and groove (4 bars), a progression of chords one for every four chords; "part" tells them apart. A file that cannot be read is a line with its error, and exit code 1 at the end; "notes" lists faults of a file that could be read all the same. It needs no libtorch.

Examples:

    etude features emotion song.wav
    etude features melody *.mid --json > pitches.jsonl`
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
	_, err := oneNetwork(c.Network)
	return err
}

// Run prints features.
func (c *featuresCommand) Run(env *Env) error {
	spec, err := oneNetwork(c.Network)
	if err != nil {
		return err
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
				results[i] <- featureLines(spec.Name, spec.Source, file)
				return nil
			})
		}
	}()
	failed := false
	for _, result := range results {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case lines := <-result:
			for _, l := range lines {
				failed = failed || l.Error != nil
				if err := env.printJSON(l, ""); err != nil {
					return err
				}
			}
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

func featureLines(network string, source dataset.Source, file string) []featureLine {
	features, err := source.Features(file)
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
