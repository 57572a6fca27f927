// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command gan trains two networks against each other: one makes points out of noise, the
// other one judges which points are real, and real ones lie on a ring:
//
//	go run ./scripts/examples/gan
//
// Two networks and two optimizers need a loop of one's own (Goodfellow and others 2014,
// arXiv:1406.2661).
package main

import (
	"fmt"
	"log"
	"math"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
)

const (
	batch  = 128
	noise  = 4 // numbers of which the maker makes a point
	radius = 2.0
)

// perceptron maps [n, in] to [n, out].
func perceptron(in, out int, d torch.Device) nn.Sequential {
	act := nn.LeakyReLU{NegativeSlope: 0.2}
	return nn.NewSequential(nn.NewLinear(in, 64, d), act, nn.NewLinear(64, 64, d), act, nn.NewLinear(64, out, d))
}

func adam(model nn.Module) *optim.Adam {
	settings := optim.DefaultAdam()
	settings.Betas[0] = 0.5 // what a network was pushed to is soon wrong
	return optim.NewAdam(nn.Parameters(model), settings)
}

// ring returns n real points [n, 2], which are about 0.1 off a circle.
func ring(n int) *torch.Tensor {
	angle := torch.Rand([]int{n}).MulScalar(2 * math.Pi)
	return torch.Stack([]*torch.Tensor{angle.Cos(), angle.Sin()}, 1).MulScalar(radius).Add(torch.Randn([]int{n, 2}).MulScalar(0.1))
}

// train returns the network that makes points. After each of the steps it calls after with
// the losses of the judge and of the maker.
func train(steps int, after func(step int, judged, fooled *torch.Tensor)) nn.Module {
	torch.ManualSeed(1)
	maker, judge := perceptron(noise, 2, torch.CPU), perceptron(2, 1, torch.CPU)
	making, judging := adam(maker), adam(judge)
	real, made := torch.Ones([]int{batch, 1}), torch.Zeros([]int{batch, 1})
	for step := range steps {
		torch.Scope(func() {
			points := maker.Forward(torch.Randn([]int{batch, noise}))
			judging.ZeroGrad()
			judged := nn.BCEWithLogitsLoss(judge.Forward(ring(batch)), real).
				Add(nn.BCEWithLogitsLoss(judge.Forward(points.Detach()), made))
			judged.Backward()
			judging.Step()

			making.ZeroGrad()
			fooled := nn.BCEWithLogitsLoss(judge.Forward(points), real)
			fooled.Backward()
			making.Step()
			after(step, judged, fooled)
		})
	}
	return maker
}

// measure returns the share of points that are within 0.3 of the ring, and the share of the
// sixteen parts of the ring that have a sixty-fourth of the points each, at least.
func measure(points *torch.Tensor) (near, covered float64) {
	off := points.Norm(2, 1).SubScalar(radius).Abs()
	angle := points.Select(1, 1).Atan2(points.Select(1, 0)).AddScalar(math.Pi).DivScalar(2 * math.Pi)
	parts := angle.MulScalar(16).Floor().Clamp(0, 15).ToDType(torch.Int64).Bincount(16)
	return off.LtScalar(0.3).ToDType(torch.Float32).Mean().Item(),
		parts.GeScalar(points.Size(0) / 64).ToDType(torch.Float32).Mean().Item()
}

// draw prints how many points there are at each place.
func draw(points *torch.Tensor) {
	const size = 20
	place := points.DivScalar(1.5*radius).AddScalar(1).MulScalar(size/2).Clamp(0, size-1).Floor().ToDType(torch.Int64)
	counts := place.Select(1, 1).MulScalar(size).Add(place.Select(1, 0)).Bincount(size * size)
	for i, n := range torch.ToSlice[int64](counts) {
		fmt.Printf("%c ", " .:-=+*#%@"[min(n/2, 9)])
		if (i+1)%size == 0 {
			fmt.Println()
		}
	}
}

func main() {
	if err := torch.Init(); err != nil {
		log.Fatal(err)
	}
	maker := train(2000, func(step int, judged, fooled *torch.Tensor) {
		if (step+1)%500 == 0 {
			fmt.Printf("step %d: the judge's loss %.3f, the maker's %.3f\n", step+1, judged.Item(), fooled.Item())
		}
	})
	torch.NoGrad(func() {
		points := maker.Forward(torch.Randn([]int{1000, noise}))
		near, covered := measure(points)
		fmt.Printf("%.0f %% of the points are on the ring, of which they cover %.0f %%\n", 100*near, 100*covered)
		draw(points)
	})
}
