// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
)

// gan is a maker of points and a judge of them, with an optimizer each.
type gan struct {
	maker, judge    nn.Sequential
	making, judging *optim.Adam
	scaler          *optim.GradScaler
}

func newGAN(d torch.Device) *gan {
	g := &gan{scaler: optim.NewGradScaler(optim.DefaultGradScaler())}
	g.maker = nn.NewSequential(nn.NewLinear(2, 16, d), nn.ReLU{}, nn.NewLinear(16, 1, d))
	g.judge = nn.NewSequential(nn.NewLinear(1, 16, d), nn.ReLU{}, nn.NewLinear(16, 1, d))
	g.making = optim.NewAdam(nn.Parameters(g.maker), optim.DefaultAdam())
	g.judging = optim.NewAdam(nn.Parameters(g.judge), optim.DefaultAdam())
	return g
}

// step takes the step of one optimizer, in lower precision.
func (g *gan) step(o optim.Optimizer, loss func() *torch.Tensor) {
	var l *torch.Tensor
	o.ZeroGrad()
	torch.Autocast(torch.CPU, torch.Float16, func() { l = loss() })
	g.scaler.Scale(l).Backward()
	g.scaler.Step(o)
}

// train takes both steps for some batches.
func (g *gan) train(batches int) {
	const n = 32
	yes, no := torch.Ones([]int{n, 1}), torch.Zeros([]int{n, 1})
	for range batches {
		torch.Scope(func() {
			real, noise := torch.Randn([]int{n, 1}).AddScalar(3), torch.Randn([]int{n, 2})
			g.step(g.judging, func() *torch.Tensor {
				return nn.BCEWithLogitsLoss(g.judge.Forward(real), yes).
					Add(nn.BCEWithLogitsLoss(g.judge.Forward(g.maker.Forward(noise).Detach()), no))
			})
			g.step(g.making, func() *torch.Tensor {
				return nn.BCEWithLogitsLoss(g.judge.Forward(g.maker.Forward(noise)), yes)
			})
			g.scaler.Update()
		})
	}
}

// save writes a checkpoint that torch.load reads.
func (g *gan) save(path string) error {
	return pt.Save(path, torch.NewDict(
		"maker", nn.StateDict(g.maker), "judge", nn.StateDict(g.judge),
		"making", g.making.StateDict(), "judging", g.judging.StateDict(),
		"scaler", g.scaler.StateDict(), "rng", torch.RNGState(torch.CPU),
	))
}

// load goes on from it.
func (g *gan) load(path string) error {
	d, err := pt.LoadDict(path)
	if err != nil {
		return err
	}
	r := &torch.DictReader{Dict: d}
	part := func(key string) *torch.Dict { return torch.Read[*torch.Dict](r, key) }
	rng := torch.Read[*torch.Tensor](r, "rng")
	err = errors.Join(
		nn.LoadStateDict(g.maker, part("maker")), nn.LoadStateDict(g.judge, part("judge")),
		g.making.LoadStateDict(part("making")), g.judging.LoadStateDict(part("judging")),
		g.scaler.LoadStateDict(part("scaler")),
	)
	if err = errors.Join(err, r.Err); err == nil {
		torch.SetRNGState(torch.CPU, rng)
	}
	return err
}

// A loop of one's own with two optimizers, autocast, a scaler and checkpoints: the two
// networks of a GAN. It goes on from a checkpoint with the same bits.
func Example_loopOfOnesOwn() {
	folder, _ := os.MkdirTemp("", "gan")
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "gan.pt")

	torch.ManualSeed(1)
	whole := newGAN(torch.CPU)
	whole.train(10)
	if err := whole.save(path); err != nil {
		fmt.Println(err)
		return
	}
	whole.train(10)

	resumed := newGAN(torch.CPU)
	if err := resumed.load(path); err != nil {
		fmt.Println(err)
		return
	}
	resumed.train(10)
	noise := torch.Ones([]int{1, 2})
	fmt.Println(resumed.maker.Forward(noise).Equal(whole.maker.Forward(noise)))
	// Output: true
}
