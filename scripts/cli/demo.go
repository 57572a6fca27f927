// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/demo"
	"github.com/etude-ml/etude/torch/libtorch"
)

type demoCommand struct {
	Out  string `default:"demo" placeholder:"DIR" help:"Folder for the corpus and the run (demo)."`
	Seed uint64 `default:"42" placeholder:"N" help:"Seed of the music and of training (42)."`
	JSON bool   `name:"json" help:"Print the summary as one JSON value."`

	deviceFlags
}

func (demoCommand) Help() string {
	return `Sets up what is missing, then composes something for each network to learn from, and does with it what anybody would do with files of their own: validate, train, export, verify. There are 200 short pieces of music, as sound and as MIDI, whose tempo, mode, register, loudness and brightness follow a valence and an arousal; 50 performances at the piano, played as the score suggests; 200 drum patterns whose loudness, density and timing follow the mood; and 200 chord progressions, in a grammar for each mood. The table at the end shows the loss beside the one of always predicting the mean. It takes a minute or two.

Examples:

    etude demo
    etude demo --out /tmp/demo --seed 7`
}

// Run shows everything once.
func (c *demoCommand) Run(env *Env) error {
	started := time.Now()
	if _, err := setup(env, libtorch.Options{}); err != nil {
		return err
	}
	if _, err := c.load(env); err != nil {
		return err
	}
	data, run := filepath.Join(c.Out, "data"), filepath.Join(c.Out, "run")
	if err := c.compose(env, data); err != nil {
		return err
	}

	env.say("\n$ etude validate --data %s", data)
	report, err := validate(env, data, dataset.Options{})
	if err != nil {
		return err
	}
	if !report.OK {
		printReport(env.Stderr, report)
		return fmt.Errorf("%s: the corpus is not valid; remove the folder and try again", data)
	}
	env.say("%s", count(report.Errors, "error"))

	train := trainCommand{
		Networks: []string{"all"}, Data: data, Out: run, Force: true, deviceFlags: c.deviceFlags, JSON: c.JSON, alone: true,
		Overrides: runs.Overrides{Seed: &c.Seed},
	}
	env.say("\n$ etude train all --data %s --out %s --force --seed %d%s", data, run, c.Seed, c.words())
	if err := train.Validate(); err != nil {
		return err
	}
	if err := train.Run(env); err != nil {
		return err
	}
	env.say("The demo took %.0f s.", time.Since(started).Seconds())
	return nil
}

func (c *demoCommand) compose(env *Env, dir string) error {
	music := fileProgress{env: env, title: "composing"}
	err := demo.Write(env.Context, dir, demo.Options{Seed: c.Seed, OnSection: func(done, total int) { music.set(done, total, "") }})
	music.finish("music in " + dir)
	return err
}
