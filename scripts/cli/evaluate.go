// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/scripts/internal/report"
	"github.com/etude-ml/etude/torch"
)

type evaluateCommand struct {
	Model string `arg:"" name:"model" help:"RUN/NETWORK, a .pt or an .onnx file; RUN stands for all its networks."`
	Data  string `required:"" placeholder:"DATA" help:"${data}"`
	All   bool   `help:"Measure also on the samples that the network was trained on."`
	Plots string `placeholder:"DIR" help:"Folder for plots: predicted against true, residuals, errors by output."`
	JSON  bool   `name:"json" help:"Print the measures as one JSON value."`

	cacheFlags
}

func (evaluateCommand) Help() string {
	var by []string
	for _, spec := range models.All() {
		by = append(by, spec.Name+" by "+strings.Join(append([]string{"loss"}, spec.Headlines...), ", "))
	}
	return `Reads a data folder as training does, lets a trained network predict, and compares: ` + strings.Join(by, "; ") + `; and more. Beside each measure stands that of the constant prediction, the mean of the training targets: a network that does not beat it has learned nothing. Samples that the network was trained on, which its run's samples.json lists, are skipped and counted.

Examples:

    etude evaluate runs/first/emotion --data ~/music
    etude evaluate runs/first --data ~/other-music --plots plots --json
    etude evaluate melody.onnx --data ~/other-music`
}

// Run measures the networks.
func (c *evaluateCommand) Run(env *Env) error {
	if err := checkPath("--data", c.Data); err != nil {
		return err
	}
	files, isRun, err := runs.FindModels(c.Model)
	if err != nil {
		return err
	}
	if err := torch.InitCPU(); err != nil {
		return err
	}
	kept, done := c.open(env)
	defer done()
	var failed []error
	results := map[string]*runs.Evaluation{}
	for _, file := range files {
		network, e, err := c.evaluate(env, file, dataset.Options{Cache: kept})
		if env.Context.Err() != nil && err != nil {
			return err
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		results[network] = e
		if !c.JSON {
			printEvaluation(env.Stdout, e)
		}
	}
	if c.JSON && len(results) > 0 {
		// The result of one network is its measures, that of a run an object of several.
		var v any = results
		for _, e := range results {
			if !isRun {
				v = e
			}
		}
		failed = append(failed, env.printJSON(v, "  "))
	}
	return errors.Join(failed...)
}

func (c *evaluateCommand) evaluate(env *Env, file string, o dataset.Options) (network string, e *runs.Evaluation, err error) {
	m, err := runs.OpenModel(file, "")
	if err != nil {
		return "", nil, err
	}
	defer m.Close()
	if m.Note != "" {
		env.say("%s", m.Note)
	}
	e, err = env.evaluate(m, c.All, o, func(o dataset.Options) (*runs.Evaluation, error) {
		return m.Evaluate(env.Context, c.Data, c.All, o)
	})
	if err != nil {
		return "", nil, err
	}
	if c.Plots != "" {
		if e.Plots, err = report.Evaluation(e, m.Spec, c.Plots); err != nil {
			return "", nil, named("--plots", c.Plots, err)
		}
	}
	return e.Network, e, nil
}

// evaluate shows how far run is, and says what it left out.
func (env *Env) evaluate(m *runs.Model, all bool, o dataset.Options, run func(dataset.Options) (*runs.Evaluation, error)) (*runs.Evaluation, error) {
	reading := fileProgress{env: env, title: m.Spec.Name + ": reading"}
	defer reading.finish("")
	o.Progress = reading.set
	e, err := run(o)
	if errors.Is(err, runs.ErrAllSeen) {
		err = fmt.Errorf("%w; --all does so all the same", err)
	}
	if err != nil {
		return nil, err
	}
	reading.finish("")
	for _, line := range runs.Remarks(e.Skipped, e.Notes) {
		env.say("%s: %s", e.Network, withFlags(line))
	}
	switch {
	case e.Trained == nil:
		env.say("%s: all samples are measured: there is no samples.json beside %s to tell which of them it was trained on", e.Network, e.Model)
	case *e.Trained > 0 && !all:
		seen := "1 sample was trained on and is left out"
		if n := *e.Trained; n > 1 {
			seen = fmt.Sprintf("%d samples were trained on and are left out", n)
		}
		env.say("%s: %s (--all measures them too)", e.Network, seen)
	}
	return e, nil
}

// printEvaluation writes an evaluation as tables.
func printEvaluation(w io.Writer, e *runs.Evaluation) {
	constant := "the constant is the mean of the training targets"
	if e.ConstantFrom != "training" {
		constant = "the training targets are not known, so the constant is the mean of these ones"
	}
	plain.Fprintf(w, "\n%s (%s): %s in %s; %s\n", e.Network, e.Model, count(e.Samples, "sample"), count(e.Groups, "group"), constant)
	printMeasures(w, []string{e.Network}, e)
	if e.BeatsConstant {
		plain.Fprintf(w, "%s is better than always predicting the mean.\n", e.Network)
	} else {
		plain.Fprintf(w, "%s is not better than always predicting the mean.\n", e.Network)
	}
	outputs, byOutput := e.Measures.(measure.RegressionMeasures)
	if !byOutput {
		return
	}
	fmt.Fprintln(w)
	t := newTable("output", "RMSE", "constant", "MAE", "constant", "r")
	ofConstant := e.Constant.(measure.RegressionMeasures)
	for i, o := range outputs.Outputs {
		c := ofConstant.Outputs[i]
		t.row(o.Name, number(o.RMSE), number(c.RMSE), number(o.MAE), number(c.MAE), number(o.R))
	}
	t.print(w)
}

// printMeasures writes a table with the measures of evaluations of one network on the same
// samples, and of the constant. Between two of them it has a column with the change.
func printMeasures(w io.Writer, columns []string, list ...*runs.Evaluation) {
	t := newTable(slices.Concat([]string{"measure"}, columns, []string{"constant", "better is"})...)
	rows := func(loss measure.Number, m measure.Measures) []measure.Row {
		list := slices.DeleteFunc(m.Rows(), func(r measure.Row) bool { return r.Name == "loss" })
		if outputs, ok := m.(measure.RegressionMeasures); ok { // they have a table of their own
			list = list[:len(list)-3*len(outputs.Outputs)]
		}
		return append([]measure.Row{{Name: "loss", Value: loss}}, list...)
	}
	for i, constant := range rows(list[0].ConstantLoss, list[0].Constant) {
		row := []any{constant.Name}
		var values []measure.Number
		for _, e := range list {
			values = append(values, rows(e.Loss, e.Measures)[i].Value)
			row = append(row, number(values[len(values)-1]))
		}
		if len(values) == 2 {
			row = append(row, printed("%+.1g", values[1]-values[0]))
		}
		better := map[measure.Better]string{measure.LowerIsBetter: "lower", measure.HigherIsBetter: "higher"}
		t.row(append(row, number(constant.Value), better[constant.Better])...)
	}
	t.print(w)
}
