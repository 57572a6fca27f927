// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// TestGradScalerAgreesWithPyTorch takes the steps of PyTorch's scaler, and those after the
// tenth again from PyTorch's state dicts.
func TestGradScalerAgreesWithPyTorch(t *testing.T) {
	torchtest.NoLeaks(t)
	file, err := pt.LoadDict("testdata/scaler.pt")
	require.NoError(t, err)
	for _, c := range torchtest.Entry[[]any](t, file, "cases") {
		d := c.(*torch.Dict)
		t.Run(torchtest.Entry[string](t, d, "desc"), func(t *testing.T) {
			torch.Scope(func() { runScalerCase(t, d) })
		})
	}
	for _, c := range torchtest.Entry[[]any](t, file, "networks") {
		d := c.(*torch.Dict)
		t.Run("network with "+torchtest.Entry[string](t, d, "optimizer"), func(t *testing.T) {
			torch.Scope(func() { runScaledNetwork(t, d) })
		})
	}
}

func makeOptimizer(t *testing.T, d *torch.Dict, params []*torch.Tensor) optim.Optimizer {
	if torchtest.Entry[string](t, d, "optimizer") == "SGD" {
		return optim.NewSGD(params, optim.SGDConfig{LR: 0.01, Momentum: 0.9})
	}
	c := optim.DefaultAdam()
	c.LR = 0.05
	return optim.NewAdam(params, c)
}

func runScalerCase(t *testing.T, d *torch.Dict) {
	start, target, weight := tensorsOf(t, d, "start"), tensorsOf(t, d, "target"), tensorsOf(t, d, "weight")
	bad, saved, trajectory := torchtest.Entry[*torch.Dict](t, d, "bad"), torchtest.Entry[int](t, d, "saved_after"), torchtest.Entry[*torch.Dict](t, d, "trajectory")
	limit, clips := d.Get("clip")
	clips = clips && limit != nil
	set, _ := d.Get("set_scale")
	norms := torchtest.Entry[[]any](t, d, "norms")
	steps := func(params []*torch.Tensor, optimizers []optim.Optimizer, s *optim.GradScaler, from int) {
		for n := from; n <= 20; n++ {
			loss := torch.Zeros([]int{}, torch.Options{DType: params[0].DType()})
			torch.ZeroGrad(params)
			for i, p := range params {
				loss = loss.Add(weight[i].Mul(p.Sub(target[i]).Square()).Sum())
			}
			if x, ok := bad.Get(n); ok {
				loss = loss.Add(params[0].MulScalar(x).Sum())
			}
			s.Scale(loss).Backward()
			for i, o := range optimizers {
				if clips || torchtest.Entry[bool](t, d, "unscale") {
					s.Unscale(o)
				}
				if clips {
					norm, want := optim.ClipGradNorm(o.Parameters(), float(limit), 2).Item(), float(norms[n-1])
					if math.IsInf(want, 0) || math.IsNaN(want) {
						assert.False(t, norm-norm == 0, "norm of step %d is %v, PyTorch's %v", n, norm, want)
					} else {
						assert.InEpsilon(t, want, norm, 1e-5, "norm of step %d", n)
					}
				}
				values := func() (all []float64) {
					for _, p := range o.Parameters() {
						all = append(all, p.Float64s()...)
					}
					return all
				}
				before := values()
				s.Step(o)
				assert.Equal(t, torchtest.List(torchtest.Entry[[]any](t, d, "stepped")[n-1])[i], !slices.Equal(before, values()), "step %d of optimizer %d", n, i)
			}
			scale := any(nil)
			if set, ok := set.(*torch.Dict); ok {
				scale, _ = set.Get(n)
			}
			if scale != nil {
				s.Update(float(scale))
			} else {
				s.Update()
			}
			assert.Equal(t, float(torchtest.Entry[[]any](t, d, "scales")[n-1]), s.GetScale(), "scale after step %d", n)
			tracker, _ := s.StateDict().Get("_growth_tracker")
			assert.Equal(t, torchtest.Entry[[]any](t, d, "trackers")[n-1], tracker, "count after step %d", n)
			if want, ok := trajectory.Get(n); ok {
				for i, p := range params {
					compareTensors(t, "parameter", listOfTensors(t, want)[i], p.Detach(), 1e-5)
				}
			}
			if n == saved && from == 1 {
				compareDicts(t, "state dict", torchtest.Entry[*torch.Dict](t, d, "state_dict"), s.StateDict(), 0)
			}
		}
	}
	fresh := func(start []*torch.Tensor) (params []*torch.Tensor, list []optim.Optimizer, s *optim.GradScaler) {
		for _, p := range start {
			params = append(params, p.Clone().SetRequiresGrad(true))
		}
		list = []optim.Optimizer{makeOptimizer(t, d, params)}
		if torchtest.Entry[bool](t, d, "two") {
			list = []optim.Optimizer{makeOptimizer(t, d, params[:1]), makeOptimizer(t, d, params[1:])}
		}
		c := optim.DefaultGradScaler()
		for k, v := range torchtest.Entry[*torch.Dict](t, d, "kwargs").All() {
			switch k {
			case "init_scale":
				c.InitScale = v.(float64)
			case "growth_factor":
				c.GrowthFactor = v.(float64)
			case "backoff_factor":
				c.BackoffFactor = v.(float64)
			case "growth_interval":
				c.GrowthInterval = v.(int)
			default:
				require.Fail(t, "unknown setting", k)
			}
		}
		return params, list, optim.NewGradScaler(c)
	}
	params, optimizers, s := fresh(start)
	steps(params, optimizers, s, 1)

	middle, _ := trajectory.Get(saved)
	params, optimizers, _ = fresh(listOfTensors(t, middle))
	s = optim.NewGradScaler(optim.DefaultGradScaler())
	require.NoError(t, s.LoadStateDict(torchtest.Entry[*torch.Dict](t, d, "state_dict")))
	for i, o := range optimizers {
		require.NoError(t, o.LoadStateDict(torchtest.Entry[[]any](t, d, "optimizer_states")[i].(*torch.Dict)))
	}
	steps(params, optimizers, s, saved+1)
}

// runScaledNetwork trains in float16 with a scale that is too large at first.
func runScaledNetwork(t *testing.T, d *torch.Dict) {
	params := tensorsOf(t, d, "start")
	for _, p := range params {
		p.SetRequiresGrad(true)
	}
	x, y := torchtest.Entry[*torch.Tensor](t, d, "x"), torchtest.Entry[*torch.Tensor](t, d, "y")
	o, c := makeOptimizer(t, d, params), optim.DefaultGradScaler()
	c.InitScale, c.GrowthInterval = torchtest.Entry[float64](t, d, "init_scale"), 8
	s := optim.NewGradScaler(c)
	for i, want := range torchtest.Entry[[]any](t, d, "losses") {
		o.ZeroGrad()
		var loss *torch.Tensor
		torch.Autocast(torch.CPU, torch.Float16, func() {
			h := torch.Linear(x, params[0], params[1]).Tanh()
			loss = torch.Call("aten::cross_entropy_loss", torch.Linear(h, params[2], params[3]), y).Tensor()
		})
		assert.InDelta(t, float(want), loss.Item(), 1e-3, "loss of step %d", i)
		s.Scale(loss).Backward()
		s.Unscale(o)
		optim.ClipGradNorm(params, 0.5, 2)
		s.Step(o)
		s.Update()
		assert.Equal(t, float(torchtest.Entry[[]any](t, d, "scales")[i]), s.GetScale(), "scale after step %d", i)
	}
}

func TestGradScalerRefuses(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		p := torch.Ones([]int{2}).SetRequiresGrad(true)
		o, s := optim.NewSGD([]*torch.Tensor{p}, optim.DefaultSGD()), optim.NewGradScaler(optim.DefaultGradScaler())
		refused := func(want string, f func()) {
			t.Helper()
			assert.ErrorContains(t, torch.Try(f), want)
		}
		refused("optim.GradScaler.Unscale: no loss was scaled yet", func() { s.Unscale(o) })
		refused("optim.GradScaler.Step: no loss was scaled yet", func() { s.Step(o) })
		refused("optim.GradScaler.Update: no loss was scaled yet", func() { s.Update() })
		refused("optim.GradScaler.FoundInf: no loss was scaled yet", func() { s.FoundInf(o) })
		s.Scale(p.Sum())
		refused("no parameter of the optimizer has a gradient", func() { s.Step(o) })
		s.Update(8)
		refused("no gradients were unscaled since the last Update", func() { s.Update() })
		s.Scale(p.Sum()).Backward()
		refused("optim.GradScaler.FoundInf: the gradients of this optimizer were not unscaled yet", func() { s.FoundInf(o) })
		s.Unscale(o)
		assert.Equal(t, []float32{1, 1}, p.Grad().Float32s())
		refused("are unscaled already", func() { s.Unscale(o) })
		s.Step(o)
		refused("optim.GradScaler.Unscale: the step of this optimizer was taken already", func() { s.Unscale(o) })
		refused("optim.GradScaler.Step: the step of this optimizer was taken already", func() { s.Step(o) })
		s.Update()

		half := torch.Ones([]int{2}, torch.Options{DType: torch.Float16}).SetRequiresGrad(true)
		s.Scale(half.Sum()).Backward()
		refused("there are gradients in float16", func() { s.Step(optim.NewSGD([]*torch.Tensor{half}, optim.DefaultSGD())) })

		refused("start from optim.DefaultGradScaler()", func() { optim.NewGradScaler(optim.GradScalerConfig{}) })
		for _, change := range []func(*optim.GradScalerConfig){
			func(c *optim.GradScalerConfig) { c.GrowthFactor = 1 }, func(c *optim.GradScalerConfig) { c.BackoffFactor = 1 },
			func(c *optim.GradScalerConfig) { c.InitScale = -1 }, func(c *optim.GradScalerConfig) { c.GrowthInterval = 0 },
		} {
			c := optim.DefaultGradScaler()
			change(&c)
			assert.Panics(t, func() { optim.NewGradScaler(c) })
		}
		before := s.StateDict()
		assert.ErrorContains(t, s.LoadStateDict(torch.NewDict()), "not enabled")
		assert.ErrorContains(t, s.LoadStateDict(nil), "is nil")
		bad := s.StateDict()
		bad.Set("growth_factor", 0.5)
		assert.ErrorContains(t, s.LoadStateDict(bad), "GrowthFactor is 0.5")
		assert.Equal(t, before, s.StateDict())
	})
}

func TestGradScalerThatIsNotEnabled(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		p := torch.Ones([]int{2}).SetRequiresGrad(true)
		o := optim.NewSGD([]*torch.Tensor{p}, optim.SGDConfig{LR: 1})
		c := optim.DefaultGradScaler()
		c.Enabled = false
		s := optim.NewGradScaler(c)
		s.Scale(p.Sum()).Backward()
		s.Unscale(o)
		s.Step(o)
		s.Update()
		assert.Equal(t, []float32{0, 0}, p.Float32s())
		assert.Equal(t, 1.0, s.GetScale())
		assert.Zero(t, s.StateDict().Len())
		assert.NoError(t, s.LoadStateDict(torch.NewDict("scale", 2.0)))
	})
}

// Nothing waits for the device, but Step for an optimizer whose kernel cannot leave a step
// out; a step that is left out changes nothing, nor does it count.
func TestGradScalerDoesNotWait(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	for name, make := range map[string]func([]*torch.Tensor) optim.Optimizer{
		"SGD": func(p []*torch.Tensor) optim.Optimizer { return optim.NewSGD(p, optim.SGDConfig{LR: 1, Momentum: 0.9}) },
		"SGD, dampened": func(p []*torch.Tensor) optim.Optimizer {
			return optim.NewSGD(p, optim.SGDConfig{LR: 1, Momentum: 0.9, Dampening: 0.5})
		},
		"Adam":  func(p []*torch.Tensor) optim.Optimizer { return optim.NewAdam(p, optim.DefaultAdam()) },
		"AdamW": func(p []*torch.Tensor) optim.Optimizer { return optim.NewAdamW(p, optim.DefaultAdamW()) },
		"NAdam": func(p []*torch.Tensor) optim.Optimizer { return optim.NewNAdam(p, optim.DefaultNAdam()) },
	} {
		torch.Scope(func() {
			ones := func() *torch.Tensor { return torch.Ones([]int{2}, torch.Options{Device: device}).SetRequiresGrad(true) }
			p, q := ones(), ones()
			o, alone, s := make([]*torch.Tensor{p}), make([]*torch.Tensor{q}), optim.NewGradScaler(optim.DefaultGradScaler())
			for n, factor := range []float64{math.Inf(1), 1, math.NaN(), 1} {
				o.ZeroGrad()
				kernel := name != "SGD, dampened" && name != "NAdam"
				step := func() { s.Step(o) }
				torchtest.ForbidTransfers(func() {
					s.Scale(p.MulScalar(factor).Sum()).Backward()
					s.Unscale(o)
					optim.ClipGradNorm([]*torch.Tensor{p}, 1, 2)
					if kernel {
						step()
					}
				})
				if !kernel {
					step()
				}
				assert.Equal(t, n%2 == 0, s.FoundInf(o).Item() == 1)
				torchtest.ForbidTransfers(func() { s.Update() })
				if n%2 == 1 {
					alone.ZeroGrad()
					q.Sum().Backward()
					optim.ClipGradNorm([]*torch.Tensor{q}, 1, 2)
					alone.Step()
				}
				assert.Equal(t, q.Float32s(), p.Float32s(), "%s: step %d", name, n)
			}
			assert.Equal(t, plain(alone.StateDict()), plain(o.StateDict()), name)
		})
	}
}
