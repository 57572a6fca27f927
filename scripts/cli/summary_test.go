// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/runs"
)

func TestTheSummaryFitsATerminal(t *testing.T) {
	s := runs.Summary{}
	for _, spec := range models.All() {
		// Predictions that are off by much, of either sign, give wide measures.
		n := 3 * spec.Out
		predictions, targets := make([]float32, n), make([]float32, n)
		for i := range n {
			predictions[i], targets[i] = float32(i%7)/7, float32(i%5)/5
		}
		report, err := spec.Measure(predictions, targets, measure.Mean(targets, spec.Out))
		require.NoError(t, err)
		s[spec.Name] = &runs.Entry{
			Samples:  1_234_567,
			Result:   runs.Result{Epochs: 10_000, BestEpoch: 9_999, ValLoss: 12.345678, ConstantLoss: measure.Number(math.Inf(1))},
			Measures: report.Measures, Constant: report.Constant, ONNX: runs.ONNXCheck{MaxAbsDiff: 1.25e-07},
		}
	}
	var b bytes.Buffer
	printSummary(&b, s)
	for line := range strings.Lines(b.String()) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 80, line)
	}
	for _, spec := range models.All() {
		assert.Contains(t, b.String(), "\n"+spec.Name+" ")
		for _, headline := range spec.Headlines {
			assert.Contains(t, b.String(), strings.TrimSuffix(headline, " agreement"))
		}
	}
	assert.Contains(t, b.String(), "within 1.2e-07")
}

// A deviation stands where there is one.
func TestPrintSweep(t *testing.T) {
	var b bytes.Buffer
	printSweep(&b, &runs.SweepSummary{Combinations: []runs.Combination{
		{Network: "one", Measures: map[string]runs.Spread{"val_loss": {N: 1, Mean: 0.5, Std: measure.Undefined}}},
		{Network: "two", Measures: map[string]runs.Spread{"val_loss": {N: 2, Mean: 0.5, Std: 0.25}}},
	}})
	assert.Regexp(t, `(?m)^one +0 +- +0\.50000 +- +0 of 0`, b.String())
	assert.Regexp(t, `(?m)^two +0 +- +0\.50000 ± 0\.25000 +- +0 of 0`, b.String())
}
