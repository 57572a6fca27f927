// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command enhanced-training uses most of what package trainer offers in one training:
// go run ./scripts/examples/enhanced-training. A network learns to tell kinds of chords by
// instruments that it has never heard; chords and instruments are made here.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
	"github.com/etude-ml/etude/trainer/metric"
)

// chords returns n chords by each instrument: how loud the twelve pitch classes are, and
// whether it is major, minor, diminished or augmented. Overtones differ by instrument.
func chords(instruments, n int) *data.Set {
	size, whole := []int{instruments * n}, torch.Options{DType: torch.Int64}
	kind, root := torch.RandInt(0, 4, size, whole), torch.RandInt(0, 12, size, whole)
	note := func(above ...int64) *torch.Tensor { // the root, by how much for each kind
		at := root.Add(torch.FromSlice(above).IndexSelect(0, kind)).Remainder(torch.Scalar(int64(12)))
		return torch.Eye(12, 12).IndexSelect(0, at)
	}
	notes := note(0, 0, 0, 0).Add(note(4, 3, 3, 4)).Add(note(7, 7, 6, 8))
	loud := torch.Rand([]int{instruments, 2}).RepeatInterleave(n, 0)
	overtone := func(i, above int) *torch.Tensor { return notes.Roll([]int{above}, []int{1}).Mul(loud.Narrow(1, i, 1)) }
	noise := torch.Randn(notes.Shape()).MulScalar(0.2)
	set := &data.Set{X: notes.Add(overtone(0, 7)).Add(overtone(1, 4)).Add(noise), Y: kind}
	for i := range instruments * n {
		set.Groups = append(set.Groups, fmt.Sprint(i/n))
	}
	return set
}

// build returns the training, with its files in a folder, and other chords to test with.
func build(folder string) (run trainer.Run, test *data.Set, err error) {
	torch.ManualSeed(1)
	all, test := chords(60, 20), chords(20, 20)
	train, val, err := data.Split(all.Groups, 0.2, 1) // no instrument is in both
	model := nn.NewSequential(nn.NewLinear(12, 64, torch.CPU), nn.ReLU{}, nn.NewDropout(0.1),
		nn.NewLinear(64, 64, torch.CPU), nn.ReLU{}, nn.NewLinear(64, 4, torch.CPU))
	adam := optim.NewAdamW(nn.Parameters(model), optim.DefaultAdamW())
	stop, plateau := trainer.DefaultEarlyStopping(), optim.DefaultReduceLROnPlateau()
	plateau.Max, plateau.Patience = true, 4 // F1 shall rise
	return trainer.Run{
		Model: model, Loss: nn.CrossEntropyLoss, Optimizer: adam,
		Train: all.Select(train), Val: all.Select(val), Epochs: 50, BatchSize: 16, Threads: 1,
		Metrics: []metric.Metric{metric.F1(metric.Macro), metric.MCC()}, Monitor: "val_f1",
		Stop: &stop, Scheduler: optim.NewReduceLROnPlateau(adam, plateau),
		ClipNorm: 1, Accumulate: 2, EMA: 0.98, TrackNorms: true, NumSanityValSteps: 1,
		Save: folder, KeepBest: 2, Resume: true, // with history.json, and history.png to look at
	}, test, err
}

// train searches for a learning rate, trains, and shows what came of it.
func train(ctx context.Context, folder string, w io.Writer) error {
	run, test, err := build(folder)
	if err != nil {
		return err
	}
	curve, err := trainer.FindLR(ctx, run, trainer.LRFinder{MinLR: 1e-5, MaxLR: 1, NumTraining: 100, EarlyStopThreshold: 4})
	if err != nil {
		return err
	}
	lr, err := curve.Suggestion()
	if err != nil {
		return err
	}
	run.Optimizer.SetLR(lr)
	run.OnFitStart = func(h *trainer.History) error {
		fmt.Fprintf(w, "learning rate %.2g; done before: %d epochs\n", lr, h.Len())
		return curve.Plot(run.Save + "/learning_rate.png")
	}
	began := time.Now()
	run.OnBatch = func(int, int, trainer.Result) error { // ends it early where a machine is slow
		if time.Since(began) > time.Minute {
			return trainer.ErrStop
		}
		return nil
	}
	run.OnEpoch, run.OnProgress = trainer.Log(w), trainer.Bar(os.Stdout)
	history, err := run.Fit(ctx)
	if err != nil {
		return err
	}
	saved, err1 := trainer.ListCheckpoints(folder)
	best, err2 := trainer.LoadCheckpoint(folder+"/best.pt", run.Model, nil) // as another program would
	measured, err3 := run.Evaluate(ctx, test)
	output, err4 := run.Predict(ctx, test)
	check, err5 := onnx.Export(folder+"/model.onnx", run.Model.(nn.Module), onnx.Signature{Example: test.X})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	fmt.Fprintln(w, "ended by", history.StopReason, "with", saved)
	fmt.Fprintf(w, "epoch %d: accuracy %.3f, F1 %.3f with new instruments\n", best.Epoch+1, measured.Accuracy, measured.More["f1"])
	fmt.Fprintf(w, "true kinds by predicted ones: %v\nlargest difference to ONNX Runtime: %.1g\n", metric.ConfusionMatrix(output, test.Y), check.Max())
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) // saves; started again, it goes on
	defer stop()
	if err := train(ctx, "runs/enhanced-training", os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
