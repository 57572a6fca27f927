// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest/operators"
)

// Both sides train for trainSteps with a batch of trainBatch before they are compared.
// A ReLU whose argument is within rounding of zero may be open on one device and closed
// on the other, which moves its weights by more than any limit. Among so few samples
// none comes near to that; a test makes sure.
const (
	trainSteps = 20
	trainBatch = 8
)

// batch is the size of the batches that are timed and whose memory is measured.
const batch = 64

// The limits of agreement. Devices differ by rounding. Its effect shows in the CPU
// against itself in float64, which a test repeats: 3e-6 of the size of gradients, 5e-7
// of the losses of all steps, and 3.4e-6 in weights, because Adam divides what rounding
// leaves of a gradient near zero by its own size. Each limit is at least ten times that,
// and far from the effect of a mistake: TF32 changes gradients by 5e-4, and 20 steps of
// Adam move a weight by up to 2e-2.
const (
	gradTolerance   = 6e-5 // relative, also of the output: four sums one after the other
	lossTolerance   = 1e-5 // relative
	weightTolerance = 1e-4 // absolute
)

// Difference is the largest distance of one side from the other.
type Difference = operators.Difference

// NetworkResult compares a training on the device with the same one on the CPU.
type NetworkResult struct {
	Network   string `json:"network"`
	Optimizer string `json:"optimizer"`
	// Of the first step.
	Output    Difference `json:"output"`
	Loss      Difference `json:"loss"`
	Gradients Difference `json:"gradients"`
	// Of all steps.
	Steps   int        `json:"steps"`
	Losses  Difference `json:"losses"`
	Weights Difference `json:"weights"` // after the last one
	// Repeats reports whether a second run on the device, with deterministic
	// algorithms, was bit for bit the first; null where it was not tried.
	Repeats *bool `json:"repeats"`
	// Graph compares the weights of a training by a captured graph with those of
	// the same training without; null where there are no graphs.
	Graph   *Difference `json:"graph"`
	OK      bool        `json:"ok"`
	Problem string      `json:"problem,omitempty"`
}

// samplesSeed was picked so that no ReLU argument of the batch is near zero (see
// trainBatch).
const samplesSeed = 1821

// samples returns n samples for a network on device d: inputs in the range of its
// features, and targets of the kind that it learns.
func samples(s models.Spec, n int, d torch.Device) (x, y *torch.Tensor) {
	torch.ManualSeed(samplesSeed)
	lo, hi := s.InputRange[0], s.InputRange[1]
	torch.Scope(func() {
		x = torch.Rand([]int{n, s.In}).MulScalar(hi - lo).AddScalar(lo)
		y = torch.Rand([]int{n, s.Out})
		if s.Classes {
			y = y.Div(y.Sum(1).Unsqueeze(1)) // shares
		}
		x, y = x.To(d).Keep(), y.To(d).Keep()
	})
	return x, y
}

// optimizer is an optimizer with its settings.
type optimizer struct {
	name string
	make func(params []*torch.Tensor) optim.Optimizer
}

// own returns the optimizer with which a network is trained.
func own(s models.Spec) optimizer {
	c := optim.DefaultAdam()
	c.LR, c.WeightDecay = s.LR, s.WeightDecay
	return optimizer{"Adam", func(p []*torch.Tensor) optim.Optimizer { return optim.NewAdam(p, c) }}
}

// optimizers returns every optimizer, in every mode that calls other code.
func optimizers() []optimizer {
	sgd := func(c optim.SGDConfig) func([]*torch.Tensor) optim.Optimizer {
		c.LR, c.WeightDecay = 1e-2, 1e-4
		return func(p []*torch.Tensor) optim.Optimizer { return optim.NewSGD(p, c) }
	}
	adam := func(amsgrad bool) func([]*torch.Tensor) optim.Optimizer {
		c := optim.DefaultAdam()
		c.WeightDecay, c.AMSGrad = 1e-4, amsgrad
		return func(p []*torch.Tensor) optim.Optimizer { return optim.NewAdam(p, c) }
	}
	return []optimizer{
		{"SGD", sgd(optim.SGDConfig{})},
		{"SGD, momentum", sgd(optim.SGDConfig{Momentum: 0.9})},
		{"SGD, Nesterov", sgd(optim.SGDConfig{Momentum: 0.9, Nesterov: true})},
		{"Adam", adam(false)},
		{"AMSGrad", adam(true)},
		{"AdamW", func(p []*torch.Tensor) optim.Optimizer { return optim.NewAdamW(p, optim.DefaultAdamW()) }},
	}
}

// training is a network in training on one device.
type training struct {
	spec  models.Spec
	model nn.Module
	opt   optim.Optimizer
	x, y  *torch.Tensor
	loss  *torch.Tensor // of the last step
}

// newTraining begins from the same weights and n samples on every device.
func newTraining(s models.Spec, o optimizer, n int, d torch.Device) *training {
	torch.ManualSeed(42)
	t := &training{spec: s, model: s.New(torch.CPU), loss: torch.Zeros([]int{}, torch.Options{Device: d})}
	if d != torch.CPU {
		host := t.model
		t.model = s.New(d)
		if err := nn.LoadStateDict(t.model, nn.StateDict(host)); err != nil {
			panic(&torch.Error{Op: "LoadStateDict", Message: err.Error()})
		}
	}
	t.opt = o.make(nn.Parameters(t.model))
	t.x, t.y = samples(s, n, d)
	return t
}

// step is one step of training; nothing in it waits for the device.
func (t *training) step() {
	torch.Scope(func() {
		t.opt.ZeroGrad()
		loss := t.spec.Loss(t.model.Forward(t.x), t.y)
		loss.Backward()
		t.opt.Step()
		t.loss.CopyInPlace(loss.Detach())
	})
}

// values copies the weights to the host.
func (t *training) values() (all []float64) {
	for _, p := range nn.Parameters(t.model) {
		all = append(all, p.Float64s()...)
	}
	return all
}

// course holds the results of a training.
type course struct {
	output, losses, weights []float64
	grads                   [][]float64 // of each parameter, at the first step
}

// run trains for n steps.
func (t *training) run(n int) (c course) {
	torch.Scope(func() {
		c.output = t.model.Forward(t.x).Float64s()
	})
	losses := torch.Zeros([]int{n}, torch.Options{Device: t.x.Device()})
	for i := range n {
		t.step()
		losses.Select(0, i).CopyInPlace(t.loss)
		if i == 0 {
			for _, p := range nn.Parameters(t.model) {
				c.grads = append(c.grads, p.Grad().Float64s())
			}
		}
	}
	c.losses, c.weights = losses.Float64s(), t.values()
	return c
}

// checkNetwork compares a training on device d with the same one on the CPU, with a
// repetition, and with a captured graph.
func checkNetwork(s models.Spec, o optimizer, d torch.Device, m meter) NetworkResult {
	r := NetworkResult{Network: s.Name, Optimizer: o.name, Steps: trainSteps}
	var problems []string
	run := func(d torch.Device) course { return newTraining(s, o, trainBatch, d).run(trainSteps) }
	check := func(what string, f func() error) {
		if err := try(f); err != nil {
			problems = append(problems, what+strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	check("", func() error { return r.compare(run(torch.CPU), run(d)) })
	check("with deterministic algorithms: ", func() error {
		deterministically(func() {
			a, b := run(d), run(d)
			same := slices.Equal(a.losses, b.losses) && slices.Equal(a.weights, b.weights)
			r.Repeats = &same
		})
		return nil
	})
	if r.Repeats != nil && !*r.Repeats { // not a bit may differ
		problems = append(problems, "two runs with deterministic algorithms differ")
	}
	// The same kernels in the same order have the same results, but for what is summed
	// in any order.
	check("CUDA graph: ", func() error {
		t := newTraining(s, o, trainBatch, d)
		replay, done, err := m.graph(t.step)
		if errors.Is(err, errNoGraphs) {
			return nil
		} else if err != nil {
			return err
		}
		defer done()
		for range trainSteps - warmSteps {
			if err := replay(); err != nil {
				return err
			}
		}
		if err := m.synchronize(); err != nil { // what comes next is in another stream
			return err
		}
		r.Graph = new(Difference)
		if err := r.Graph.Compare(run(d).weights, t.values()); err != nil {
			return err
		}
		if r.Graph.Absolute > weightTolerance {
			return fmt.Errorf("the weights differ by %.1e from those without; %.1e is the limit", r.Graph.Absolute, weightTolerance)
		}
		return nil
	})
	r.Problem = strings.Join(problems, "; ")
	r.OK = r.Problem == ""
	return r
}

// compare fills in the differences of two trainings and returns what is wrong.
func (r *NetworkResult) compare(want, got course) error {
	var problems []error
	differ := func(what string, by, limit float64) {
		if by > limit {
			problems = append(problems, fmt.Errorf("%s: they differ by %.1e; %.1e is the limit", what, by, limit))
		}
	}
	part := func(name string, into *Difference, want, got []float64) {
		if err := into.Compare(want, got); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	part("output", &r.Output, want.output, got.output)
	part("loss", &r.Loss, want.losses[:1], got.losses[:1])
	for i := range want.grads {
		part(fmt.Sprintf("gradient of parameter %d", i), &r.Gradients, want.grads[i], got.grads[i])
	}
	part("losses", &r.Losses, want.losses, got.losses)
	part("weights", &r.Weights, want.weights, got.weights)
	differ("output at the first step", r.Output.Relative, gradTolerance)
	differ("loss at the first step", r.Loss.Relative, lossTolerance)
	differ("gradients at the first step", r.Gradients.Relative, gradTolerance)
	differ("losses", r.Losses.Relative, lossTolerance)
	differ(fmt.Sprintf("weights after %d steps", r.Steps), r.Weights.Absolute, weightTolerance)
	return errors.Join(problems...)
}
