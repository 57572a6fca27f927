// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/torch/data"
)

type inferCommand struct {
	Model string   `arg:"" name:"model" help:"RUN/NETWORK, a .pt or an .onnx file; with --chain RUN, the folder of networks."`
	Files []string `arg:"" name:"file" help:"Files to read, folders of such files, or - for inputs as JSON on standard input."`
	Every string   `placeholder:"SECONDS" help:"Answer for windows of a sound that begin every so many seconds: 1, 0.5s."`
	Chain bool     `help:"Let all networks of RUN answer to a sound, one after another."`
	MIDI  string   `name:"midi" placeholder:"FILE" help:"Write what --chain predicts as a playable sketch, a MIDI file."`
	Bars  int      `placeholder:"N" help:"Bars of the sketch, with a chord each: for each window with --every. 16; with --every 4."`
	Seed  uint64   `default:"42" placeholder:"N" help:"Of the chords and notes that --chain draws (42)."`
	Plot  string   `placeholder:"FILE" help:"Draw a picture, .png or .svg: bars, with --chain of each network's first answer, or with --every a curve of one sound."`
	JSON  bool     `name:"json" xor:"form" help:"Print JSON lines, with all numbers."`
	CSV   bool     `name:"csv" xor:"form" help:"Print CSV with a column for each quantity; with --chain a line for each."`
}

func (inferCommand) Help() string {
	return `Lets a trained network answer: valence and arousal of a sound, the likeliest notes or chords, dynamics and groove by name. FILE is of the kind that the network was trained on, a folder of such files, or inputs as JSON (.json, .jsonl): lists of numbers, the lines of "etude features", or {"valence": 0.5, "arousal": 0.8} for a network that takes an emotion. A file with several windows has an answer for each; chords have one for every four, and one for what comes after the last. Of a sound the network hears the first 2 s; with --every it answers every SECONDS, but not for silence. In JSON lines, "output" has the network's numbers, "readout" what they stand for, and "at" the second where a sample begins: 0 for a whole file, null where "part" says it. A file that cannot be used is named with the reason, and the exit code is 1 at the end. An .onnx file needs no libtorch; RUN/NETWORK stands for its model.onnx if that has the weights of model.pt.

With --chain, emotion answers to a sound; its valence and arousal, limited to their ranges and embedded as in training, go to melody, groove and harmony. Harmony answers for four chords at a time: they are drawn from its shares, in no order, and are the past of the next four. The first past is empty, which training never had. Dynamics answers to 4 s of the sketch at a time. With --every the chain answers for each window in turn: at 8, the 4 bars of each last as long as the sound. In JSON lines of a chain, "input" has what the network was given, "part" the chords that were drawn, and "at" is of the sound, or of the sketch for dynamics.

--midi writes a sketch in 4/4 on C at 120 quarters a minute, which no network predicts: a chord for each bar; eighths drawn from melody's shares of the pitches, on the beats 1 and 3 only tones of the chord; and at each sixteenth where groove's velocity is at least 16 of 127, with its offset, the bass drum, the snare or the hi-hat, whichever is usual there. Velocities of melody and chords are drawn as dynamics says, or are 80. The same --seed writes the same bytes.

Examples:

    etude infer runs/first/emotion/model.onnx song.wav
    etude infer emotion.onnx song.wav --every 1 --csv > curve.csv
    etude infer runs/first/dynamics ~/scores --csv > dynamics.csv
    etude infer runs/first song.wav --chain --midi sketch.mid
    etude infer emotion.onnx song.wav --every 1 --plot curve.png
    echo '{"valence": 0.5, "arousal": 0.8}' | etude infer melody.onnx - --json`
}

// Validate finds mistakes in the command line.
func (c *inferCommand) Validate() error {
	if every, err := c.every(); c.Every != "" && (err != nil || !(every >= 0.01 && every <= math.MaxFloat64)) {
		return fmt.Errorf("--every is %s; it must be a number of seconds from 0.01 on, such as 0.5", c.Every)
	}
	midi, plot := strings.ToLower(filepath.Ext(c.MIDI)), strings.ToLower(filepath.Ext(c.Plot))
	switch {
	case !c.Chain && (c.MIDI != "" || c.Bars != 0):
		return errors.New("--midi and --bars need --chain and a folder of networks")
	case c.Bars < 0 || c.Bars > 10000:
		return fmt.Errorf("--bars is %d; it must be between 1 and 10,000", c.Bars)
	case c.MIDI != "" && midi != ".mid" && midi != ".midi":
		return fmt.Errorf("--midi is %s; its name must end in .mid or .midi", c.MIDI)
	case c.Plot != "" && plot != ".png" && plot != ".svg":
		return fmt.Errorf("--plot is %s; its name must end in .png or .svg", c.Plot)
	case len(c.Files) > 1 && c.forOne():
		return errOne
	case c.Chain && slices.Contains(c.Files, "-"):
		return errors.New("--chain takes files, not - for standard input")
	}
	return nil
}

var errOne = errors.New("--midi, and --plot with --every or --chain, take one sound")

// forOne reports whether what is asked for is about one file.
func (c *inferCommand) forOne() bool {
	return c.MIDI != "" || c.Plot != "" && (c.Every != "" || c.Chain)
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
	Input   []float32                 `json:"input,omitempty"` // of a chain
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
	if err := errors.Join(checkWritable("--midi", c.MIDI), checkWritable("--plot", c.Plot)); err != nil {
		return err
	}
	every, _ := c.every() // 0 without --every
	a := &answers{inferCommand: c, env: env}
	var predict func(files []string) ([]runs.Prediction, error)
	var sketch *runs.Sketch
	if c.Chain {
		chain, err := runs.OpenChain(c.Model)
		if err != nil {
			return err
		}
		defer chain.Close()
		if len(chain.Missing) > 0 {
			env.say("%s has no %s, without which the chain goes on", c.Model, strings.Join(chain.Missing, ", "))
		}
		a.models = chain.Models()
		predict = func(files []string) (list []runs.Prediction, err error) {
			list, sketch, err = chain.Predict(env.Context, files[0], runs.ChainOptions{Every: every, Bars: c.Bars, Seed: c.Seed})
			return list, err
		}
	} else {
		m, err := runs.OpenPredictor(c.Model)
		if err != nil {
			return err
		}
		defer m.Close()
		a.models = []*runs.Model{m}
		predict = func(files []string) ([]runs.Prediction, error) {
			switch {
			case files[0] == "-":
				r, w := io.Pipe() // an interrupt ends a wait for input
				defer context.AfterFunc(env.Context, func() { r.CloseWithError(context.Cause(env.Context)) })()
				go func() {
					_, err := io.Copy(w, os.Stdin)
					w.CloseWithError(err)
				}()
				return m.PredictJSON(env.Context, "-", r)
			case c.Every != "":
				return m.PredictEvery(env.Context, every, files...)
			}
			return m.Predict(env.Context, files...)
		}
	}
	for _, m := range a.models {
		if m.Note != "" {
			env.say("%s", m.Note)
		}
	}
	a.begin()
	files, err := a.files(c.Files)
	if err != nil {
		return err
	}
	if len(files) > 1 && c.forOne() {
		return fmt.Errorf("%w, and %s holds %d", errOne, c.Files[0], len(files))
	}
	for len(files) > 0 {
		n := 1
		for !c.Chain && files[0] != "-" && n < min(len(files), inferAtOnce) && files[n] != "-" {
			n++
		}
		list, err := predict(files[:n])
		if err == nil {
			err = a.add(list...)
		}
		if err != nil {
			return err
		}
		files = files[n:]
	}
	failed := a.finish()
	if c.MIDI != "" && a.failed {
		env.say("%s is not written, because there is no answer for a part of the sound", c.MIDI)
	} else if c.MIDI != "" {
		if err := sketch.WriteMIDI(c.MIDI); err != nil {
			return err
		}
	}
	if c.Plot != "" && len(a.drawn) == 0 {
		env.say("%s is not written, because there is no answer", c.Plot)
	} else if c.Plot != "" {
		if err := plotAnswers(c.Plot, a.drawn, c.Every != "", a.classes); err != nil {
			return err
		}
	}
	return failed
}

// answers prints predictions.
type answers struct {
	*inferCommand
	env    *Env
	models []*runs.Model // one, or of a chain
	csv    *csv.Writer   // or
	table  *table

	drawn   []runs.Prediction // what the plot shows
	failed  bool
	skipped []data.Skip
	notes   []string
}

// begin writes the head of what is printed.
func (a *answers) begin() {
	first := a.models[0].Spec
	names := first.Reading().Names
	columns := append([]string{"file", "part", "at"}, names...)
	switch {
	case a.Chain:
		a.table, columns = newTable("file", "network", "answer"), []string{"file", "network", "part", "at", "name", "value"}
	case first.Classes:
		a.table = newTable("file", "most likely")
	case len(names) <= wide:
		a.table = newTable(append([]string{"file"}, names...)...)
	default:
		a.table = newTable("file", "output", "value")
	}
	if a.CSV {
		a.csv = csv.NewWriter(a.env.Stdout)
		_ = a.csv.Write(columns) // the writer keeps its error
	}
}

// classes reports whether a network's outputs are shares of classes.
func (a *answers) classes(network string) bool {
	return slices.ContainsFunc(a.models, func(m *runs.Model) bool { return m.Spec.Name == network && m.Spec.Classes })
}

// files lists the files that arguments stand for, and answers for what cannot be listed.
func (a *answers) files(arguments []string) (files []string, err error) {
	for _, name := range arguments {
		if info, err := os.Stat(name); name == "-" || err != nil || !info.IsDir() {
			files = append(files, name) // whoever opens it finds what is wrong
			continue
		}
		kinds := a.models[0].Spec.Source.Reads()
		found, skipped, err := dataset.List(name, kinds)
		if err == nil && len(found)+len(skipped) == 0 {
			err = fmt.Errorf("%s: no file in it that ends in %s", name, strings.Join(kinds, ", "))
		}
		if err != nil {
			skipped = append(skipped, data.Skip{Name: name, Reason: err.Error()})
		}
		for _, s := range skipped {
			if err := a.add(runs.Prediction{File: s.Name, Network: a.models[0].Spec.Name, Err: errors.New(s.Reason)}); err != nil {
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
		if a.Plot != "" && p.Err == nil {
			a.drawn = append(a.drawn, p)
		}
		if a.JSON {
			if err := a.env.printJSON(a.line(p), ""); err != nil {
				return err
			}
			continue
		}
		for _, note := range p.Notes {
			a.notes = append(a.notes, p.File+": "+note)
		}
		name, part := p.File, ""
		switch {
		case p.Part != "" && a.Chain && a.Every != "" && p.Network != "dynamics": // whose part says it
			part = fmt.Sprintf(" [%g s, %s]", p.Start, p.Part)
		case p.Part != "":
			part = " [" + p.Part + "]"
		case a.Every != "" && p.Err == nil:
			part = fmt.Sprintf(" [%g s]", p.Start)
		}
		switch {
		case p.Err != nil:
			reason := p.Err.Error()
			if _, after, found := strings.Cut(reason, p.File+": "); found {
				reason = after
			}
			a.skipped = append(a.skipped, data.Skip{Name: name + part, Reason: reason})
		case a.csv != nil:
			a.addCSV(p)
		case a.Chain:
			values, more := p.Values, ""
			if a.classes(p.Network) {
				values = p.Top(5)
			} else if len(values) > wide {
				values, more = values[:wide], fmt.Sprintf(", … (%d; --json and --csv list all)", len(values))
			}
			a.table.row(name, p.Network+part, words(values)+more)
		case a.classes(p.Network):
			a.table.row(name+part, words(p.Top(5)))
		case len(p.Values) <= wide:
			row := []any{name + part}
			for _, v := range p.Values {
				row = append(row, number(measure.Number(v.Value)))
			}
			a.table.row(row...)
		default:
			for _, v := range p.Values {
				a.table.row(name+part, v.Name, number(measure.Number(v.Value)))
			}
		}
	}
	if a.csv != nil {
		a.csv.Flush()
	}
	return nil
}

// addCSV writes a row, or of a chain, whose networks have other quantities each, one for
// each value.
func (a *answers) addCSV(p runs.Prediction) {
	digits := func(v float64, n int) string { return strconv.FormatFloat(v, 'g', n, 64) }
	at := ""
	if a.Chain || p.Part == "" {
		at = digits(p.Start, -1)
	}
	row := []string{plain.Text(p.File), plain.Text(p.Part), at}
	for _, v := range p.Values {
		value := digits(v.Value, 9) // all digits of a float32
		if a.Chain {
			_ = a.csv.Write([]string{row[0], p.Network, row[1], at, v.Name, value})
		}
		row = append(row, value)
	}
	if !a.Chain {
		_ = a.csv.Write(row)
	}
}

// words lists values with their names.
func words(values []runs.Value) string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = v.Name + " " + number(measure.Number(v.Value))
	}
	return strings.Join(list, ", ")
}

// line returns the line of JSON for a prediction.
func (a *answers) line(p runs.Prediction) inferLine {
	l := inferLine{File: p.File, Network: p.Network, Part: p.Part, Output: p.Output, Notes: append([]string{}, p.Notes...)}
	if a.Chain {
		l.Input = p.Input
	}
	if a.Chain || p.Part == "" {
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
	if !a.JSON && a.csv == nil && len(a.table.rows) > 1 {
		a.table.print(a.env.Stdout)
	}
	for _, line := range runs.Remarks(a.skipped, nil) {
		a.env.say("%s", line)
	}
	slices.Sort(a.notes)
	a.notes = slices.Compact(a.notes) // one of a file comes with each of its windows
	if n := len(a.notes); n > 0 {
		a.env.say("%s on files that were read (--json lists them), the first: %s", count(n, "remark"), a.notes[0])
	}
	if a.failed {
		return errFailed
	}
	return nil
}
