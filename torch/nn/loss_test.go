// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Away from the CPU the binary cross entropy is computed so that no kernel sees a
// NaN, which would end CUDA for the process on a GPU. The result is the same, and a NaN
// still makes it NaN.
func TestBCEOnADevice(t *testing.T) {
	device := torchtest.Accelerator(t)
	if device == torch.CPU {
		t.Skip("the CPU refuses NaN by itself")
	}
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		torch.ManualSeed(5)
		p, target := torch.Rand([]int{4, 3}), torch.Rand([]int{4, 3})
		for name, r := range map[string]torch.Reduction{"mean": nn.ReduceMean, "sum": nn.ReduceSum, "none": nn.ReduceNone} {
			run := func(d torch.Device) (loss, grad *torch.Tensor) {
				x := p.To(d).Clone().SetRequiresGrad(true)
				loss = nn.BCE{Reduction: r}.Loss(x, target.To(d))
				loss.Sum().Backward()
				return loss, x.Grad()
			}
			wantLoss, wantGrad := run(torch.CPU)
			loss, grad := run(device)
			torchtest.SameNumbers(t, device, wantLoss.Float32s(), loss.Float32s(), name)
			torchtest.SameNumbers(t, device, wantGrad.Float32s(), grad.Float32s(), name)

			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				x := p.Clone()
				x.Select(0, 1).Select(0, 2).FillInPlace(bad)
				got := nn.BCE{Reduction: r}.Loss(x.To(device), target.To(device)).Float64s()
				for i, v := range got {
					assert.Equal(t, len(got) == 1 || i == 3+2, math.IsNaN(v), "%s of %v: %v", name, bad, got)
				}
			}
		}
	})
}

func TestLossesAgreeWithPyTorch(t *testing.T) {
	cases := read(t).Losses
	require.NotEmpty(t, cases)
	torch.Scope(func() {
		x, y := torchtest.Ramp(1, 3, 4), torchtest.Ramp(2, 3, 4)
		p, q := x.MulScalar(0.5).AddScalar(0.5), y.MulScalar(0.5).AddScalar(0.5)
		logp, shares := x.LogSoftmax(1), y.Softmax(1)
		weight := torchtest.Ramp(3, 4).AddScalar(1.5)
		classes := torch.FromSlice([]int64{1, 3, 0})
		inputs := map[string][2]*torch.Tensor{
			"mse": {x, y}, "l1": {x, y}, "huber": {x, y}, "huber delta": {x, y},
			"bce": {p, q}, "bce weight": {p, q}, "bce logits": {x, q}, "bce logits weights": {x, q},
			"cross entropy": {x, classes}, "cross entropy weight": {x, classes},
			"cross entropy ignore 0": {x, classes}, "cross entropy smooth": {x, classes},
			"cross entropy shares": {x, shares}, "cross entropy weight smooth": {x, classes},
			"kl": {logp, shares}, "kl log target": {logp, shares.Log()},
		}
		for _, c := range cases {
			what := c.Name + ", " + c.Reduction
			r, ok := map[string]torch.Reduction{
				"mean": nn.ReduceMean, "sum": nn.ReduceSum, "none": nn.ReduceNone, "batchmean": nn.ReduceMean,
			}[c.Reduction]
			require.True(t, ok, what)
			batchMean := c.Reduction == "batchmean"
			losses := map[string]nn.Loss{
				"mse":                    nn.MSE{Reduction: r}.Loss,
				"l1":                     nn.L1{Reduction: r}.Loss,
				"huber":                  nn.Huber{Reduction: r}.Loss,
				"huber delta":            nn.Huber{Reduction: r, Delta: 0.3}.Loss,
				"bce":                    nn.BCE{Reduction: r}.Loss,
				"bce weight":             nn.BCE{Reduction: r, Weight: weight}.Loss,
				"bce logits":             nn.BCEWithLogits{Reduction: r}.Loss,
				"bce logits weights":     nn.BCEWithLogits{Reduction: r, Weight: weight, PosWeight: weight}.Loss,
				"cross entropy":          nn.CrossEntropy{Reduction: r}.Loss,
				"cross entropy weight":   nn.CrossEntropy{Reduction: r, Weight: weight}.Loss,
				"cross entropy ignore 0": nn.CrossEntropy{Reduction: r, IgnoreIndex: new(0)}.Loss,
				"cross entropy smooth":   nn.CrossEntropy{Reduction: r, LabelSmoothing: 0.1}.Loss,
				"cross entropy weight smooth": nn.CrossEntropy{
					Reduction: r, Weight: weight, IgnoreIndex: new(0), LabelSmoothing: 0.3,
				}.Loss,
				"cross entropy shares": nn.CrossEntropy{Reduction: r}.Loss,
				"kl":                   nn.KLDiv{Reduction: r, BatchMean: batchMean}.Loss,
				"kl log target":        nn.KLDiv{Reduction: r, BatchMean: batchMean, LogTarget: true}.Loss,
			}
			require.Contains(t, losses, c.Name)
			output := inputs[c.Name][0].Clone().SetRequiresGrad(true)
			loss := losses[c.Name](output, inputs[c.Name][1])
			c.Loss.check(t, loss, what)
			loss.Sum().Backward()
			c.Grad.check(t, output.Grad(), what+": gradient")

			plain := map[string]nn.Loss{
				"mse, mean": nn.MSELoss, "l1, mean": nn.L1Loss, "huber, mean": nn.HuberLoss,
				"bce, mean": nn.BCELoss, "bce logits, mean": nn.BCEWithLogitsLoss,
				"cross entropy, mean": nn.CrossEntropyLoss, "kl, batchmean": nn.KLDivLoss,
			}
			if f, ok := plain[what]; ok {
				c.Loss.check(t, f(output, inputs[c.Name][1]), what)
			}
		}
	})
}

// Broadcasting a column against a row is rarely meant.
func TestLossesRefuseToBroadcast(t *testing.T) {
	read(t)
	torch.Scope(func() {
		for name, loss := range map[string]nn.Loss{
			"MSE": nn.MSELoss, "L1": nn.L1Loss, "Huber": nn.HuberLoss, "BCE": nn.BCELoss,
			"BCEWithLogits": nn.BCEWithLogitsLoss, "KLDiv": nn.KLDivLoss, "SmoothL1": nn.SmoothL1Loss, "PoissonNLL": nn.PoissonNLLLoss,
			"HingeEmbedding": nn.HingeEmbeddingLoss, "SoftMargin": nn.SoftMarginLoss, "MultiLabelMargin": nn.MultiLabelMarginLoss,
			"MultiLabelSoftMargin": nn.MultiLabelSoftMarginLoss,
			"GaussianNLL":          func(a, b *torch.Tensor) *torch.Tensor { return nn.GaussianNLLLoss(a, b, a) },
			"MarginRanking":        func(a, b *torch.Tensor) *torch.Tensor { return nn.MarginRankingLoss(a, b, a) },
		} {
			err := torch.Try(func() { loss(torchtest.Ramp(1, 3, 1), torchtest.Ramp(1, 3)) })
			assert.ErrorContains(t, err, "nn."+name+": [3 1] × [3]: output and target must have the same shape")
		}
	})
}

// The log-probabilities of all classes hold those of the targets, and add up to 1.
func TestAdaptiveLogSoftmaxOfAllClasses(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		torch.ManualSeed(3)
		l := nn.NewAdaptiveLogSoftmaxWithLoss(16, 12, []int{4, 8}, torch.CPU, nn.AdaptiveLogSoftmaxConfig{HeadBias: true, DivValue: 2})
		x, target := torch.Randn([]int{7, 16}), torch.FromSlice([]int64{0, 11, 3, 4, 7, 8, 4})
		all := l.LogProb(x)
		output, loss := l.Forward(x, target)
		one, _ := l.Forward(x.Select(0, 1), target.Select(0, 1))
		assert.Equal(t, []int{}, one.Shape())
		for i, p := range all.Exp().Sum(1).Float64s() {
			assert.InDelta(t, 1, p, 1e-5, i)
		}
		torchtest.SameNumbers(t, torch.CPU, all.Gather(1, target.Unsqueeze(1)).Squeeze(1).Float32s(), output.Float32s(), "output")
		torchtest.SameNumbers(t, torch.CPU, output.Narrow(0, 1, 1).Float32s(), one.Float32s(), "one sample")
		assert.InDelta(t, -output.Mean().Item(), loss.Item(), 1e-6)
		assert.Equal(t, all.Argmax(1).Float64s(), l.Predict(x).Float64s())
	})
}

// The divisor of a mean of negative log likelihoods is that of the cross entropy.
func TestNLLHasTheDivisorOfTheCrossEntropy(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x, classes, weight := torchtest.Ramp(1, 3, 4), torch.FromSlice([]int64{1, 3, 0}), torchtest.Ramp(3, 4).AddScalar(1.5)
		nll := nn.NLL{Weight: weight, IgnoreIndex: new(3)}.Loss(x.LogSoftmax(1), classes)
		cross := nn.CrossEntropy{Weight: weight, IgnoreIndex: new(3)}.Loss(x, classes)
		assert.Equal(t, nn.Divisor(cross).Item(), nn.Divisor(nll).Item())
		assert.Equal(t, 3, nn.IgnoreIndex(nll))
		assert.Nil(t, nn.Divisor(nn.NLL{Reduction: nn.ReduceSum}.Loss(x, classes)))
	})
}

// The functions are the types with PyTorch's defaults, which the cases of modules compare.
func TestLossFunctionsAreTheDefaults(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x, y, z := torchtest.Ramp(1, 3, 4), torchtest.Ramp(2, 3, 4), torchtest.Ramp(3, 3, 4)
		signs, classes := y.Sign(), torch.FromSlice([]int64{1, 3, 0})
		labels := torch.FromSlice([]int64{1, 3, -1, 0, 0, -1, 2, 2, 2, 1, 0, -1}, 3, 4)
		steps, words := x.LogSoftmax(1), torch.FromSlice([]int64{1, 2})
		for name, both := range map[string][2]*torch.Tensor{
			"smooth l1":               {nn.SmoothL1Loss(x, y), nn.DefaultSmoothL1().Loss(x, y)},
			"nll":                     {nn.NLLLoss(x, classes), nn.NLL{}.Loss(x, classes)},
			"poisson":                 {nn.PoissonNLLLoss(x, y), nn.DefaultPoissonNLL().Loss(x, y)},
			"gaussian":                {nn.GaussianNLLLoss(x, y, z.Abs()), nn.DefaultGaussianNLL().Loss(x, y, z.Abs())},
			"hinge embedding":         {nn.HingeEmbeddingLoss(x, signs), nn.DefaultHingeEmbedding().Loss(x, signs)},
			"cosine embedding":        {nn.CosineEmbeddingLoss(x, y, signs.Select(1, 0)), nn.CosineEmbedding{}.Loss(x, y, signs.Select(1, 0))},
			"margin ranking":          {nn.MarginRankingLoss(x, y, signs), nn.MarginRanking{}.Loss(x, y, signs)},
			"multi margin":            {nn.MultiMarginLoss(x, classes), nn.DefaultMultiMargin().Loss(x, classes)},
			"multi label margin":      {nn.MultiLabelMarginLoss(x, labels), nn.MultiLabelMargin{}.Loss(x, labels)},
			"multi label soft margin": {nn.MultiLabelSoftMarginLoss(x, signs), nn.MultiLabelSoftMargin{}.Loss(x, signs)},
			"soft margin":             {nn.SoftMarginLoss(x, signs), nn.SoftMargin{}.Loss(x, signs)},
			"triplet margin":          {nn.TripletMarginLoss(x, y, z), nn.DefaultTripletMargin().Loss(x, y, z)},
			"triplet with distance":   {nn.TripletMarginLoss(x, y, z), nn.TripletMarginWithDistance{}.Loss(x, y, z)},
			"ctc":                     {nn.CTCLoss(steps, words, []int{3}, []int{2}), nn.CTC{}.Loss(steps, words, []int{3}, []int{2})},
		} {
			assert.Equal(t, both[1].Item(), both[0].Item(), name)
			assert.NotZero(t, both[0].Item(), name)
		}
		// One variance for each row, with its dimension or without.
		v := z.Abs().Narrow(1, 0, 1)
		assert.Equal(t, nn.GaussianNLLLoss(x, y, v).Item(), nn.GaussianNLLLoss(x, y, v.Squeeze(1)).Item())
		assert.ErrorContains(t, torch.Try(func() { nn.GaussianNLLLoss(x, y, v.Squeeze(1).Narrow(0, 0, 2)) }), "the variance must have")
	})
}
