// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// What a training may consist of. A name begins with that of the type or of the
// constructor in torch/nn or torch/optim, which TestTheMatrixIsWhole looks up.

type lossChoice struct {
	name    string
	classes bool // targets are int64 classes
	make    func(models.Spec, torch.Device) nn.Loss
}

type optimizerChoice struct {
	name string
	make func([]*torch.Tensor) optim.Optimizer
}

type schedulerChoice struct {
	name string
	make func(optim.Optimizer) optim.Scheduler
}

// through compares a function of the output, for losses that want probabilities
// or logarithms of them.
func through(f func(*torch.Tensor) *torch.Tensor, loss nn.Loss) nn.Loss {
	return func(output, target *torch.Tensor) *torch.Tensor { return loss(f(output), target) }
}

func logShares(x *torch.Tensor) *torch.Tensor { return x.LogSoftmax(-1) }

// weights are those of a loss, one for each number of an output.
func weights(s models.Spec, d torch.Device) *torch.Tensor {
	values := make([]float32, s.Out)
	for i := range values {
		values[i] = 0.5 + float32(i%5)/4
	}
	return torch.FromSlice(values).To(d)
}

func plainLoss(loss nn.Loss) func(models.Spec, torch.Device) nn.Loss {
	return func(models.Spec, torch.Device) nn.Loss { return loss }
}

var losses = []lossChoice{
	{"its own", false, func(s models.Spec, _ torch.Device) nn.Loss { return s.Loss }},
	{"MSE", false, plainLoss(nn.MSELoss)},
	{"L1", false, plainLoss(nn.L1Loss)},
	{"Huber", false, plainLoss(nn.Huber{Delta: 0.3}.Loss)},
	{"SmoothL1", false, plainLoss(nn.SmoothL1Loss)},
	{"BCE weighted", false, func(s models.Spec, d torch.Device) nn.Loss {
		return through((*torch.Tensor).Sigmoid, nn.BCE{Weight: weights(s, d)}.Loss)
	}},
	{"BCEWithLogits weighted", false, func(s models.Spec, d torch.Device) nn.Loss {
		return nn.BCEWithLogits{Weight: weights(s, d), PosWeight: weights(s, d)}.Loss
	}},
	{"KLDiv", false, plainLoss(through(logShares, nn.KLDivLoss))},
	{"KLDiv of logarithms", false, plainLoss(func(output, target *torch.Tensor) *torch.Tensor {
		return nn.KLDiv{BatchMean: true, LogTarget: true}.Loss(logShares(output), logShares(target))
	})},
	{"CrossEntropy of shares", false, plainLoss(func(output, target *torch.Tensor) *torch.Tensor {
		return nn.CrossEntropyLoss(output, target.Softmax(-1))
	})},
	{"CrossEntropy of classes", true, plainLoss(nn.CrossEntropyLoss)},
	{"NLL weighted", true, func(s models.Spec, d torch.Device) nn.Loss {
		return through(logShares, nn.NLL{Weight: weights(s, d), IgnoreIndex: new(1)}.Loss)
	}},
	{"CrossEntropy weighted", true, func(s models.Spec, d torch.Device) nn.Loss {
		return nn.CrossEntropy{Weight: weights(s, d), IgnoreIndex: new(1), LabelSmoothing: 0.1}.Loss
	}},
}

func sgd(c optim.SGDConfig) func([]*torch.Tensor) optim.Optimizer {
	return func(ps []*torch.Tensor) optim.Optimizer { return optim.NewSGD(ps, c) }
}

func adam(change func(*optim.AdamConfig)) func([]*torch.Tensor) optim.Optimizer {
	return func(ps []*torch.Tensor) optim.Optimizer {
		return optim.NewAdam(ps, changed(optim.DefaultAdam(), change))
	}
}

func adamW(change func(*optim.AdamConfig)) func([]*torch.Tensor) optim.Optimizer {
	return func(ps []*torch.Tensor) optim.Optimizer {
		return optim.NewAdamW(ps, changed(optim.DefaultAdamW(), change))
	}
}

// changed returns settings with what change, if any, makes of them.
func changed[T any](c T, change func(*T)) T {
	if change != nil {
		change(&c)
	}
	return c
}

var optimizers = []optimizerChoice{
	{"SGD", sgd(optim.SGDConfig{LR: 0.05})},
	{"SGD momentum", sgd(optim.SGDConfig{LR: 0.05, Momentum: 0.9, Dampening: 0.1})},
	{"SGD nesterov", sgd(optim.SGDConfig{LR: 0.05, Momentum: 0.9, Nesterov: true})},
	{"SGD decay", sgd(optim.SGDConfig{LR: 0.05, Momentum: 0.9, WeightDecay: 0.01})},
	{"SGD maximize", sgd(optim.SGDConfig{LR: 0.001, Maximize: true})},
	{"Adam", adam(nil)},
	{"Adam decay", adam(func(c *optim.AdamConfig) { c.WeightDecay = 0.01 })},
	{"Adam amsgrad", adam(func(c *optim.AdamConfig) { c.AMSGrad = true })},
	{"Adam maximize", adam(func(c *optim.AdamConfig) { c.Maximize = true })},
	{"Adam groups", func(ps []*torch.Tensor) optim.Optimizer {
		c := optim.DefaultAdam()
		o := optim.NewAdam(ps[:1], c)
		c.LR, c.WeightDecay = 5e-4, 0.01
		o.AddGroup(ps[1:], c)
		return o
	}},
	{"AdamW", adamW(nil)},
	{"AdamW amsgrad", adamW(func(c *optim.AdamConfig) { c.WeightDecay, c.AMSGrad = 0.1, true })},
}

var schedulers = []schedulerChoice{
	{"none", func(optim.Optimizer) optim.Scheduler { return nil }},
	{"StepLR", func(o optim.Optimizer) optim.Scheduler {
		return optim.NewStepLR(o, optim.StepLRConfig{StepSize: 1, Gamma: 0.5})
	}},
	{"CosineAnnealingLR", func(o optim.Optimizer) optim.Scheduler {
		return optim.NewCosineAnnealingLR(o, optim.CosineAnnealingLRConfig{TMax: 2})
	}},
	{"ReduceLROnPlateau", func(o optim.Optimizer) optim.Scheduler {
		c := optim.DefaultReduceLROnPlateau()
		c.Patience, c.Threshold = 0, 0.9
		return optim.NewReduceLROnPlateau(o, c)
	}},
}

// How gradients are clipped, and how many batches make a step.
var (
	clips       = []string{"none", "norm", "value"}
	accumulates = []int{1, 3}
)

const (
	clipNorm  = 0.1
	clipValue = 1e-3
)

// byValue clips each number of the gradients before a step.
type byValue struct {
	optim.Optimizer
	params []*torch.Tensor
}

func (o byValue) Step() {
	optim.ClipGradValue(o.params, clipValue)
	o.Optimizer.Step()
}

// setting is a choice of all that goes with a network, a loss and an optimizer.
type setting struct {
	clip       string
	accumulate int
	scheduler  schedulerChoice
}

func settings() []setting {
	var all []setting
	for _, s := range schedulers {
		for _, a := range accumulates {
			for _, c := range clips {
				all = append(all, setting{c, a, s})
			}
		}
	}
	return all
}

// settingOf spreads the settings over networks, losses and optimizers: each
// optimizer meets all of them, TestTheMatrixIsWhole sees to it.
func settingOf(network, loss, optimizer int) int {
	return (11*network + 7*loss + 5*optimizer) % len(settings())
}

// The losses of numbers and the optimizers with fused kernels are all in the matrix. The
// loop calls the others, and schedulers, in the same way; packages nn and optim compare
// them with PyTorch, also on a device.
func TestTheMatrixIsWhole(t *testing.T) {
	find := func(file, pattern string) (names []string) {
		files, err := filepath.Glob(filepath.Join(torchtest.Root(t), "torch", file))
		require.NoError(t, err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
				names = append(names, string(m[1]))
			}
		}
		require.NotEmpty(t, names)
		slices.Sort(names)
		return names
	}
	first := func(names []string) []string {
		var firsts []string
		for _, n := range names {
			if name, _, _ := strings.Cut(n, " "); name != "none" && name != "its" && !slices.Contains(firsts, name) {
				firsts = append(firsts, name)
			}
		}
		slices.Sort(firsts)
		return firsts
	}
	var l, o []string
	for _, c := range losses {
		l = append(l, c.name)
	}
	for _, c := range optimizers {
		o = append(o, c.name)
	}
	assert.Subset(t, first(l), find("nn/loss.go", `(?m)^func \(c (\w+)\) Loss\(`))
	var fused []string
	for _, name := range first(o) {
		fused = append(fused, strings.ToLower(name))
	}
	assert.Equal(t, find("optim/*.go", `"aten::_fused_(\w+)_"`), fused)

	for i := range optimizers {
		met := map[int]bool{}
		for network := range models.All() {
			for loss := range losses {
				met[settingOf(network, loss, i)] = true
			}
		}
		assert.Len(t, met, len(settings()), optimizers[i].name)
	}
}
