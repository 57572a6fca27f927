// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
)

type inferCommand struct {
	Model string   `arg:"" name:"model" help:"RUN/NETWORK, a .pt or an .onnx file."`
	Files []string `arg:"" name:"file" help:"Files to read, folders of such files, or - for inputs as JSON on standard input."`
	Every string   `placeholder:"SECONDS" help:"Answer for windows of a sound that begin every so many seconds: 1, 0.5s."`
	JSON  bool     `name:"json" xor:"form" help:"Print JSON lines, with all numbers."`
	CSV   bool     `name:"csv" xor:"form" help:"Print CSV with a column for each quantity."`
}

func (inferCommand) Help() string {
	return `Lets a trained network answer: valence and arousal of a sound, the likeliest notes or chords, dynamics and groove by name. A file is of the kind that the network is trained on, of which a folder stands for all in it, or it holds inputs as JSON (.json, .jsonl): lists of numbers, the lines of "etude features", or {"valence": 0.5, "arousal": 0.8} for a network that takes an emotion. A file with several windows has an answer for each, and a sound, of which the network hears 2 s, one for every SECONDS with --every. In JSON lines, "output" has the network's numbers and "readout" what they stand for; "at" is the second where a sample begins, 0 for a whole file and null where "part" says it. A file that cannot be used is named with the reason, and the exit code is 1 at the end. An .onnx file needs no libtorch, and is the quickest.

Examples:

    etude infer runs/first/emotion/model.onnx song.wav
    etude infer emotion.onnx song.wav --every 1 --csv > curve.csv
    etude infer runs/first/dynamics ~/scores --csv > dynamics.csv
    echo '{"valence": 0.5, "arousal": 0.8}' | etude infer melody.onnx - --json`
}

// Validate finds mistakes in the command line.
func (c *inferCommand) Validate() error {
	if every, err := c.every(); c.Every != "" && (err != nil || !(every >= 0.01)) {
		return fmt.Errorf("--every is %s; it must be a number of seconds from 0.01 on, such as 0.5", c.Every)
	}
	return nil
}

// every returns the seconds between windows, with or without their unit.
func (c *inferCommand) every() (float64, error) {
	if d, err := time.ParseDuration(c.Every); err == nil {
		return d.Seconds(), nil
	}
	return strconv.ParseFloat(c.Every, 64)
}

// inferLine is the line of JSON for a sample.
type inferLine struct {
	File    string                    `json:"file"`
	Network string                    `json:"network"`
	Part    string                    `json:"part,omitempty"`
	At      *float64                  `json:"at"`
	Output  []float32                 `json:"output"`
	Readout map[string]measure.Number `json:"readout"`
	Notes   []string                  `json:"notes"`
	Error   *string                   `json:"error"`
}

// inferAtOnce is how many files are read before the answers are printed.
const inferAtOnce = 256

// wide is how many quantities a row of a table holds.
const wide = 4

// Run lets the network answer.
func (c *inferCommand) Run(env *Env) error {
	if !strings.EqualFold(filepath.Ext(c.Model), ".onnx") {
		if err := torch.InitCPU(); err != nil {
			return err
		}
	}
	m, err := runs.OpenModel(c.Model, "")
	if err != nil {
		return err
	}
	defer m.Close()
	if m.Note != "" {
		env.say("%s", m.Note)
	}
	a := &answers{env: env, model: m, reading: m.Spec.Reading(), json: c.JSON, windows: c.Every != "", table: newTable("file", "most likely")}
	switch {
	case c.CSV:
		a.csv = csv.NewWriter(env.Stdout)
		_ = a.csv.Write(append([]string{"file", "part", "at"}, a.reading.Names...)) // the writer keeps its error
	case m.Spec.Classes:
	case len(a.reading.Names) <= wide:
		a.table = newTable(append([]string{"file"}, a.reading.Names...)...)
	default:
		a.table = newTable("file", "output", "value")
	}
	files, err := a.files(c.Files)
	if err != nil {
		return err
	}
	for len(files) > 0 {
		n := 1
		var list []runs.Prediction
		if files[0] == "-" {
			list, err = m.PredictJSON(env.Context, "-", os.Stdin)
		} else {
			predict := m.Predict
			if every, err := c.every(); err == nil {
				predict = func(ctx context.Context, files ...string) ([]runs.Prediction, error) {
					return m.PredictEvery(ctx, every, files...)
				}
			}
			for n < min(len(files), inferAtOnce) && files[n] != "-" {
				n++
			}
			list, err = predict(env.Context, files[:n]...)
		}
		if err == nil {
			err = a.add(list...)
		}
		if err != nil {
			return err
		}
		files = files[n:]
	}
	return a.finish()
}

// answers prints predictions.
type answers struct {
	env     *Env
	model   *runs.Model
	reading models.Readout
	json    bool
	windows bool
	csv     *csv.Writer // or
	table   *table

	failed  bool
	skipped []data.Skip
	notes   []string
}

// files lists the files that arguments stand for, and answers for what cannot be listed.
func (a *answers) files(arguments []string) (files []string, err error) {
	for _, name := range arguments {
		if info, err := os.Stat(name); name == "-" || err != nil || !info.IsDir() {
			files = append(files, name) // whoever opens it finds what is wrong
			continue
		}
		kinds := a.model.Spec.Source.Reads()
		found, skipped, err := dataset.List(name, kinds)
		if err == nil && len(found)+len(skipped) == 0 {
			err = fmt.Errorf("%s: no file in it that ends in %s", name, strings.Join(kinds, ", "))
		}
		if err != nil {
			skipped = append(skipped, data.Skip{Name: name, Reason: err.Error()})
		}
		for _, s := range skipped {
			if err := a.add(runs.Prediction{File: s.Name, Err: errors.New(s.Reason)}); err != nil {
				return nil, err
			}
		}
		files = append(files, found...)
	}
	return files, nil
}

func (a *answers) add(list ...runs.Prediction) error {
	for _, p := range list {
		a.failed = a.failed || p.Err != nil
		if a.json {
			if err := a.env.printJSON(a.line(p), ""); err != nil {
				return err
			}
			continue
		}
		for _, note := range p.Notes {
			a.notes = append(a.notes, p.File+": "+note)
		}
		name := p.File
		switch {
		case p.Part != "":
			name += " [" + p.Part + "]"
		case a.windows && p.Err == nil:
			name += fmt.Sprintf(" [%g s]", p.Start)
		}
		switch {
		case p.Err != nil:
			reason := p.Err.Error()
			if _, after, found := strings.Cut(reason, p.File+": "); found {
				reason = after
			}
			a.skipped = append(a.skipped, data.Skip{Name: name, Reason: reason})
		case a.csv != nil:
			row := []string{plain.Text(p.File), plain.Text(p.Part), ""}
			if p.Part == "" {
				row[2] = strconv.FormatFloat(p.Start, 'g', -1, 64)
			}
			for _, v := range p.Values {
				row = append(row, strconv.FormatFloat(v.Value, 'g', 9, 64)) // all digits of a float32
			}
			_ = a.csv.Write(row)
		case a.model.Spec.Classes:
			var best []string
			for _, v := range p.Top(5) {
				best = append(best, v.Name+" "+number(measure.Number(v.Value)))
			}
			a.table.row(name, strings.Join(best, ", "))
		case len(p.Values) <= wide:
			row := []any{name}
			for _, v := range p.Values {
				row = append(row, number(measure.Number(v.Value)))
			}
			a.table.row(row...)
		default:
			for _, v := range p.Values {
				a.table.row(name, v.Name, number(measure.Number(v.Value)))
			}
		}
	}
	if a.csv != nil {
		a.csv.Flush()
	}
	return nil
}

// line returns the line of JSON for a prediction.
func (a *answers) line(p runs.Prediction) inferLine {
	l := inferLine{File: p.File, Network: a.model.Spec.Name, Part: p.Part, Output: p.Output, Notes: append([]string{}, p.Notes...)}
	if p.Part == "" {
		l.At = &p.Start
	}
	if p.Err != nil {
		text := p.Err.Error()
		l.Error = &text
		return l
	}
	l.Readout = map[string]measure.Number{}
	for _, v := range p.Values {
		l.Readout[v.Name] = measure.Number(v.Value)
	}
	return l
}

// finish prints what was waited for, and what was left out.
func (a *answers) finish() error {
	if !a.json && a.csv == nil && len(a.table.rows) > 1 {
		a.table.print(a.env.Stdout)
	}
	for _, line := range runs.Remarks(a.skipped, nil) {
		a.env.say("%s", line)
	}
	if n := len(a.notes); n > 0 {
		a.env.say("%s on files that were read (--json lists them), the first: %s", count(n, "remark"), a.notes[0])
	}
	if a.failed {
		return errFailed
	}
	return nil
}
