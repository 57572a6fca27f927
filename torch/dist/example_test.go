// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist_test

import (
	"context"
	"fmt"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
)

// The same program trains alone, and under torchrun, Slurm or MPI with others.
func Example() {
	train := func(ctx context.Context) error {
		group, err := dist.Init(ctx, dist.Options{Timeout: time.Minute})
		if err != nil {
			return err
		}
		defer group.Close()
		net := nn.NewLinear(1, 1, torch.CPU)
		ddp, err := dist.NewDistributedDataParallel(group, net, dist.DistributedDataParallelOptions{})
		if err != nil {
			return err
		}
		settings := optim.DefaultSGD()
		settings.LR = 0.1
		opt := optim.NewSGD(nn.Parameters(net), settings)
		x := torch.FromSlice([]float32{-1, 0, 1, 2}, 4, 1)
		for range 200 {
			opt.ZeroGrad()
			if err := ddp.PrepareForForward(); err != nil {
				return err
			}
			mine := x.Narrow(0, group.Rank*4/group.Size, 4/group.Size) // this process's part
			if err := ddp.Backward(nn.MSELoss(net.Forward(mine), mine.MulScalar(3))); err != nil {
				return err
			}
			opt.Step()
		}
		if group.Rank == 0 {
			fmt.Printf("%.2f\n", net.Weight.Float32s())
		}
		return nil
	}
	if err := train(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output: [3.00]
}
