// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
)

// Curve learns a function of one number.
type Curve struct {
	FC1 *nn.Linear
	FC2 *nn.Linear
}

func (c *Curve) Forward(x *torch.Tensor) *torch.Tensor {
	return c.FC2.Forward(c.FC1.Forward(x).Tanh())
}

func ExampleRun_Fit() {
	if err := torch.Init(); err != nil {
		fmt.Println(err)
		return
	}
	samples := &data.Samples{}
	for i := range 200 {
		x := float64(i)/100 - 1
		samples.Append(fmt.Sprintf("point %d", i), fmt.Sprint(i), []float32{float32(x)}, []float32{float32(math.Sin(3 * x))})
	}
	train, val, err := data.Split(samples.Groups, 0.2, 42)
	if err != nil {
		fmt.Println(err)
		return
	}
	device := torch.CPU
	trainSet, valSet := samples.Select(train).Tensors(device), samples.Select(val).Tensors(device)
	defer trainSet.Close()
	defer valSet.Close()
	torch.ManualSeed(42)
	model := &Curve{nn.NewLinear(1, 32, device), nn.NewLinear(32, 1, device)}
	folder, _ := os.MkdirTemp("", "curve")
	defer os.RemoveAll(folder)

	settings := optim.DefaultAdam()
	settings.LR = 0.02
	run := trainer.Run{
		Model:     model,
		Loss:      nn.MSELoss,
		Optimizer: optim.NewAdam(nn.Parameters(model), settings),
		Train:     trainSet, Val: valSet,
		Epochs: 40, BatchSize: 16,
		Save: folder, Threads: 1,
	}
	history, err := run.Fit(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(history.Len(), "epochs,", history.StopReason)
	fmt.Println("learned:", history.Best().ValLoss < 0.01)
	files, _ := os.ReadDir(folder)
	for _, f := range files {
		fmt.Println(f.Name())
	}
	// Output:
	// 40 epochs, completed
	// learned: true
	// best.pt
	// checkpoints.json
	// history.json
	// history.png
	// last.pt
	// model.pt
}

func ExampleEarlyStopping() {
	stop := trainer.EarlyStopping{Patience: 2, MinDelta: 0.1}
	for i, loss := range []float64{1, 0.8, 0.75, 0.72, 0.5} {
		improved, enough := stop.Observe(loss)
		fmt.Println(i, improved, enough)
		if enough {
			break
		}
	}
	fmt.Println(stop.Best(), stop.Reason())
	// Output:
	// 0 true false
	// 1 true false
	// 2 false false
	// 3 false true
	// 0.8 patience
}

// A run that is interrupted continues where it was, with the same bits.
func ExampleRun_Fit_resume() {
	folder, _ := os.MkdirTemp("", "resume")
	defer os.RemoveAll(folder)
	fit := func(ctx context.Context, folder string, resume bool, afterEpoch func(trainer.Epoch) error) *Curve {
		torch.ManualSeed(1)
		model := &Curve{nn.NewLinear(1, 8, torch.CPU), nn.NewLinear(8, 1, torch.CPU)}
		run := trainer.Run{
			Model: model, Loss: nn.MSELoss,
			Optimizer: optim.NewAdam(nn.Parameters(model), optim.DefaultAdam()),
			Train: &data.Set{
				X: torch.FromSlice([]float32{-1, 0, 1, 2}, 4, 1),
				Y: torch.FromSlice([]float32{1, 0, 1, 4}, 4, 1),
			},
			Epochs: 6, BatchSize: 2, Threads: 1,
			Save: folder, Resume: resume, OnEpoch: afterEpoch,
		}
		if _, err := run.Fit(ctx); err != nil {
			fmt.Println(err)
		}
		return model
	}
	ctx, interrupt := context.WithCancel(context.Background())
	fit(ctx, folder, false, func(trainer.Epoch) error { interrupt(); return nil })
	resumed := fit(context.Background(), folder, true, nil)

	whole := fit(context.Background(), "", false, nil)
	fmt.Println(resumed.FC1.Weight.Equal(whole.FC1.Weight))
	// Output:
	// trainer: training was interrupted in epoch 2 of 6 after step 0 of 2: context canceled
	// true
}

// Digit is a classifier of points: one output for each class.
type Digit struct{ FC1, Out *nn.Linear }

func (d *Digit) Forward(x *torch.Tensor) *torch.Tensor {
	return d.Out.Forward(d.FC1.Forward(x).Relu())
}

// A classifier: targets are the numbers of classes, and the history has accuracies.
func ExampleRun_Fit_classifier() {
	torch.ManualSeed(3)
	x := torch.Randn([]int{400, 2})
	set := &data.Set{X: x, Y: x.Select(1, 0).Mul(x.Select(1, 1)).Gt(torch.Zeros([]int{1})).ToDType(torch.Int64)}
	model := &Digit{nn.NewLinear(2, 32, torch.CPU), nn.NewLinear(32, 2, torch.CPU)}
	settings := optim.DefaultAdam()
	settings.LR = 0.02
	run := trainer.Run{
		Model: model, Loss: nn.CrossEntropyLoss,
		Optimizer: optim.NewAdam(nn.Parameters(model), settings),
		Train:     set, Epochs: 30, Threads: 1,
	}
	history, err := run.Fit(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("accuracy above 0.95:", history.Best().TrainAcc > 0.95)
	// Output: accuracy above 0.95: true
}

// The same program trains alone, and under etude launch, torchrun or Slurm with others.
func ExampleRun_Fit_group() {
	fit := func(ctx context.Context) error {
		// The group outlives ctx, so that all processes end after the same step, and save.
		group, err := dist.Init(context.WithoutCancel(ctx), dist.Options{Timeout: time.Minute})
		if err != nil {
			return err
		}
		defer group.Close()
		torch.ManualSeed(1)
		x := torch.Linspace(-1, 1, 64).Reshape(64, 1)
		model := &Curve{nn.NewLinear(1, 16, torch.CPU), nn.NewLinear(16, 1, torch.CPU)}
		run := trainer.Run{
			Model: model, Loss: nn.MSELoss, Optimizer: optim.NewAdam(nn.Parameters(model), optim.DefaultAdam()),
			Train: &data.Set{X: x, Y: x.Square()}, Epochs: 2, BatchSize: 16, // of all processes together
			Group: group,
		}
		history, err := run.Fit(ctx)
		if group.Rank == 0 {
			fmt.Println(history.Len(), history.StopReason)
		}
		return err
	}
	if err := fit(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output: 2 completed
}
