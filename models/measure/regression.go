// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package measure

import "slices"

// RegressionMeasures holds the measures of DynamicsEngine and of GroovePredictor,
// whose outputs are quantities with a name each.
type RegressionMeasures struct {
	MSE  Number `json:"mse"`  // over all values: the loss
	MAE  Number `json:"mae"`  // over all values
	RMSE Number `json:"rmse"` // over all values

	// R is the mean of the outputs' correlations, of those that have one. The
	// correlation of all values pooled would be high for the constant prediction
	// too, as soon as the outputs have different means.
	R Number `json:"r"`

	Outputs []Output `json:"outputs"` // in the order of the network's outputs
}

// Output holds the measures of one output.
type Output struct {
	Name string `json:"name"`
	RMSE Number `json:"rmse"`
	MAE  Number `json:"mae"`
	R    Number `json:"r"` // Pearson's correlation
}

// Regression returns the [Func] of a network with an output for each name, in their
// order; the measures are [RegressionMeasures]. Without names the Func returns an
// error.
func Regression(names []string) Func {
	names = slices.Clone(names)
	return func(predictions, targets, constant []float32) (*Report, error) {
		return report("regression", len(names), func(p, t []float32) Measures {
			return regression(names, p, t)
		}, predictions, targets, constant)
	}
}

// Rows lists the measures for a table: first over all outputs, then by output.
func (m RegressionMeasures) Rows() []Row {
	rows := []Row{
		{"RMSE", m.RMSE, LowerIsBetter},
		{"mean r", m.R, HigherIsBetter},
		{"MSE", m.MSE, LowerIsBetter},
		{"MAE", m.MAE, LowerIsBetter},
	}
	for _, o := range m.Outputs {
		rows = append(rows,
			Row{o.Name + " RMSE", o.RMSE, LowerIsBetter},
			Row{o.Name + " MAE", o.MAE, LowerIsBetter},
			Row{o.Name + " r", o.R, HigherIsBetter})
	}
	return rows
}

func regression(names []string, predictions, targets []float32) RegressionMeasures {
	m := RegressionMeasures{R: Undefined, Outputs: make([]Output, len(names))}
	m.MSE, m.MAE = differences(predictions, targets)
	m.RMSE = root(m.MSE)
	var sum, defined float64
	for i, name := range names {
		p, t := column(predictions, len(names), i), column(targets, len(names), i)
		mse, mae := differences(p, t)
		r := correlation(p, t)
		if r.Defined() {
			sum += float64(r)
			defined++
		}
		m.Outputs[i] = Output{name, root(mse), mae, r}
	}
	if defined > 0 {
		m.R = Number(sum / defined)
	}
	return m
}

// column returns position i of each row.
func column(rows []float32, width, i int) []float64 {
	values := make([]float64, 0, len(rows)/width)
	for ; i < len(rows); i += width {
		values = append(values, float64(rows[i]))
	}
	return values
}
