// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package measure

import "math"

// melodyWidth is the number of MIDI pitches.
const melodyWidth = 128

// Melody holds what is measured of MelodyTransformer.
type Melody struct {
	Loss Number `json:"loss"` // binary cross-entropy, mean over the outputs
	KL   Number `json:"kl"`   // divergence of the target from the prediction, in nats
	Top1 Number `json:"top1"` // share of samples whose commonest pitch is the predicted one
	Top5 Number `json:"top5"` // share of samples whose commonest pitch is among the predicted five
	MSE  Number `json:"mse"`
	MAE  Number `json:"mae"`
}

// OfMelody measures predicted note probabilities, n rows of 128, against the
// true pitch histograms. The constant is the mean of the training targets, one
// row ([Mean]).
func OfMelody(predictions, targets, constant []float32) (Report[Melody], error) {
	n, err := check("melody", melodyWidth, predictions, targets, constant)
	if err != nil {
		return Report[Melody]{}, err
	}
	return Report[Melody]{
		Samples:  n,
		Measures: melody(predictions, targets),
		Constant: melody(repeat(constant, n), targets),
	}, nil
}

func melody(predictions, targets []float32) Melody {
	var m Melody
	m.MSE, m.MAE = differences(predictions, targets)
	var loss, kl, top1, top5 float64
	n := float64(len(targets) / melodyWidth)
	for i := 0; i < len(targets); i += melodyWidth {
		p, t := predictions[i:i+melodyWidth], targets[i:i+melodyWidth]
		loss += crossEntropy(p, t)
		kl += divergence(p, t)
		switch above := rank(p, commonest(t)); {
		case above < 1:
			top1++
			top5++
		case above < 5:
			top5++
		}
	}
	m.Loss, m.KL, m.Top1, m.Top5 = Number(loss/n), Number(kl/n), Number(top1/n), Number(top5/n)
	return m
}

// crossEntropy is torch.nn.BCELoss of one row: logarithms are cut at −100, as
// PyTorch cuts them.
func crossEntropy(p, t []float32) float64 {
	var sum float64
	for i := range p {
		x, y := float64(p[i]), float64(t[i])
		sum -= y*max(math.Log(x), -100) + (1-y)*max(math.Log1p(-x), -100)
	}
	return sum / float64(len(p))
}

// divergence is KL(t ‖ q) in nats, q being p scaled to the sum 1: the network's
// outputs are independent probabilities, the target is a distribution. Shares
// below 1e-8 count as 1e-8, so a note where none was expected costs much, not
// infinitely much.
func divergence(p, t []float32) float64 {
	const least = 1e-8
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

// commonest gives the first of the highest values.
func commonest(t []float32) int {
	best := 0
	for i, x := range t {
		if x > t[best] {
			best = i
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
