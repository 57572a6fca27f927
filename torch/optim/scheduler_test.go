// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// schedulers are the generator's, by the names of its cases.
var schedulers = map[string]func(optim.Optimizer) optim.Scheduler{
	"step":       stepLR(optim.DefaultStepLR(4)),
	"step gamma": stepLR(optim.StepLRConfig{StepSize: 1, Gamma: 0.9}),
	"cosine":     cosine(optim.CosineAnnealingLRConfig{TMax: 9}),
	"cosine min": cosine(optim.CosineAnnealingLRConfig{TMax: 40, EtaMin: 0.01}),
	"plateau":    plateau(func(c *optim.ReduceLROnPlateauConfig) { c.Patience = 2 }),
	"plateau cooldown": plateau(func(c *optim.ReduceLROnPlateauConfig) {
		c.Factor, c.Patience, c.Cooldown, c.MinLR = 0.5, 0, 3, 0.005
	}),
	"plateau abs": plateau(func(c *optim.ReduceLROnPlateauConfig) {
		c.Patience, c.Threshold, c.Absolute, c.Eps = 1, 0.05, true, 1e-3
	}),
	"plateau max": plateau(func(c *optim.ReduceLROnPlateauConfig) { c.Max, c.Patience, c.Threshold = true, 3, 0.01 }),
	"plateau max abs": plateau(func(c *optim.ReduceLROnPlateauConfig) {
		c.Max, c.Patience, c.Threshold, c.Absolute = true, 1, 0, true
	}),
}

func stepLR(c optim.StepLRConfig) func(optim.Optimizer) optim.Scheduler {
	return func(o optim.Optimizer) optim.Scheduler { return optim.NewStepLR(o, c) }
}

func cosine(c optim.CosineAnnealingLRConfig) func(optim.Optimizer) optim.Scheduler {
	return func(o optim.Optimizer) optim.Scheduler { return optim.NewCosineAnnealingLR(o, c) }
}

func plateau(change func(*optim.ReduceLROnPlateauConfig)) func(optim.Optimizer) optim.Scheduler {
	return func(o optim.Optimizer) optim.Scheduler {
		return optim.NewReduceLROnPlateau(o, changed(optim.DefaultReduceLROnPlateau(), change))
	}
}

type goldenSchedulers struct {
	Cut    int
	Values []float64
	Cases  []struct {
		Name    string
		Rates   [][]float64
		State   map[string]any
		Keys    []any
		Initial []float64
	}
}

func readSchedulers(t *testing.T) (g goldenSchedulers) {
	t.Helper()
	torchtest.Need(t)
	torchtest.Golden(t, "testdata/scheduler.json", &g)
	require.Len(t, schedulers, len(g.Cases))
	return g
}

// twoGroups is the generator's optimizer.
func twoGroups() *optim.SGD {
	o := optim.NewSGD([]*torch.Tensor{torch.Zeros([]int{2})}, optim.SGDConfig{LR: 0.1})
	o.AddGroup([]*torch.Tensor{torch.Zeros([]int{2})}, optim.SGDConfig{LR: 0.02})
	return o
}

func ratesOf(o *optim.SGD) []float64 {
	return []float64{o.Groups()[0].Config.LR, o.Groups()[1].Config.LR}
}

// fromJSON turns a value from JSON into one of a state dict of PyTorch.
func fromJSON(v any) any {
	switch v := v.(type) {
	case []any:
		list := []any{}
		for _, x := range v {
			list = append(list, fromJSON(x))
		}
		return list
	case string:
		switch v {
		case "inf", "-inf":
			return math.Inf(len(v)*-2 + 7)
		}
	}
	return v
}

// Every rate is PyTorch's but for 1e-13 of it: both compute in float64, with
// cosines that may differ in the last place and 30 products after each other.
func TestRatesAgreeWithPyTorch(t *testing.T) {
	g := readSchedulers(t)
	for _, c := range g.Cases {
		t.Run(c.Name, func(t *testing.T) {
			torch.Scope(func() {
				o := twoGroups()
				s := schedulers[c.Name](o)
				for epoch, want := range c.Rates {
					s.Step(g.Values[epoch])
					for i, lr := range ratesOf(o) {
						// The cosine passes through 0.
						require.InDelta(t, want[i], lr, 1e-13*want[i]+1e-17, "epoch %d", epoch)
					}
					if epoch+1 == g.Cut {
						checkState(t, c.State, c.Keys, s.StateDict())
					}
				}
			})
		})
	}
}

func checkState(t *testing.T, want map[string]any, keys []any, have *torch.Dict) {
	t.Helper()
	assert.Equal(t, keys, have.Keys())
	for key, w := range want {
		h, err := torch.Value[any](have, key)
		require.NoError(t, err)
		switch w := fromJSON(w).(type) {
		case []any:
			list := h.([]any)
			require.Len(t, list, len(w), key)
			for i := range w {
				assert.InDelta(t, w[i], list[i], 1e-15, key)
			}
		case float64:
			if math.IsInf(w, 0) {
				assert.Equal(t, w, h, key)
			} else {
				assert.InDelta(t, w, h, 1e-15, key)
			}
		default:
			assert.Equal(t, w, h, key)
		}
	}
}

// A scheduler continues from PyTorch's state dict, and from its own, whatever it
// was made with.
func TestSchedulersContinue(t *testing.T) {
	g := readSchedulers(t)
	for _, c := range g.Cases {
		torch.Scope(func() {
			python := torch.NewDict()
			for _, key := range c.Keys {
				python.Set(key, fromJSON(c.State[key.(string)]))
			}
			o := twoGroups()
			first := schedulers[c.Name](o)
			for _, v := range g.Values[:g.Cut] {
				first.Step(v)
			}
			for _, state := range []*torch.Dict{python, first.StateDict()} {
				o := twoGroups()
				var s optim.Scheduler
				switch first.(type) {
				case *optim.StepLR:
					s = optim.NewStepLR(o, optim.DefaultStepLR(77))
				case *optim.CosineAnnealingLR:
					s = optim.NewCosineAnnealingLR(o, optim.CosineAnnealingLRConfig{TMax: 77})
				default:
					s = plateau(func(p *optim.ReduceLROnPlateauConfig) { p.Max, p.Patience = c.Name == "plateau", 77 })(o)
				}
				before := s.String()
				require.NoError(t, s.LoadStateDict(state), c.Name)
				assert.Equal(t, first.String(), s.String())
				assert.NotEqual(t, before, s.String())
				assert.Equal(t, []float64{0.1, 0.02}, ratesOf(o), "a scheduler leaves the rates to the optimizer")
				for i, lr := range c.Rates[g.Cut-1] {
					o.Groups()[i].Config.LR = lr
				}
				for epoch := g.Cut; epoch < len(g.Values); epoch++ {
					s.Step(g.Values[epoch])
					for i, lr := range ratesOf(o) {
						require.InDelta(t, c.Rates[epoch][i], lr, 1e-13*lr+1e-17, "%s, epoch %d", c.Name, epoch)
					}
				}
			}
		})
	}
}

// PyTorch before 2.6 wrote no default_min_lr, and a "verbose" besides.
func TestOldPlateau(t *testing.T) {
	torch.Scope(func() {
		o := twoGroups()
		state := optim.NewReduceLROnPlateau(o, optim.DefaultReduceLROnPlateau()).StateDict()
		state.Delete("default_min_lr")
		state.Set("verbose", false)
		state.Set("min_lrs", []any{0.25, 0.125})
		s := optim.NewReduceLROnPlateau(o, optim.DefaultReduceLROnPlateau())
		require.NoError(t, s.LoadStateDict(state))
		lrs, err := torch.Value[[]any](s.StateDict(), "min_lrs")
		require.NoError(t, err)
		assert.Equal(t, []any{0.25, 0.125}, lrs)
		state.Delete("min_lrs")
		assert.ErrorContains(t, s.LoadStateDict(state), `the state dict has no "min_lrs"`)
	})
}

// Schedulers leave initial_lr in the groups, as PyTorch's do; an optimizer's state
// dict brings it back.
func TestInitialRates(t *testing.T) {
	g := readSchedulers(t)
	torch.Scope(func() {
		o := twoGroups()
		s := optim.NewStepLR(o, optim.DefaultStepLR(1))
		s.Step(0)
		groups, err := torch.Value[[]any](o.StateDict(), "param_groups")
		require.NoError(t, err)
		for i, group := range groups {
			lr, err := torch.Value[float64](group.(*torch.Dict), "initial_lr")
			require.NoError(t, err)
			assert.Equal(t, g.Cases[0].Initial[i], lr)
		}
		other := twoGroups()
		require.NoError(t, other.LoadStateDict(o.StateDict()))
		base, err := torch.Value[[]any](optim.NewCosineAnnealingLR(other, optim.CosineAnnealingLRConfig{TMax: 3}).StateDict(), "base_lrs")
		require.NoError(t, err)
		assert.Equal(t, []any{0.1, 0.02}, base)
		gamma := 0.1 // a variable: Go multiplies constants exactly
		assert.Equal(t, []float64{0.1 * gamma, 0.02 * gamma}, ratesOf(other))
	})
}

func TestSchedulersRefuse(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		o := twoGroups()
		for want, f := range map[string]func(){
			"StepSize is 0":                     func() { optim.NewStepLR(o, optim.StepLRConfig{}) },
			"TMax is -1":                        func() { optim.NewCosineAnnealingLR(o, optim.CosineAnnealingLRConfig{TMax: -1}) },
			"Factor is 1":                       func() { plateau(func(c *optim.ReduceLROnPlateauConfig) { c.Factor = 1 })(o) },
			"MinLR is -1":                       func() { plateau(func(c *optim.ReduceLROnPlateauConfig) { c.MinLR = -1 })(o) },
			"Patience is -1":                    func() { plateau(func(c *optim.ReduceLROnPlateauConfig) { c.Patience = -1 })(o) },
			"start from optim.DefaultStepLR(3)": func() { optim.NewStepLR(o, optim.StepLRConfig{StepSize: 3}) },
			"start from optim.DefaultReduceLROnPlateau": func() {
				optim.NewReduceLROnPlateau(o, optim.ReduceLROnPlateauConfig{Patience: 3})
			},
			"3 groups, it had 2": func() {
				o := twoGroups()
				s := optim.NewStepLR(o, optim.DefaultStepLR(1))
				o.AddGroup([]*torch.Tensor{torch.Zeros([]int{1})}, optim.DefaultSGD())
				s.Step(0)
			},
		} {
			require.ErrorContains(t, torch.Try(f), want)
		}

		s := optim.NewStepLR(o, optim.DefaultStepLR(3))
		before := s.StateDict()
		for want, change := range map[string]func(*torch.Dict){
			`no "gamma"`:                           func(d *torch.Dict) { d.Delete("gamma") },
			"base_lrs is [1]":                      func(d *torch.Dict) { d.Set("base_lrs", []any{1.0}) },
			"base_lrs[1] is x":                     func(d *torch.Dict) { d.Set("base_lrs", []any{1.0, "x"}) },
			"last_epoch is 1.5":                    func(d *torch.Dict) { d.Set("last_epoch", 1.5) },
			"last_epoch is -1":                     func(d *torch.Dict) { d.Set("last_epoch", -1) },
			"StepSize is 0; it must be at least 1": func(d *torch.Dict) { d.Set("step_size", 0) },
			"gamma is true, of type bool":          func(d *torch.Dict) { d.Set("gamma", true) },
			"step_size is <nil>, of type <":        func(d *torch.Dict) { d.Set("step_size", nil) },
		} {
			d := s.StateDict()
			change(d)
			require.ErrorContains(t, s.LoadStateDict(d), want)
			assert.Equal(t, before, s.StateDict())
		}
		require.ErrorContains(t, s.LoadStateDict(nil), "is nil")
		p := optim.NewReduceLROnPlateau(o, optim.DefaultReduceLROnPlateau())
		d := p.StateDict()
		d.Set("mode", "mid")
		require.ErrorContains(t, p.LoadStateDict(d), "mode is mid; it must be one of [min max]")
	})
}
