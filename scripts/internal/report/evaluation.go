// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/floats"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/runs"
)

// Evaluation draws an evaluation into a folder, three pictures a network: predicted
// against true values, residuals, and the error of each output beside the
// constant prediction's. It returns the files.
func Evaluation(e *runs.Evaluation, spec models.Spec, dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	names, predicted, truth := quantities(spec, e.Predictions, e.Targets)
	_, constant, _ := quantities(spec, constantRows(e), e.Targets)
	residuals := make([][]float64, len(names))
	errors, ofConstant := make([]float64, len(names)), make([]float64, len(names))
	for i := range names {
		residuals[i] = difference(predicted[i], truth[i])
		errors[i], ofConstant[i] = rms(residuals[i]), rms(difference(constant[i], truth[i]))
	}
	title := fmt.Sprintf("%s, %d samples", spec.Title, e.Samples)
	var files []string
	for _, plot := range []struct {
		name string
		draw func(path string) error
	}{
		{"predicted", func(path string) error {
			if spec.Classes { // shares of many classes, most of them 0: one panel for all
				return PredictedTrue(path, title, []string{"share"}, [][]float64{flat(predicted)}, [][]float64{flat(truth)})
			}
			return PredictedTrue(path, title, names, predicted, truth)
		}},
		{"residuals", func(path string) error { return Residuals(path, title, names, residuals) }},
		{"outputs", func(path string) error { return Bars(path, title, names, errors, ofConstant, "RMSE") }},
	} {
		path := filepath.Join(dir, fmt.Sprintf("%s-%s.png", e.Network, plot.name))
		if err := plot.draw(path); err != nil {
			return files, fmt.Errorf("%s: %w", path, err)
		}
		files = append(files, path)
	}
	return files, nil
}

// constantRows returns the constant prediction for each sample.
func constantRows(e *runs.Evaluation) []float32 {
	rows := make([]float32, 0, len(e.Targets))
	for range e.Samples {
		rows = append(rows, e.Mean...)
	}
	return rows
}

// quantities gives, for each that an output stands for, its values in all rows.
func quantities(spec models.Spec, predictions, targets []float32) (names []string, predicted, truth [][]float64) {
	read := spec.Readout
	if read == nil {
		read = &models.Readout{Names: spec.Outputs(), Read: func(output []float32) []float64 {
			values := make([]float64, len(output))
			for i, v := range output {
				values[i] = float64(v)
			}
			return values
		}}
	}
	columns := func(rows []float32) [][]float64 {
		list := make([][]float64, len(read.Names))
		for at := 0; at < len(rows); at += spec.Out {
			for i, v := range read.Read(rows[at : at+spec.Out]) {
				list[i] = append(list[i], v)
			}
		}
		return list
	}
	return read.Names, columns(predictions), columns(targets)
}

func difference(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return d
}

// rms is the root of the mean square.
func rms(values []float64) float64 { return floats.Norm(values, 2) / math.Sqrt(float64(len(values))) }

func flat(lists [][]float64) []float64 {
	var all []float64
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
