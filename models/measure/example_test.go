// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package measure_test

import (
	"fmt"

	"github.com/etude-ml/etude/models/measure"
)

// Predictions of one output for three samples, beside the prediction that is always
// the mean of the training targets.
func ExampleRegression() {
	measures := measure.Regression([]string{"loudness"})
	report, err := measures([]float32{0.1, 0.5, 0.8}, []float32{0, 0.5, 1}, []float32{0.5})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range report.Measures.Rows() {
		fmt.Printf("%s %.3f\n", row.Name, row.Value)
	}
	// Output:
	// RMSE 0.129
	// mean r 0.997
	// MSE 0.017
	// MAE 0.100
	// loudness RMSE 0.129
	// loudness MAE 0.100
	// loudness r 0.997
}
