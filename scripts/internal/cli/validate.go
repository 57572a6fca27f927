// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/scripts/internal/progress"
)

type validateCommand struct {
	Data string `required:"" placeholder:"DATA" help:"Folder that holds training/audio and training/midi."`
	JSON bool   `name:"json" help:"Print the report as one JSON value."`
}

func (validateCommand) Help() string {
	return `Reads a data folder as training would: finds the folders and label files, decodes every file, and lists what cannot be used, with the reason and what mends it. Ends with exit code 1 if it found errors.

Examples:

    etude validate --data ~/music
    etude validate --data ~/music --json > report.json`
}

// Run validates.
func (c *validateCommand) Run(env *Env) error {
	report, err := validate(env, c.Data)
	if err != nil {
		return err
	}
	if c.JSON {
		err = env.printJSON(report)
	} else {
		printReport(env.Stdout, report)
	}
	if err == nil && !report.OK {
		err = errFailed
	}
	return err
}

func validate(env *Env, root string) (*dataset.Report, error) {
	files := fileProgress{env: env, title: "checking"}
	defer files.finish("")
	return dataset.Validate(env.Context, root, models.Sources(), dataset.Options{Progress: files.set})
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

// printReport writes a table of the folders, then what is wrong with each.
func printReport(w io.Writer, r *dataset.Report) {
	t := newTable("network", "usable", "files", "labels", "groups", "folder")
	for _, s := range r.Sections {
		folder := s.Folder
		if folder == "" {
			folder = "none"
		}
		t.row(s.Network, s.Usable, s.Files, s.Labels, s.Groups, folder)
	}
	t.print(w)
	for _, s := range r.Sections {
		for _, p := range s.Problems {
			at := s.Network
			if p.Name != "" {
				at += ": " + p.Name
			}
			fmt.Fprintf(w, "%s: %s: %s\n", p.Level, at, p.Reason)
		}
	}
	fmt.Fprintf(w, "%d errors, %d warnings\n", r.Errors, r.Warnings)
}
