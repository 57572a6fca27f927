// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command char-lm trains a transformer to predict each letter of Shakespeare's sonnets
// from those before it, and lets it write:
//
//	go run ./scripts/examples/char-lm
//
// The text, sonnets 18, 29, 73, 116 and 130, is in the public domain.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
	"github.com/etude-ml/etude/trainer/metric"
)

//go:embed sonnets.txt
var text string

var alphabet = func() string {
	letters := []byte(text)
	slices.Sort(letters)
	return string(slices.Compact(letters))
}()

const window = 48 // letters that a prediction can see

// Letters predicts letters: numbers [batch, n ≤ window] to logits [batch, letters, n].
type Letters struct {
	Letter, Place *nn.Embedding
	Encoder       *nn.TransformerEncoder
	Out           *nn.Linear
}

func newLetters(letters, size int, d torch.Device) *Letters {
	c := nn.DefaultTransformer()
	c.Feedforward, c.BatchFirst, c.NormFirst = 4*size, true, true
	return &Letters{
		Letter: nn.NewEmbedding(letters, size, d), Place: nn.NewEmbedding(window, size, d),
		Encoder: nn.NewTransformerEncoder(nn.NewTransformerEncoderLayer(size, 4, d, c), 2, nn.NewLayerNorm([]int{size}, d)),
		Out:     nn.NewLinear(size, letters, d),
	}
}

// Forward sees at each place the letters up to there.
func (m *Letters) Forward(x *torch.Tensor) *torch.Tensor {
	places := torch.Arange(0, x.Size(1), 1, torch.Options{DType: torch.Int64, Device: x.Device()})
	y := m.Letter.Forward(x).Add(m.Place.Forward(places))
	return m.Out.Forward(m.Encoder.ForwardMasked(y, nn.AttentionMasks{Causal: true})).Transpose(1, 2)
}

// encode numbers the letters of s by their places in the alphabet.
func encode(s string) []int64 {
	numbers := make([]int64, len(s))
	for i := range s {
		numbers[i] = int64(strings.IndexByte(alphabet, s[i]))
	}
	return numbers
}

// windows cuts a text into inputs, one every eighth letter, with the letters after them
// as targets.
func windows(s string) *data.Set {
	all := torch.FromSlice(encode(s)).Unfold(0, window+1, 8)
	return &data.Set{X: all.Narrow(1, 0, window), Y: all.Narrow(1, 1, window)}
}

// build returns the network and its training, on all sonnets but the last.
func build() (*Letters, trainer.Run) {
	last := strings.LastIndex(text, "\n\n") + 2
	torch.ManualSeed(1)
	model := newLetters(len(alphabet), 64, torch.CPU)
	settings := optim.DefaultAdamW()
	settings.LR = 3e-3
	return model, trainer.Run{
		Model: model, Loss: nn.CrossEntropyLoss, Optimizer: optim.NewAdamW(nn.Parameters(model), settings),
		Train: windows(text[:last]), Val: windows(text[last:]),
		Metrics: []metric.Metric{metric.Perplexity()},
		Epochs:  6, BatchSize: 16, ClipNorm: 1, Threads: 1,
	}
}

// write lets the model go on from start, drawing each letter by its probability.
func write(model *Letters, start string, n int) string {
	torch.NoGrad(func() {
		for range n {
			torch.Scope(func() {
				x := torch.FromSlice(encode(start[max(0, len(start)-window):])).Unsqueeze(0)
				logits := model.Forward(x).Select(2, -1)
				start += string(alphabet[logits.DivScalar(0.7).Softmax(1).Multinomial(1, true).ItemInt()])
			})
		}
	})
	return start
}

func main() {
	model, run := build()
	run.OnEpoch = trainer.Log(os.Stdout)
	history, err := run.Fit(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("perplexity %.1f of %d letters\n\n", history.Best().More["val_perplexity"], len(alphabet))
	fmt.Println(write(model, "Shall I ", 200))
}
