// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package measure computes how good a network's predictions are, in the units that
// people use for them, and how good a prediction that ignores its input would
// have been: the mean of the training targets. A network that does not beat this
// constant has learned nothing, however small its loss.
//
// Predictions and targets come as flat rows, one sample after another, so this
// package needs no libtorch.
package measure

import (
	"fmt"
	"slices"
)

// Func measures predictions against the true targets, n rows of the network's
// output each, one after another. The constant is the mean of the training
// targets, one row ([Mean]). It is an error if the rows do not fit each other, or
// if there are none. Predictions that are not numbers make measures undefined.
type Func func(predictions, targets, constant []float32) (*Report, error)

// Report holds the same measures twice: of the network's predictions, and of the
// constant one.
type Report struct {
	Samples  int      `json:"samples"`
	Measures Measures `json:"measures"`
	Constant Measures `json:"constant"`
}

// Measures are the measures of one kind of network: [EmotionMeasures],
// [DistributionMeasures] or [RegressionMeasures]. In JSON each has its name.
type Measures interface {
	// Rows lists the measures for a table, in an order that depends on the kind
	// of network alone: the rows of a report's two halves stand side by side.
	Rows() []Row
}

// Row is a measure as a line of a table.
type Row struct {
	Name   string // as people call it: "valence RMSE"
	Value  Number
	Better Better
}

// Better tells which of two values of a measure is the better one.
type Better int

const (
	LowerIsBetter  Better = iota // errors and losses, from 0
	HigherIsBetter               // correlations and agreement, up to 1
)

// report checks the rows and measures both predictions.
func report(network string, width int, of func(predictions, targets []float32) Measures, predictions, targets, constant []float32) (*Report, error) {
	switch {
	case width < 1:
		return nil, fmt.Errorf("measure: %s: no output is named", network)
	case len(targets) == 0 || len(targets)%width != 0:
		return nil, fmt.Errorf("measure: %s: %d target values, want at least one row of %d", network, len(targets), width)
	case len(predictions) != len(targets):
		return nil, fmt.Errorf("measure: %s: %d predicted values for %d target values", network, len(predictions), len(targets))
	case len(constant) != width:
		return nil, fmt.Errorf("measure: %s: the constant prediction has %d values, want %d", network, len(constant), width)
	}
	n := len(targets) / width
	return &Report{
		Samples:  n,
		Measures: of(predictions, targets),
		Constant: of(slices.Repeat(constant, n), targets),
	}, nil
}

// Mean returns the mean row of rows of the given width: that of the training targets
// is the constant prediction. It is nil without rows.
func Mean(rows []float32, width int) []float32 {
	if len(rows) == 0 {
		return nil
	}
	sum := make([]float64, width)
	for i, x := range rows {
		sum[i%width] += float64(x)
	}
	mean := make([]float32, width)
	for i, s := range sum {
		mean[i] = float32(s / float64(len(rows)/width))
	}
	return mean
}
