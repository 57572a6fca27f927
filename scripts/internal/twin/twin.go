// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package twin compares the examples with their twins in PyTorch, for their tests.
package twin

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

// Main runs the tests of an example with one thread here and in Python: what is as small is
// not faster with more, and sums are rounded alike.
func Main(m *testing.M) {
	_ = os.Setenv("OMP_NUM_THREADS", "1")
	if torch.Init() == nil {
		torch.SetNumThreads(1)
	}
	torchtest.Main(m)
}

// Result is what becomes of an example: the loss of each step, and what it reports.
type Result struct {
	Losses  []float64
	Metrics map[string]float64
}

// Listen lets run note the loss of each step of training in r.
func (r *Result) Listen(run *trainer.Run) {
	note := func(loss *torch.Tensor) *torch.Tensor {
		if loss.RequiresGrad() { // and not in validation
			r.Losses = append(r.Losses, loss.Item())
		}
		return loss
	}
	if loss := run.Loss; loss != nil {
		run.Loss = func(output, target *torch.Tensor) *torch.Tensor { return note(loss(output, target)) }
	}
	if step := run.Step; step != nil {
		run.Step = func(b data.Batch) trainer.Result {
			result := step(b)
			if result.Loss != nil {
				note(result.Loss)
			}
			return result
		}
	}
}

// Orders returns the order of the samples in each of the first epochs of run, for
// [Result.Compare]. Where Python numbers the samples otherwise, numbers holds what it
// calls each of them; else it is nil.
func Orders(run trainer.Run, epochs int, numbers []int) (orders [][]int) {
	for epoch := range epochs {
		order := data.Order(run.Train.Len(), run.Seed, epoch)
		for at, i := range order {
			if numbers != nil {
				order[at] = numbers[i]
			}
		}
		orders = append(orders, order)
	}
	return orders
}

// Compare runs twin.py, which lies beside the example, with the orders. The first 50 losses
// agree within 1e-4; what the steps magnify after them lets the metrics differ by as much
// as tolerance.
func (r *Result) Compare(t *testing.T, orders [][]int, tolerance float64) {
	t.Helper()
	text, err := json.Marshal(orders)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "orders.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	var theirs Result
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "twin.py", path), &theirs))
	const steps = 50
	require.Len(t, theirs.Losses, len(r.Losses))
	require.GreaterOrEqual(t, len(r.Losses), steps)
	assert.InDeltaSlice(t, theirs.Losses[:steps], r.Losses[:steps], 1e-4)
	require.Len(t, theirs.Metrics, len(r.Metrics))
	for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
		t.Logf("%s: %.6g, in PyTorch %.6g", name, r.Metrics[name], theirs.Metrics[name])
		assert.InDelta(t, theirs.Metrics[name], r.Metrics[name], tolerance, name)
	}
}
