// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer_test

import (
	"context"
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
)

// A log, a schedule and an end of one's own are hooks.
func ExampleRun_Fit_hooks() {
	torch.ManualSeed(1)
	model := nn.NewLinear(2, 1, torch.CPU)
	optimizer := optim.NewSGD(nn.Parameters(model), optim.SGDConfig{LR: 0.1})
	run := trainer.Run{
		Model: model, Loss: nn.MSELoss, Optimizer: optimizer,
		Train:  &data.Set{X: torch.Randn([]int{64, 2}), Y: torch.Zeros([]int{64, 1})},
		Epochs: 10, BatchSize: 16, Threads: 1,
	}
	run.OnFitStart = func(*trainer.History) error {
		fmt.Println("begins")
		return nil
	}
	run.OnBatch = func(epoch, step int, r trainer.Result) error {
		if epoch == 0 && step < 2 { // a warm-up, for the next batch
			optimizer.SetLR(0.1 * float64(step+1))
		}
		return nil
	}
	run.OnEpoch = func(e trainer.Epoch) error {
		fmt.Printf("epoch %d with a rate of %v\n", e.Index+1, e.LR)
		if e.Index == 2 {
			return trainer.ErrStop
		}
		return nil
	}
	run.OnFitEnd = func(h *trainer.History) error {
		fmt.Println("ends:", h.StopReason)
		return nil
	}
	if _, err := run.Fit(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// begins
	// epoch 1 with a rate of 0.2
	// epoch 2 with a rate of 0.2
	// epoch 3 with a rate of 0.2
	// ends: hook
}
