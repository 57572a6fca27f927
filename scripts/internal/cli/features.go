// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/etude-ml/etude/models/dataset"
)

type featuresCommand struct {
	Network string   `arg:"" help:"emotion (audio files) or melody (MIDI files)."`
	Files   []string `arg:"" name:"file" help:"Files to read."`
	JSON    bool     `name:"json" help:"Print JSON lines, which it does anyway."`
}

func (featuresCommand) Help() string {
	return `Prints, a JSON line for each file, the numbers that training and inference take from it: for emotion the 128 log-mel bands of a wav, mp3 or flac file (input), for melody the share of notes at each of the 128 pitches of a MIDI file (target). A file that cannot be read is a line with its error, and exit code 1 at the end. It needs no libtorch.

Examples:

    etude features emotion song.wav
    etude features melody *.mid --json > pitches.jsonl`
}

// featureLine is what is printed for a file. What a network does not take from
// files is null.
type featureLine struct {
	File    string    `json:"file"`
	Network string    `json:"network"`
	Input   []float32 `json:"input"`
	Target  []float32 `json:"target"`
	Error   *string   `json:"error"`
}

// reader fills in what a network takes from a file.
type reader func(path string, line *featureLine) error

var readers = map[string]reader{
	"emotion": func(path string, line *featureLine) (err error) {
		line.Input, err = dataset.EmotionInput(path)
		return err
	},
	"melody": func(path string, line *featureLine) (err error) {
		line.Target, err = dataset.MelodyTarget(path)
		return err
	},
}

// Validate refuses networks without features before anything is read.
func (c *featuresCommand) Validate() error {
	if c.Network == "all" {
		return fmt.Errorf("name one network; there are %s", available())
	}
	_, err := networks([]string{c.Network})
	return err
}

// Run prints features.
func (c *featuresCommand) Run(env *Env) error {
	ctx, cancel := context.WithCancel(env.Context)
	defer cancel()
	// Decoded several at a time, printed in order.
	lines := make([]chan featureLine, len(c.Files))
	for i := range lines {
		lines[i] = make(chan featureLine, 1)
	}
	go func() {
		var g errgroup.Group
		g.SetLimit(runtime.GOMAXPROCS(0))
		for i, file := range c.Files {
			if ctx.Err() != nil {
				return
			}
			g.Go(func() error {
				lines[i] <- c.read(file)
				return nil
			})
		}
	}()
	out := json.NewEncoder(env.Stdout)
	out.SetEscapeHTML(false)
	failed := false
	for _, line := range lines {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case l := <-line:
			failed = failed || l.Error != nil
			if err := out.Encode(l); err != nil {
				return err
			}
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

func (c *featuresCommand) read(file string) featureLine {
	line := featureLine{File: file, Network: c.Network}
	if err := readers[c.Network](file, &line); err != nil {
		text := err.Error()
		line.Input, line.Target, line.Error = nil, nil, &text
	}
	return line
}
