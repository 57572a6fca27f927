// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/scripts/internal/progress"
)

type validateCommand struct {
	Data     string  `required:"" placeholder:"DATA" help:"${data}"`
	JSON     bool    `name:"json" help:"Print the report as one JSON value."`
	HTML     string  `name:"html" placeholder:"FILE" help:"Write the report as a page with plots, too."`
	ValSplit float64 `default:"0.2" placeholder:"F" help:"Share of validation in the split that is looked at (0.2)."`
	Seed     uint64  `default:"42" placeholder:"N" help:"Seed of that split (42)."`

	cacheFlags
}

func (validateCommand) Help() string {
	return `Reads a data folder as training would: finds the folders and label files, decodes every file, and lists what cannot be used, with the reason and how to fix it. Then it looks at what can be used: labels on another scale, constant or all in one quadrant, the same content or the same features twice, above all where the split would put one into training and the other into validation, clips that are short, dull or clipped, names that other systems would not keep, files that are not read. Of many problems of one kind the first five are printed; --json and --html have more. Ends with exit code 1 if it found errors; warnings are for you to weigh. It needs no libtorch.

Examples:

    etude validate --data ~/music
    etude validate --data ~/music --html report.html
    etude validate --data ~/music --val-split 0.1 --seed 7 --json > report.json`
}

// Validate refuses a split that is none before anything is read.
func (c *validateCommand) Validate() error {
	if !(c.ValSplit > 0 && c.ValSplit < 1) {
		return fmt.Errorf("--val-split is %v; it must be between 0 and 1", c.ValSplit)
	}
	return nil
}

// Run checks the data folder.
func (c *validateCommand) Run(env *Env) error {
	if c.HTML != "" { // better now than after the work
		if info, err := os.Stat(filepath.Dir(c.HTML)); err != nil || !info.IsDir() {
			return fmt.Errorf("--html %s: there is no folder %s; make it first", c.HTML, filepath.Dir(c.HTML))
		}
	}
	if err := checkPath("--data", c.Data); err != nil {
		return err
	}
	kept, done := c.open(env)
	found, err := validate(env, c.Data, dataset.Options{Cache: kept, Split: &dataset.Split{Share: c.ValSplit, Seed: c.Seed}})
	done()
	if err != nil {
		return err
	}
	err = env.result(c.JSON, found, func(w io.Writer) { printReport(w, found) }, found.OK)
	if c.HTML != "" && (err == nil || errors.Is(err, errFailed)) {
		if err := validationPage(found).Write(c.HTML); err != nil {
			return err
		}
		env.say("The page is in %s.", c.HTML)
	}
	return err
}

func validate(env *Env, root string, o dataset.Options) (*dataset.Report, error) {
	files := fileProgress{env: env, title: "checking"}
	defer files.finish("")
	o.Progress = files.set
	return dataset.Validate(env.Context, root, models.Sources(), o)
}

// fileProgress shows jobs that count files: one ends where the next begins.
type fileProgress struct {
	env   *Env
	title string
	job   *progress.Job
	total int
}

func (p *fileProgress) set(done, total int, _ string) {
	if p.job == nil || total != p.total || done == 1 {
		p.finish("")
		p.job, p.total = p.env.start(p.title, progress.Files, total), total
	}
	p.job.Set(int64(done), "")
}

func (p *fileProgress) finish(summary string) {
	if p.job != nil {
		p.job.Finish(summary)
		p.job = nil
	}
}
