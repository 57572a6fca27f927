// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

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
	_, constant, _ := quantities(spec, slices.Repeat(e.Mean, e.Samples), e.Targets)
	residuals := make([][]float64, len(names))
	errors, ofConstant := make([]float64, len(names)), make([]float64, len(names))
	for i := range names {
		residuals[i] = floats.SubTo(make([]float64, len(truth[i])), predicted[i], truth[i])
		errors[i], ofConstant[i] = floats.Norm(residuals[i], 2)/math.Sqrt(float64(len(truth[i]))), floats.Distance(constant[i], truth[i], 2)/math.Sqrt(float64(len(truth[i])))
	}
	title := fmt.Sprintf("%s, %d samples", spec.Title, e.Samples)
	outputs := names
	if spec.Classes { // shares of many classes, most of them 0: one panel for all
		outputs, predicted, truth = []string{"share"}, [][]float64{slices.Concat(predicted...)}, [][]float64{slices.Concat(truth...)}
	}
	var files []string
	for _, plot := range []struct {
		name string
		draw func() (*Figure, error)
	}{
		{"predicted", func() (*Figure, error) { return PredictedTrue(title, outputs, predicted, truth) }},
		{"residuals", func() (*Figure, error) { return Residuals(title, names, residuals) }},
		{"outputs", func() (*Figure, error) { return Bars(title, names, errors, ofConstant, "RMSE") }},
	} {
		path := filepath.Join(dir, fmt.Sprintf("%s-%s.png", e.Network, plot.name))
		f, err := plot.draw()
		if err == nil {
			err = f.WriteFile(path)
		}
		if err != nil {
			return files, fmt.Errorf("%s: %w", path, err)
		}
		files = append(files, path)
	}
	return files, nil
}

// quantities returns, for each quantity that an output stands for, its values in all
// rows.
func quantities(spec models.Spec, predictions, targets []float32) (names []string, predicted, truth [][]float64) {
	read := spec.Reading()
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
