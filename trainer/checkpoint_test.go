// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestCheckpoint(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, t.TempDir())
	defer r.close()
	_, err := r.Fit(context.Background())
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "mine.pt")
	saved := Checkpoint{
		Epoch: 3, Loss: 0.25, Metrics: map[string]float64{"b": 2, "a": 1, "none": math.NaN()},
		Extra: torch.NewDict("note", "mine"),
	}
	require.NoError(t, SaveCheckpoint(path, r.Model, r.Optimizer, saved))

	other := newTrial(2, torch.CPU, "")
	defer other.close()
	c, err := LoadCheckpoint(path, other.Model, other.Optimizer)
	require.NoError(t, err)
	assert.Equal(t, stateOf(r.Model), stateOf(other.Model))
	have, want := map[string]any{}, map[string]any{}
	flatten("", r.Optimizer.StateDict(), want)
	flatten("", other.Optimizer.StateDict(), have)
	assert.Equal(t, want, have)
	assert.Equal(t, 3, c.Epoch)
	assert.Equal(t, 0.25, c.Loss)
	assert.Equal(t, map[string]float64{"a": 1, "b": 2}, c.Metrics)
	note, err := torch.Value[string](c.Extra, "note")
	require.NoError(t, err)
	assert.Equal(t, "mine", note)

	require.NoError(t, SaveCheckpoint(path, r.Model, nil, Checkpoint{Loss: math.NaN()}))
	c, err = LoadCheckpoint(path, other.Model, nil)
	require.NoError(t, err)
	assert.True(t, math.IsNaN(c.Loss))
	_, err = LoadCheckpoint(path, other.Model, other.Optimizer)
	require.ErrorContains(t, err, `"optimizer_state_dict" is missing`)
	require.ErrorContains(t, err, path)

	for want, d := range map[string]*torch.Dict{
		`"model_state_dict" is missing`:    torch.NewDict("epoch", 1),
		`"epoch" holds string, not int`:    torch.NewDict("epoch", "x", "model_state_dict", torch.NewDict()),
		`"metrics" holds int, not`:         torch.NewDict("epoch", 1, "model_state_dict", torch.NewDict(), "metrics", 3),
		"missing: 0.weight, 0.bias":        torch.NewDict("epoch", 1, "model_state_dict", torch.NewDict()),
		`"loss" holds string, not a numbe`: torch.NewDict("epoch", 1, "model_state_dict", torch.NewDict(), "loss", "low"),
	} {
		require.NoError(t, pt.Save(path, d))
		_, err := LoadCheckpoint(path, r.Model, nil)
		require.ErrorContains(t, err, want)
	}
	_, err = LoadCheckpoint(filepath.Join(t.TempDir(), "absent.pt"), r.Model, nil)
	require.ErrorContains(t, err, "absent.pt")
	require.Error(t, SaveCheckpoint(filepath.Join(t.TempDir(), "no", "folder.pt"), r.Model, nil, saved))
}

// PyTorch continues from last.pt, and we continue from what PyTorch saves then.
func TestCheckpointInPyTorch(t *testing.T) {
	torchtest.Python(t)
	golden := readGolden(t)
	torchtest.NoLeaks(t)
	c := golden.Cases[0]
	r, free := golden.run(t, c, torch.CPU)
	defer free()
	r.Save, r.KeepLast = t.TempDir(), true
	h, err := r.Fit(context.Background())
	require.NoError(t, err)

	back := filepath.Join(t.TempDir(), "back.pt")
	var python struct {
		Losses      []float64
		Keys, Etude []string
		Epoch       int
		Loss        float64
		Metrics     map[string]float64
	}
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/continue.py", filepath.Join(r.Save, "last.pt"), back), &python))
	assert.Equal(t, []string{"epoch", "model_state_dict", "optimizer_state_dict", "loss", "metrics", "etude"}, python.Keys)
	assert.Equal(t, []string{"best_state_dict", "cursor", "early_stopping", "environment", "history", "rng", "settings", "version"}, python.Etude)
	assert.Equal(t, 7, python.Epoch)
	assert.Equal(t, h.list("val_losses")[7], python.Loss)
	assert.Equal(t, map[string]float64{"train_loss": h.list("train_losses")[7], "val_loss": h.list("val_losses")[7]}, python.Metrics)

	// The same 20 steps here.
	for i, want := range python.Losses {
		batch := make([]int, 16)
		for j := range batch {
			batch[j] = (7*i + j) % r.Train.Len()
		}
		for b := range inMemory(r.Train).Batches(16, batch) {
			r.Optimizer.ZeroGrad()
			loss := r.Loss(r.forward(b.X), b.Y)
			loss.Backward()
			r.Optimizer.Step()
			assert.InEpsilon(t, want, loss.Item(), 1e-6)
		}
	}
	ours := stateOf(r.Model)
	other := newNet(3, torch.CPU)
	optimizer := optim.NewAdam(nn.Parameters(other), optim.DefaultAdam())
	saved, err := LoadCheckpoint(back, other, optimizer)
	require.NoError(t, err)
	for name, values := range stateOf(other) {
		assert.InDeltaSlice(t, values, ours[name], 1e-6, name)
	}
	assert.Equal(t, 8, saved.Epoch)
	assert.Equal(t, map[string]float64{"steps": 20}, saved.Metrics)
	assert.Equal(t, golden.LR, optimizer.LR())
}

// PyTorch goes on with the schedule of a checkpoint, and reads one of an open group
// of batches.
func TestScheduleInPyTorch(t *testing.T) {
	torchtest.Python(t)
	torchtest.NoLeaks(t)
	whole := newTrial(1, torch.CPU, "")
	defer whole.close()
	everyState(0, whole)
	whole.KeepBest = 0
	h, err := whole.Fit(context.Background())
	require.NoError(t, err)

	path := filepath.Join(begun(t), "last.pt") // in the second epoch
	var python struct {
		Rates []float64
		Open  []string
	}
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/schedule.py", path, "2"), &python))
	assert.InDeltaSlice(t, h.list("learning_rates")[2:], python.Rates, 1e-15)
	assert.Equal(t, []string{"0.bias", "0.weight", "3.bias", "3.weight"}, python.Open)
}
