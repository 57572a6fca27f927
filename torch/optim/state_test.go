// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// steps takes steps from to to, and returns the losses.
func steps(n *net, o optim.Optimizer, from, to int, d torch.Device) (losses []float64) {
	for i := from; i < to; i++ {
		torch.Scope(func() { losses = append(losses, step(n, o, i, d).Item()) })
	}
	return losses
}

// clone returns a net with n's parameters, on a device.
func clone(t *testing.T, n *net, d torch.Device) *net {
	t.Helper()
	c := newNet(d)
	require.NoError(t, nn.LoadStateDict(c, nn.StateDict(n)))
	return c
}

// The first step makes the state, which outlives the scopes around that step.
func TestFirstStepInNestedScopes(t *testing.T) {
	torchtest.Need(t)
	for name, make := range optimizers {
		var losses []float64
		n := newNet(torch.CPU)
		var o optim.Optimizer
		torch.Scope(func() {
			torch.Scope(func() {
				o = make(n)
				losses = append(losses, step(n, o, 0, torch.CPU).Item())
			})
		})
		losses = append(losses, steps(n, o, 1, 5, torch.CPU)...)

		m := newNet(torch.CPU)
		assert.Equal(t, steps(m, make(m), 0, 5, torch.CPU), losses, name)
	}
}

func TestStepsKeepNothing(t *testing.T) {
	torchtest.Need(t)
	for name, make := range optimizers {
		t.Run(name, func(t *testing.T) {
			n := newNet(torch.CPU)
			o := make(n)
			t.Cleanup(func() { runtime.KeepAlive(o) }) // until NoLeaks has counted
			steps(n, o, 0, 2, torch.CPU)
			torchtest.NoLeaks(t)
			before := torch.Live()
			steps(n, o, 2, 40, torch.CPU)
			assert.Equal(t, before.Tensors, torch.Live().Tensors, "freed with the scope, not by the garbage collector")
		})
	}
}

// A state dict loaded into another optimizer continues to the last bit, and shares
// nothing with the one it came from.
func TestLoadedStateContinues(t *testing.T) {
	torchtest.Need(t)
	for name, make := range optimizers {
		torch.Scope(func() {
			n := newNet(torch.CPU)
			o := make(n)
			steps(n, o, 0, 10, torch.CPU)
			o.SetLR(0.004)

			m := clone(t, n, torch.CPU)
			p := make(m)
			steps(clone(t, n, torch.CPU), make(newNet(torch.CPU)), 0, 1, torch.CPU)
			require.NoError(t, p.LoadStateDict(o.StateDict()), name)
			assert.Equal(t, 0.004, p.LR(), name)

			want := steps(n, o, 10, 20, torch.CPU)
			assert.Equal(t, want, steps(m, p, 10, 20, torch.CPU), name)
			assert.Equal(t, plain(o.StateDict()), plain(p.StateDict()), name)
		})
	}
}

// Loading replaces the whole state, also where the dict has no state for a parameter.
func TestLoadReplaces(t *testing.T) {
	torchtest.Need(t)
	for name, make := range optimizers {
		fresh := plain(make(newNet(torch.CPU)).StateDict())
		n := newNet(torch.CPU)
		o := make(n)
		steps(n, o, 0, 3, torch.CPU)
		require.NoError(t, o.LoadStateDict(make(newNet(torch.CPU)).StateDict()), name)
		assert.Equal(t, fresh, plain(o.StateDict()), name)

		// A dict may be loaded into the optimizer that it came from.
		m := newNet(torch.CPU)
		p := make(m)
		steps(m, p, 0, 3, torch.CPU)
		want := plain(p.StateDict())
		require.NoError(t, p.LoadStateDict(p.StateDict()), name)
		assert.Equal(t, want, plain(p.StateDict()), name)
		steps(m, p, 3, 4, torch.CPU)
	}
}

// State dicts that other versions of PyTorch write, or that other settings lead to, load.
func TestLoadAcceptsWhatPyTorchWrites(t *testing.T) {
	torchtest.Need(t)
	for name, count := range map[string]any{
		"int": 3, "int64": int64(3), "float": 3.0,
		"tensor":                        torch.Scalar(float32(3)),
		"float64":                       torch.Scalar(3.0),
		"int64 tensor of one dimension": torch.FromSlice([]int64{3}),
	} {
		p := torch.Ones([]int{2}).SetRequiresGrad(true)
		o := optim.NewAdam([]*torch.Tensor{p}, changed(optim.DefaultAdam(), func(c *optim.AdamConfig) { c.WeightDecay = 0.5 }))
		d := torch.NewDict(
			"state", torch.NewDict(int64(7), torch.NewDict(
				"step", count,
				"exp_avg", torch.FromSlice([]float64{1, 2}),
				"exp_avg_sq", torch.FromSlice([]float32{3, 4}))),
			"param_groups", []any{torch.NewDict(
				"lr", torch.Scalar(float32(0.25)), "betas", []any{0.5, 0}, "eps", 1, // no weight_decay
				"foreach", true, "initial_lr", 0.125, "params", []any{7})})
		require.NoError(t, o.LoadStateDict(d), name)

		out := o.StateDict()
		groups, err := torch.Value[[]any](out, "param_groups")
		require.NoError(t, err)
		assert.Equal(t, plain(torch.NewDict(
			"lr", 0.25, "betas", torch.Tuple{0.5, 0.0}, "eps", 1.0, "weight_decay", 0.5, "amsgrad", false,
			"maximize", false, "foreach", nil, "capturable", false, "differentiable", false, "fused", nil,
			"decoupled_weight_decay", false, "initial_lr", 0.125, "params", []any{0})), plain(groups[0]), name)
		state, err := torch.Value[*torch.Dict](out, "state")
		require.NoError(t, err)
		assert.Equal(t, plain(torch.NewDict(0, torch.NewDict(
			"step", torch.Scalar(float32(3)),
			"exp_avg", torch.FromSlice([]float32{1, 2}),
			"exp_avg_sq", torch.FromSlice([]float32{3, 4})))), plain(state), name)
	}
}

func TestLoadRefuses(t *testing.T) {
	torchtest.Need(t)
	p := torch.Ones([]int{2}).SetRequiresGrad(true)
	params := []*torch.Tensor{p}
	two := torch.Ones([]int{2})
	dict := func(state *torch.Dict, settings ...any) *torch.Dict {
		return torch.NewDict("state", torch.NewDict(0, state), "param_groups", []any{torch.NewDict(append(settings, "params", []any{0})...)})
	}
	good := func() *torch.Dict { return torch.NewDict("step", 1, "exp_avg", two, "exp_avg_sq", two) }
	with := func(key string, value any) *torch.Dict { d := good(); d.Set(key, value); return d }
	adam, adamw := optim.NewAdam(params, optim.DefaultAdam()), optim.NewAdamW(params, optim.DefaultAdamW())
	sgd, lbfgs := optim.NewSGD(params, optim.SGDConfig{Momentum: 0.5}), optim.NewLBFGS(params, optim.DefaultLBFGS())
	iterated := func(key string, value any) *torch.Dict {
		d := torch.NewDict("func_evals", 2, "n_iter", 1, "t", 1.0, "H_diag", 1.0, "prev_loss", 1.0,
			"d", two, "prev_flat_grad", two, "old_dirs", []any{two}, "old_stps", []any{two}, "ro", []any{1.0})
		d.Set(key, value)
		return dict(d)
	}
	for _, c := range []struct {
		o    optim.Optimizer
		d    *torch.Dict
		text string
	}{
		{adam, nil, "optim.Adam: the state dict is nil"},
		{adam, torch.NewDict(), `key "param_groups" is missing`},
		{adam, torch.NewDict("param_groups", []any{}), `key "state" is missing`},
		{adam, torch.NewDict("state", torch.NewDict(), "param_groups", []any{}), "has 0 groups of parameters, the optimizer 1"},
		{adam, torch.NewDict("state", torch.NewDict(), "param_groups", []any{1}), "param_groups[0] is int"},
		{adam, torch.NewDict("state", torch.NewDict(), "param_groups", []any{torch.NewDict("params", []any{0, 1})}), "has 2 parameters, the optimizer's has 1"},
		{adam, torch.NewDict("state", torch.NewDict(0, 5), "param_groups", []any{torch.NewDict("params", []any{0})}), "state[0] is int"},
		{adam, dict(with("exp_avg", torch.Ones([]int{3}))), "group 0: state of parameter 0: exp_avg has the shape [3], the parameter's is [2]"},
		{adam, dict(with("exp_avg_sq", nil)), `key "exp_avg_sq" holds <nil>`},
		{adam, dict(with("step", two)), "step is"},
		{adam, dict(with("step", -1)), "step is -1"},
		{adam, dict(good(), "lr", "fast"), "the setting lr is fast, of type string"},
		{adam, dict(good(), "lr", -1.0), "LR is -1; it must not be negative"},
		{adam, dict(good(), "betas", torch.Tuple{0.9}), "the setting betas"},
		{adam, dict(good(), "betas", torch.Tuple{0.9, 1.0}), "Betas[1] is 1"},
		{adam, dict(good(), "amsgrad", 1), "the setting amsgrad"},
		{adam, dict(good(), "decoupled_weight_decay", true), "the other of Adam and AdamW"},
		{adamw, dict(good(), "decoupled_weight_decay", false), "optim.AdamW: group 0: decoupled_weight_decay is false"},
		{sgd, dict(torch.NewDict()), `optim.SGD: group 0: state of parameter 0: torch: key "momentum_buffer" is missing`},
		{sgd, dict(torch.NewDict("momentum_buffer", torch.Ones([]int{1}))), "momentum_buffer has the shape [1]"},
		{sgd, dict(torch.NewDict("momentum_buffer", nil), "nesterov", true, "dampening", 0.5), "Nesterov needs"},
		{lbfgs, dict(torch.NewDict(), "max_iter", 0), "optim.LBFGS: group 0: torch: optim.LBFGS: MaxIter is 0; it must be at least 1"},
		{lbfgs, iterated("d", torch.Ones([]int{3})), "optim.LBFGS: d is "},
		{lbfgs, iterated("old_dirs", []any{}), "old_dirs and old_stps have 0 and 1 entries"},
		{lbfgs, iterated("old_dirs", []any{5}), "old_dirs is 5; it must be a vector of 2 numbers"},
		{lbfgs, iterated("ro", []any{}), "the state ro is []; it must be a list of 1 numbers"},
		{lbfgs, iterated("n_iter", "many"), "the state n_iter is many"},
	} {
		before := plain(c.o.StateDict())
		assert.ErrorContains(t, c.o.LoadStateDict(c.d), c.text)
		assert.Equal(t, before, plain(c.o.StateDict()), "as it was after: %s", c.text)
	}
	require.NoError(t, lbfgs.LoadStateDict(iterated("t", 0.5)))
	require.NoError(t, sgd.LoadStateDict(dict(torch.NewDict("momentum_buffer", nil))), "as PyTorch writes without momentum")
}

// Moments lie on the parameters' device, wherever the dict's tensors are, and no
// step reads a value: ForbidTransfers in step() would fail it.
func TestOnADevice(t *testing.T) {
	device := torchtest.Accelerator(t)
	for name, make := range optimizers {
		n := newNet(torch.CPU)
		o := make(n)
		m := clone(t, n, device)
		p := make(m)
		torchtest.SameNumbers(t, device, steps(n, o, 0, 5, torch.CPU), steps(m, p, 0, 5, device), name)

		q := make(m)
		require.NoError(t, q.LoadStateDict(o.StateDict()), name)
		torchtest.SameNumbers(t, device, steps(n, o, 5, 10, torch.CPU), steps(m, q, 5, 10, device), name)
		tensors(q.StateDict(), func(s *torch.Tensor) { assert.Equal(t, device, s.Device(), name) })
	}
}

// Gradients are clipped on their device, and the norm of no gradients lies there, too.
func TestClipOnADevice(t *testing.T) {
	device := torchtest.Accelerator(t)
	for _, d := range []torch.Device{torch.CPU, device} {
		torch.Scope(func() {
			n, x := newNet(d), torchtest.Ramp(1, 6, 5).To(d)
			var none, norm *torch.Tensor
			torchtest.ForbidTransfers(func() {
				none = optim.ClipGradNorm(nn.Parameters(n), 1, 2)
				n.Forward(x).Square().Sum().Backward()
				norm = optim.ClipGradNorm(nn.Parameters(n), 1, 2)
				optim.ClipGradValue(nn.Parameters(n), 0.1)
			})
			assert.Equal(t, d, none.Device())
			assert.Equal(t, d, norm.Device())
			assert.Zero(t, none.Item())
			assert.Greater(t, norm.Item(), 1.0)
			assert.InDelta(t, 0.1, n.FC1.Weight.Grad().Abs().Max().Item(), 1e-6)
		})
	}
}

func tensors(v any, f func(*torch.Tensor)) {
	switch v := v.(type) {
	case *torch.Tensor:
		f(v)
	case *torch.Dict:
		for _, x := range v.All() {
			tensors(x, f)
		}
	}
}

func TestParametersOfSeveralKinds(t *testing.T) {
	device := torchtest.Accelerator(t)
	for name, make := range map[string]func([]*torch.Tensor) optim.Optimizer{
		"adam": func(ps []*torch.Tensor) optim.Optimizer {
			return optim.NewAdam(ps, changed(optim.DefaultAdam(), func(c *optim.AdamConfig) { c.LR = 0.1 }))
		},
		"sgd": func(ps []*torch.Tensor) optim.Optimizer {
			return optim.NewSGD(ps, optim.SGDConfig{LR: 0.1, Momentum: 0.9})
		},
	} {
		var ps []*torch.Tensor
		for _, o := range []torch.Options{{}, {DType: torch.Float64}, {Device: device}, {}} {
			ps = append(ps, torch.Ones([]int{3}, o).SetRequiresGrad(true))
		}
		o := make(ps)
		var norm float64
		for range 3 {
			o.ZeroGrad()
			for _, p := range ps {
				p.Square().Sum().Backward()
			}
			norm = optim.ClipGradNorm(ps, 1e6, 2).Item()
			optim.ClipGradValue(ps, 1.5)
			o.Step()
		}
		assert.Greater(t, norm, 0.0)
		for _, p := range ps {
			assert.InDeltaSlice(t, ps[0].Float64s(), p.Float64s(), 1e-6, name)
			assert.Less(t, p.Float64s()[0], 1.0, name)
		}
	}
}

// Momentum that begins later for some parameters, as when layers are thawed.
func TestMomentumBeginsLater(t *testing.T) {
	torchtest.Need(t)
	one := func() *torch.Tensor { return torch.Ones([]int{1}).SetRequiresGrad(true) }
	a, b := one(), one()
	o := optim.NewSGD([]*torch.Tensor{a, b}, optim.SGDConfig{LR: 1, Momentum: 0.5})
	a.SetGrad(torch.Ones([]int{1}))
	o.Step() // a = 1 - 1
	b.SetGrad(torch.Ones([]int{1}))
	o.Step() // a = 0 - 1.5, b = 1 - 1
	assert.Equal(t, []float32{-1.5}, a.Float32s())
	assert.Equal(t, []float32{0}, b.Float32s())
}

func TestSettingsChangeBetweenSteps(t *testing.T) {
	torchtest.Need(t)
	p := torch.Ones([]int{1}).SetRequiresGrad(true)
	o := optim.NewSGD([]*torch.Tensor{p}, optim.SGDConfig{LR: 1})
	p.SetGrad(torch.Ones([]int{1}))
	o.SetLR(0.25)
	o.Step()
	assert.Equal(t, []float32{0.75}, p.Float32s())
	o.Groups()[0].Config.LR = 0
	o.Step()
	assert.Equal(t, []float32{0.75}, p.Float32s())
	assert.Zero(t, o.LR())
}

// A setting of zero is zero, for each that has another default, as weight_decay=0 and
// lr=0 are in PyTorch.
func TestZeroIsZero(t *testing.T) {
	torchtest.Need(t)
	adamW := func(change func(*optim.AdamConfig)) func([]*torch.Tensor) optim.Optimizer {
		return func(ps []*torch.Tensor) optim.Optimizer {
			return optim.NewAdamW(ps, changed(optim.DefaultAdamW(), change))
		}
	}
	for name, c := range map[string]struct {
		make       func([]*torch.Tensor) optim.Optimizer
		grad, want float32 // the parameter begins at 1
	}{
		"AdamW default decay": {adamW(nil), 0, 1 - 1e-3*0.01},
		"AdamW no decay":      {adamW(func(c *optim.AdamConfig) { c.WeightDecay = 0 }), 0, 1},
		"AdamW LR 0":          {adamW(func(c *optim.AdamConfig) { c.LR = 0 }), 1, 1},
		"AdamW Eps 0":         {adamW(func(c *optim.AdamConfig) { c.WeightDecay, c.Eps = 0, 0 }), 1e-9, 1 - 1e-3},
		// Without memory the step is that of the gradient's sign at any time.
		"AdamW Betas 0": {adamW(func(c *optim.AdamConfig) { c.WeightDecay, c.Betas = 0, [2]float64{} }), 1, 1 - 1e-3},
		"SGD LR 0":      {func(ps []*torch.Tensor) optim.Optimizer { return optim.NewSGD(ps, optim.SGDConfig{}) }, 1, 1},
	} {
		p := torch.Ones([]int{1}).SetRequiresGrad(true)
		p.SetGrad(torch.Full([]int{1}, float64(c.grad)))
		o := c.make([]*torch.Tensor{p})
		o.Step()
		assert.InDelta(t, c.want, p.Item(), 1e-7, name) // the rounding of a float32 near 1
	}
}

func TestWrongSettings(t *testing.T) {
	torchtest.Need(t)
	p := torch.Ones([]int{2}).SetRequiresGrad(true)
	ps := []*torch.Tensor{p}
	wrong := func(change func(*optim.AdamConfig)) optim.AdamConfig { return changed(optim.DefaultAdam(), change) }
	for text, f := range map[string]func(){
		"optim.Adam: LR is -1":                    func() { optim.NewAdam(ps, wrong(func(c *optim.AdamConfig) { c.LR = -1 })) },
		"Eps is -1":                               func() { optim.NewAdam(ps, wrong(func(c *optim.AdamConfig) { c.Eps = -1 })) },
		"Betas[0] is 1":                           func() { optim.NewAdam(ps, wrong(func(c *optim.AdamConfig) { c.Betas[0] = 1 })) },
		"optim.AdamW: WeightDecay is -1":          func() { optim.NewAdamW(ps, wrong(func(c *optim.AdamConfig) { c.WeightDecay = -1 })) },
		"start from optim.DefaultAdam()":          func() { optim.NewAdam(ps, optim.AdamConfig{LR: 1e-3, WeightDecay: 1e-4}) },
		"start from optim.DefaultAdamW()":         func() { optim.NewAdamW(ps, optim.AdamConfig{LR: 1e-3}) },
		"optim.SGD: Momentum is -1":               func() { optim.NewSGD(ps, optim.SGDConfig{Momentum: -1}) },
		"Nesterov needs a Momentum":               func() { optim.NewSGD(ps, optim.SGDConfig{Nesterov: true}) },
		"the list of parameters is empty":         func() { optim.NewSGD(nil, optim.DefaultSGD()) },
		"parameter 1 is nil":                      func() { optim.NewAdam([]*torch.Tensor{p, nil}, optim.DefaultAdam()) },
		"parameter 1, of shape [2], is in the li": func() { optim.NewAdam([]*torch.Tensor{p, p}, optim.DefaultAdam()) },
		"only leaves can be optimized":            func() { optim.NewAdam([]*torch.Tensor{p.MulScalar(2)}, optim.DefaultAdam()) },
		"in another group already":                func() { optim.NewAdam(ps, optim.DefaultAdam()).AddGroup(ps, optim.DefaultAdam()) },
		"LR is -2":                                func() { optim.NewAdam(ps, optim.DefaultAdam()).SetLR(-2) },
		"limit is -1":                             func() { optim.ClipGradNorm(ps, -1, 2) },
	} {
		assert.ErrorContains(t, torch.Try(f), text)
	}
}
