// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/twin"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

func TestMain(m *testing.M) { twin.Main(m) }

func TestTwin(t *testing.T) {
	torchtest.Need(t)
	var result twin.Result
	run, test, err := build(t.TempDir())
	require.NoError(t, err)
	run.Epochs = 25 // fewer than the program has, to be done sooner
	result.Listen(&run)
	const lr = 0.003 // lower than what the search finds, so that steps magnify little
	run.Optimizer.SetLR(lr)
	history, err := run.Fit(context.Background())
	require.NoError(t, err)
	measured, err := run.Evaluate(context.Background(), test)
	require.NoError(t, err)
	best := history.Best()
	assert.Greater(t, best.More["val_f1"], 0.9)
	result.Metrics = map[string]float64{
		"loss": best.ValLoss, "f1": best.More["val_f1"], "mcc": best.More["val_mcc"], "test f1": measured.More["f1"],
		// These show that the weights are averaged, and that a plateau is noticed.
		"first loss": history.Epochs[0].ValLoss, "rate": history.Last().LR / lr,
	}

	// Python numbers the chords of training and validation together.
	train, _, err := data.Split(chords(60, 20).Groups, 0.2, 1)
	require.NoError(t, err)
	result.Compare(t, twin.Orders(run, len(history.Epochs), train), 1e-2)
}

// output interrupts the program at a line.
type output struct {
	strings.Builder
	at        string
	interrupt func()
}

func (o *output) Write(text []byte) (int, error) {
	if strings.HasPrefix(string(text), o.at) {
		o.interrupt()
	}
	return o.Builder.Write(text)
}

// The program shows what it says; started again after an interruption, it goes on.
func TestTrain(t *testing.T) {
	torchtest.Need(t)
	folder := t.TempDir()
	ctx, interrupt := context.WithCancel(context.Background())
	first := &output{at: "epoch 3:", interrupt: interrupt}
	require.ErrorIs(t, train(ctx, folder, first), trainer.ErrInterrupted)
	var second strings.Builder
	require.NoError(t, train(context.Background(), folder, &second))

	line, rest, _ := strings.Cut(second.String(), "\n")
	assert.Regexp(t, `^learning rate 0\.\d+; done before: 3 epochs$`, line)
	assert.True(t, strings.HasPrefix(rest, "epoch 4: "))
	assert.Contains(t, rest, "\nended by patience with [last.pt (epoch ")
	for _, name := range []string{"learning_rate.png", "history.png", "history.json", "last.pt", "best.pt", "model.pt", "model.onnx"} {
		assert.FileExists(t, folder+"/"+name)
	}
	history, err := trainer.LoadHistory(folder + "/history.json")
	require.NoError(t, err)
	assert.Equal(t, trainer.StopPatience, history.StopReason)
	assert.Contains(t, second.String(), "\n"+history.Best().String()+"\n")
}

// Everything that the run does at once is resumed with the same bits.
func TestResume(t *testing.T) {
	torchtest.Need(t)
	report, err := trainer.VerifyResume(context.Background(), func() (trainer.Run, error) {
		run, _, err := build("")
		run.Epochs = 3
		return run, err
	}, nil)
	require.NoError(t, err)
	assert.Nil(t, report.Difference)
	assert.NotZero(t, report.Tensors)
}
