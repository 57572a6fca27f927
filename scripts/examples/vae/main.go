// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command vae trains a variational autoencoder on pictures of a light at a random place,
// and draws what lies between two of them:
//
//	go run ./scripts/examples/vae
//
// The network finds out by itself that two numbers, which it chooses, say all that there
// is to such a picture (Kingma and Welling 2013, arXiv:1312.6114).
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
)

const side = 8 // of a picture, in points

// VAE encodes pictures [batch, side²] as the means and the logarithms of the variances of
// two numbers, and decodes two numbers as the logits of a picture.
type VAE struct {
	Encoder, Decoder nn.Sequential
	Training         bool
}

func newVAE(d torch.Device) *VAE {
	linear := func(in, out int) *nn.Linear { return nn.NewLinear(in, out, d) }
	return &VAE{
		Encoder: nn.NewSequential(linear(side*side, 64), nn.ReLU{}, linear(64, 4)),
		Decoder: nn.NewSequential(linear(2, 64), nn.ReLU{}, linear(64, side*side)),
	}
}

// encode returns the means and the logarithms of the variances, [batch, 2] each.
func (m *VAE) encode(x *torch.Tensor) (mean, logVar *torch.Tensor) {
	parts := m.Encoder.Forward(x).Chunk(2, 1)
	return parts[0], parts[1]
}

// Step computes the loss of a batch, the evidence lower bound of each picture: how badly
// it is drawn from a sample of its code, and how far the code is from the normal
// distribution.
func (m *VAE) Step(b data.Batch) trainer.Result {
	mean, logVar := m.encode(b.X)
	code := mean
	if m.Training {
		code = mean.Add(logVar.MulScalar(0.5).Exp().Mul(torch.RandnLike(mean)))
	}
	logits := m.Decoder.Forward(code)
	drawing := nn.BCEWithLogits{Reduction: torch.ReduceSum}.Loss(logits, b.X).DivScalar(b.Len)
	kl := mean.Square().Add(logVar.Exp()).Sub(logVar).SubScalar(1).Sum().DivScalar(2 * b.Len)
	return trainer.Result{
		Loss:   drawing.Add(kl),
		Output: logits.Sigmoid(), Target: b.X,
		Parts: map[string]*torch.Tensor{"drawing": drawing, "kl": kl},
	}
}

// pictures draws n lights, at random places.
func pictures(n int) *data.Set {
	grid := torch.Arange(0, side, 1)
	place := torch.Rand([]int{n, 2, 1}).MulScalar(side - 1)
	near := place.Sub(grid).Square().Neg().DivScalar(3).Exp() // [n, 2, side]: by row and by column
	return &data.Set{X: near.Select(1, 0).Unsqueeze(2).Mul(near.Select(1, 1).Unsqueeze(1)).Flatten(1, 2)}
}

// build returns the network and its training.
func build() (*VAE, trainer.Run) {
	torch.ManualSeed(2)
	model := newVAE(torch.CPU)
	settings := optim.DefaultAdam()
	settings.LR = 5e-3
	return model, trainer.Run{
		Model: model, Step: model.Step, Optimizer: optim.NewAdam(nn.Parameters(model), settings),
		Train: pictures(1000), Val: pictures(200),
		Epochs: 20, BatchSize: 50, Threads: 1,
	}
}

// draw returns the pictures [n, side²] side by side.
func draw(x *torch.Tensor) string {
	var s strings.Builder
	rows := x.Unflatten(1, side, side).Transpose(0, 1).Float64s() // of all pictures
	n := x.Size(0)
	for i, light := range rows {
		s.WriteString(strings.Repeat(string(" .:-=+*#%@"[int(light*9.99)]), 2))
		switch {
		case (i+1)%(side*n) == 0:
			s.WriteString("\n")
		case (i+1)%side == 0:
			s.WriteString(" | ")
		}
	}
	return s.String()
}

func main() {
	model, run := build()
	run.OnEpoch = trainer.Log(os.Stdout)
	if _, err := run.Fit(context.Background()); err != nil {
		log.Fatal(err)
	}
	torch.NoGrad(func() {
		ends, _ := model.encode(run.Val.(*data.Set).X.Narrow(0, 0, 2))
		between := ends.Select(0, 0).Lerp(ends.Select(0, 1), 0.5).Unsqueeze(0)
		code := torch.Cat([]*torch.Tensor{ends.Narrow(0, 0, 1), between, ends.Narrow(0, 1, 1)}, 0)
		fmt.Print(draw(model.Decoder.Forward(code).Sigmoid()))
	})
}
