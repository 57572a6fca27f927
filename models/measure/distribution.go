// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package measure

import (
	"math"

	"github.com/etude-ml/etude/models/music/chords"
	"github.com/etude-ml/etude/models/music/midi"
)

// DistributionMeasures holds the measures of MelodyTransformer and of
// HarmonyPredictor, whose targets are distributions: shares of pitches and of
// chord classes, with the sum 1.
//
// Several classes may be the commonest ones of a target, as where the next four
// chords all differ: agreement is to predict one of them. Of classes that are
// predicted with the same probability the first counts as the higher one.
type DistributionMeasures struct {
	Loss Number `json:"loss"` // what the network is trained with
	KL   Number `json:"kl"`   // divergence of the target from the prediction, in nats
	Top1 Number `json:"top1"` // share of samples whose commonest class is the predicted one
	Top5 Number `json:"top5"` // share of samples whose commonest class is among the predicted five
	MSE  Number `json:"mse"`
	MAE  Number `json:"mae"`
}

// Melody measures MelodyTransformer, whose rows are the probabilities of 128
// pitches, by [DistributionMeasures]. The loss is torch.nn.BCELoss, the mean over
// the outputs.
func Melody(predictions, targets, constant []float32) (*Report, error) {
	return report("melody", midi.Pitches, distribution(midi.Pitches, crossEntropy), predictions, targets, constant)
}

// Harmony measures HarmonyPredictor, whose rows are the probabilities of 64 chord
// classes, by [DistributionMeasures]. The loss is
// torch.nn.KLDivLoss(reduction="batchmean") on log(p + 1e-8). Top-1 agreement is
// what is called accuracy where a sample has a single class.
func Harmony(predictions, targets, constant []float32) (*Report, error) {
	return report("harmony", chords.Classes, distribution(chords.Classes, logDivergence), predictions, targets, constant)
}

// Rows lists the measures for a table.
func (m DistributionMeasures) Rows() []Row {
	return []Row{
		{"loss", m.Loss, LowerIsBetter},
		{"KL divergence", m.KL, LowerIsBetter},
		{"top-1 agreement", m.Top1, HigherIsBetter},
		{"top-5 agreement", m.Top5, HigherIsBetter},
		{"MSE", m.MSE, LowerIsBetter},
		{"MAE", m.MAE, LowerIsBetter},
	}
}

// distribution returns a function that measures rows of the given width; loss computes
// the loss of one row.
func distribution(width int, loss func(p, t []float32) float64) func(predictions, targets []float32) Measures {
	return func(predictions, targets []float32) Measures {
		var m DistributionMeasures
		m.MSE, m.MAE = differences(predictions, targets)
		var sum, kl, top1, top5 float64
		for i := 0; i < len(targets); i += width {
			p, t := predictions[i:i+width], targets[i:i+width]
			sum += loss(p, t)
			kl += divergence(p, t)
			place := bestPlace(p, t)
			if place < 1 {
				top1++
			}
			if place < 5 {
				top5++
			}
		}
		n := float64(len(targets) / width)
		m.Loss, m.KL, m.Top1, m.Top5 = Number(sum/n), Number(kl/n), Number(top1/n), Number(top5/n)
		return m
	}
}

// crossEntropy returns torch.nn.BCELoss of one row: logarithms are cut at −100, as
// PyTorch cuts them.
func crossEntropy(p, t []float32) float64 {
	var sum float64
	for i := range p {
		x, y := float64(p[i]), float64(t[i])
		sum -= y*max(math.Log(x), -100) + (1-y)*max(math.Log1p(-x), -100)
	}
	return sum / float64(len(p))
}

// least stands in for shares that are too small, so that a class where none was
// expected costs much, not infinitely much.
const least = 1e-8

// logDivergence returns torch.nn.KLDivLoss of one row of a batch, its input being log(p
// + 1e-8): the sum of t·(log t − log(p + 1e-8)), to which zero targets add nothing.
func logDivergence(p, t []float32) float64 {
	var sum float64
	for i := range p {
		if y := float64(t[i]); y > 0 {
			sum += y * (math.Log(y) - math.Log(float64(p[i])+least))
		}
	}
	return sum
}

// divergence returns KL(t ‖ q) in nats, q being p scaled to the sum 1: MelodyTransformer's
// outputs are independent probabilities, the target is a distribution. Shares below
// 1e-8 count as 1e-8.
func divergence(p, t []float32) float64 {
	var total, sum float64
	for _, x := range p {
		total += float64(x)
	}
	for i := range p {
		if y := float64(t[i]); y > 0 {
			sum += y * math.Log(y/max(float64(p[i])/max(total, least), least))
		}
	}
	return sum
}

// bestPlace returns the place, from 0, of the target's commonest class among the
// predicted ones; of several commonest ones the best place counts. A class whose
// prediction is not a number has no place.
func bestPlace(p, t []float32) int {
	var highest float32
	for _, y := range t {
		highest = max(highest, y)
	}
	best := len(p)
	for i, y := range t {
		if y == highest && y > 0 && !math.IsNaN(float64(p[i])) {
			best = min(best, rank(p, i))
		}
	}
	return best
}

// rank counts the values that go before the one at position i: the higher ones,
// and the earlier ones that are equal.
func rank(p []float32, i int) int {
	n := 0
	for j, x := range p {
		if x > p[i] || x == p[i] && j < i {
			n++
		}
	}
	return n
}
