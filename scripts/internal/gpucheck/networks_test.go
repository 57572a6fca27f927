// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"errors"
	"maps"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/torch/torchtest/operators"
)

// groove is the smallest network.
func groove(t *testing.T) models.Spec {
	t.Helper()
	s, err := models.ByName("groove")
	require.NoError(t, err)
	return s
}

// The rounding errors of float64 are negligible beside those of float32, so the CPU in
// float32 stands for a device that rounds differently. The tolerances are at least ten
// times the difference.
func TestTolerancesAreWideEnough(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		for _, s := range models.All() {
			all := []optimizer{own(s)}
			if s.Name == "groove" { // as in a check
				all = append(all, optimizers()...)
			}
			for _, o := range all {
				exact := newTraining(s, o, trainBatch, torch.CPU)
				for _, p := range append([]*torch.Tensor{exact.x, exact.y, exact.loss}, nn.Parameters(exact.model)...) {
					torch.Call("aten::set_data", p, p.Detach().ToDType(torch.Float64))
				}
				var r NetworkResult
				assert.NoError(t, r.compare(exact.run(trainSteps), newTraining(s, o, trainBatch, torch.CPU).run(trainSteps)))
				assert.Less(t, r.Output.Relative, gradTolerance/10, s.Name)
				assert.Less(t, r.Gradients.Relative, gradTolerance/10, s.Name)
				assert.Less(t, r.Losses.Relative, lossTolerance/10, s.Name)
				assert.Less(t, r.Weights.Absolute, weightTolerance/10, s.Name)
				assert.NotZero(t, r.Weights.Absolute, s.Name)
				t.Logf("%s with %s: gradients %.1e, losses %.1e, weights %.1e", s.Name, o.name, r.Gradients.Relative, r.Losses.Relative, r.Weights.Absolute)
			}
		}
	})
}

// arguments are those of a network's ReLUs.
func arguments(m nn.Module, x *torch.Tensor) []*torch.Tensor {
	switch m := m.(type) {
	case *models.MelodyTransformer:
		first := m.FC1.Forward(x)
		return []*torch.Tensor{first, m.FC2.Forward(m.LSTM.Step(first.Relu()))}
	case *models.DynamicsEngine:
		first := m.FC1.Forward(x)
		return []*torch.Tensor{first, m.FC2.Forward(first.Relu())}
	}
	return nil
}

// No ReLU comes so near to its kink, in any step, that rounding decides: arguments err
// by 1e-7, and by somewhat more after some steps.
func TestNoReLUIsUndecided(t *testing.T) {
	torchtest.Need(t)
	for _, s := range models.All() {
		torch.Scope(func() {
			training := newTraining(s, own(s), trainBatch, torch.CPU)
			calls := 0
			for _, n := range torch.Trace(func([]*torch.Tensor) []*torch.Tensor { return []*torch.Tensor{training.model.Forward(training.x)} }).Nodes {
				if n.Op == "aten::relu" {
					calls++
				}
			}
			require.Len(t, arguments(training.model, training.x), calls, "%s has ReLUs that are not looked at", s.Name)
			least := math.Inf(1)
			for range trainSteps {
				for _, z := range arguments(training.model, training.x) {
					least = min(least, z.Detach().Abs().Min().Item())
				}
				training.step()
			}
			assert.Greater(t, least, 1e-5, s.Name)
			t.Logf("%s: %.1e", s.Name, least)
		})
	}
}

// elsewhere makes a loss wrong off the CPU.
func elsewhere(s models.Spec, spoil func(loss *torch.Tensor) *torch.Tensor) models.Spec {
	loss := s.Loss
	s.Loss = func(output, target *torch.Tensor) *torch.Tensor {
		l := loss(output, target)
		if l.Device() != torch.CPU {
			l = spoil(l)
		}
		return l
	}
	return s
}

func TestWrongTrainingsAreFound(t *testing.T) {
	device := torchtest.Pretend(t)
	calls := 0
	for _, c := range []struct {
		name  string
		spoil func(*torch.Tensor) *torch.Tensor
		want  []string
	}{
		{"right", func(l *torch.Tensor) *torch.Tensor { return l }, nil},
		{"loss", func(l *torch.Tensor) *torch.Tensor { return l.AddScalar(1e-4) }, []string{"loss at the first step", "losses"}},
		{"gradients", func(l *torch.Tensor) *torch.Tensor { return l.MulScalar(1.001).Sub(l.Detach().MulScalar(0.001)) }, []string{"gradients at the first step"}},
		{"chance", func(l *torch.Tensor) *torch.Tensor { calls++; return l.MulScalar(1 + 1e-7*float64(calls)) }, []string{"two runs with deterministic algorithms differ"}},
		{"error", func(l *torch.Tensor) *torch.Tensor { return l.Reshape(3) }, []string{"reshape", "with deterministic algorithms: "}},
	} {
		s := elsewhere(groove(t), c.spoil)
		r := checkNetwork(s, own(s), device, hostMeter{})
		assert.Equal(t, c.want == nil, r.OK, "%s: %s", c.name, r.Problem)
		for _, want := range c.want {
			assert.Contains(t, r.Problem, want, c.name)
		}
	}
}

// graphMeter has graphs that replay what replay makes of a step.
type graphMeter struct {
	hostMeter
	replay func(step func())
	err    error
	closed *int
}

func (m graphMeter) graph(step func()) (func() error, func(), error) {
	if m.err != nil {
		return nil, nil, m.err
	}
	for range warmSteps {
		step()
	}
	return func() error { m.replay(step); return nil }, func() { *m.closed++ }, nil
}

func TestGraphsAreCompared(t *testing.T) {
	torchtest.Need(t)
	closed := 0
	check := func(m graphMeter) NetworkResult {
		m.closed = &closed
		s := groove(t)
		return checkNetwork(s, own(s), torch.CPU, m)
	}
	r := check(graphMeter{replay: func(step func()) { step() }})
	assert.True(t, r.OK, r.Problem)
	assert.Equal(t, &Difference{}, r.Graph)
	assert.Equal(t, 1, closed)

	r = check(graphMeter{replay: func(func()) {}})
	assert.False(t, r.OK)
	assert.Contains(t, r.Problem, "CUDA graph: the weights differ by")
	assert.Equal(t, 2, closed)

	r = check(graphMeter{err: errors.New("cannot capture")})
	assert.Equal(t, "CUDA graph: cannot capture", r.Problem)
}

// A step that keeps a tensor is found by the growth of memory.
func TestGrowthIsFound(t *testing.T) {
	torchtest.Need(t)
	var kept []*torch.Tensor
	s := groove(t)
	loss := s.Loss
	s.Loss = func(output, target *torch.Tensor) *torch.Tensor {
		torch.Unscoped(func() { kept = append(kept, output.Detach()) })
		return loss(output, target)
	}
	r := checkMemory(t.Context(), s, torch.CPU, hostMeter{}, 30)
	assert.False(t, r.OK)
	assert.Equal(t, "30 steps left 245760 bytes and 30 tensors behind", r.Problem, "an output has 64·32 float32s")
	for _, x := range kept {
		x.Close()
	}

	r = checkMemory(t.Context(), groove(t), torch.CPU, hostMeter{}, 30)
	assert.True(t, r.OK, r.Problem)
}

// Names that are put together at run time are seen here: forward and loss of all
// networks, the steps of all optimizers, and clipping.
func TestEveryOperatorThatTrainingCallsHasACase(t *testing.T) {
	torchtest.Need(t)
	have := map[string]bool{}
	for _, c := range operators.All() {
		for _, op := range c.Ops {
			have[op] = true
		}
	}
	seen := map[string]bool{}
	for _, s := range models.All() {
		m := s.New(torch.CPU)
		x, y := samples(s, trainBatch, torch.CPU)
		torch.Scope(func() { s.Loss(m.Forward(x), y).Backward() })
		params := nn.Parameters(m)
		for _, o := range optimizers() {
			opt := o.make(params)
			maps.Copy(seen, torchtest.Called(func() {
				s.Loss(m.Forward(x), y)
				opt.Step()
			}))
		}
		maps.Copy(seen, torchtest.Called(func() {
			optim.ClipGradNorm(params, 1, 2)
			optim.ClipGradValue(params, 0.1)
		}))
	}
	require.Greater(t, len(seen), 10)
	for op := range seen {
		assert.True(t, have[op], "%s has no case", op)
	}
}
