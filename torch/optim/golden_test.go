// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// golden is testdata/optim.json, which testdata/gen_optim.py wrote.
type golden struct {
	Cases []struct {
		Name       string
		Losses     []float64
		Parameters map[string][]float64
		StateDict  any `json:"state_dict"`
	}
	Clips struct {
		Norm []struct {
			Limit float64
			Order string
			Total float64
			Grads map[string][]float64
		}
		Value struct {
			Limit float64
			Grads map[string][]float64
		}
	}
}

func read(t *testing.T) golden {
	t.Helper()
	torchtest.Need(t)
	var g golden
	torchtest.Golden(t, "testdata/optim.json", &g)
	return g
}

// net is the generator's: FC3 takes no part in the output.
type net struct{ FC1, FC3, FC2 *nn.Linear }

func newNet(d torch.Device) *net {
	n := &net{nn.NewLinear(5, 4, d), nn.NewLinear(2, 2, d), nn.NewLinear(4, 3, d)}
	for i, p := range nn.Parameters(n) {
		torch.NoGrad(func() { p.CopyInPlace(torchtest.Ramp(i, p.Shape()...)) })
	}
	return n
}

func (n *net) Forward(x *torch.Tensor) *torch.Tensor { return n.FC2.Forward(n.FC1.Forward(x).Tanh()) }

// optimizers are the generator's, by the names of its cases.
var optimizers = map[string]func(*net) optim.Optimizer{
	"sgd":           sgd(optim.DefaultSGD()),
	"sgd momentum":  sgd(optim.SGDConfig{LR: 0.05, Momentum: 0.9, WeightDecay: 0.01}),
	"sgd dampening": sgd(optim.SGDConfig{LR: 0.05, Momentum: 0.8, Dampening: 0.3}),
	"sgd nesterov":  sgd(optim.SGDConfig{LR: 0.05, Momentum: 0.9, Nesterov: true}),
	"sgd maximize":  sgd(optim.SGDConfig{LR: 0.001, Maximize: true}),
	"sgd groups": func(n *net) optim.Optimizer {
		weights, biases := split(n)
		o := optim.NewSGD(weights, optim.SGDConfig{LR: 0.05, Momentum: 0.9, WeightDecay: 0.01})
		o.AddGroup(biases, optim.SGDConfig{LR: 0.02, Momentum: 0.9})
		return o
	},
	"adam":          adam(nil),
	"adam decay":    adam(func(c *optim.AdamConfig) { c.LR, c.WeightDecay = 0.01, 0.1 }),
	"adam betas":    adam(func(c *optim.AdamConfig) { c.LR, c.Betas, c.Eps = 0.01, [2]float64{0.5, 0.9}, 1e-4 }),
	"adam amsgrad":  adam(func(c *optim.AdamConfig) { c.LR, c.AMSGrad = 0.01, true }),
	"adam maximize": adam(func(c *optim.AdamConfig) { c.LR, c.Maximize = 0.001, true }),
	"adam groups": func(n *net) optim.Optimizer {
		weights, biases := split(n)
		c := optim.DefaultAdam()
		c.LR, c.WeightDecay = 0.01, 0.1
		o := optim.NewAdam(weights, c)
		c.LR, c.WeightDecay = 0.02, 0
		o.AddGroup(biases, c)
		return o
	},
	"adamw":       adamW(func(c *optim.AdamConfig) { c.LR = 0.01 }),
	"adamw decay": adamW(func(c *optim.AdamConfig) { c.LR, c.WeightDecay, c.AMSGrad = 0.01, 0.3, true }),
}

func sgd(c optim.SGDConfig) func(*net) optim.Optimizer {
	return func(n *net) optim.Optimizer { return optim.NewSGD(nn.Parameters(n), c) }
}

func adam(change func(*optim.AdamConfig)) func(*net) optim.Optimizer {
	return func(n *net) optim.Optimizer {
		return optim.NewAdam(nn.Parameters(n), changed(optim.DefaultAdam(), change))
	}
}

func adamW(change func(*optim.AdamConfig)) func(*net) optim.Optimizer {
	return func(n *net) optim.Optimizer {
		return optim.NewAdamW(nn.Parameters(n), changed(optim.DefaultAdamW(), change))
	}
}

// changed returns the settings after change, if there is one, was applied to them.
func changed[T any](c T, change func(*T)) T {
	if change != nil {
		change(&c)
	}
	return c
}

func split(n *net) (weights, biases []*torch.Tensor) {
	for _, p := range nn.Parameters(n) {
		if p.Dim() == 2 {
			weights = append(weights, p)
		} else {
			biases = append(biases, p)
		}
	}
	return weights, biases
}

// step is the generator's; the loss is for the caller to read.
func step(n *net, o optim.Optimizer, i int, d torch.Device) *torch.Tensor {
	x, y := torchtest.Ramp(100+i, 6, 5).To(d), torchtest.Ramp(500+i, 6, 3).To(d)
	var loss *torch.Tensor
	torchtest.ForbidTransfers(func() {
		o.ZeroGrad()
		loss = nn.MSELoss(n.Forward(x), y)
		loss.Backward()
		o.Step()
	})
	return loss.Detach()
}

// The generator's losses are PyTorch's without fused kernels; the fused ones round
// in another order, by a unit or two in the last place of float32 at each step.
func TestStepsAgreeWithPyTorch(t *testing.T) {
	g := read(t)
	require.Len(t, optimizers, len(g.Cases))
	worst := 0.0
	for _, c := range g.Cases {
		t.Run(c.Name, func(t *testing.T) {
			require.Contains(t, optimizers, c.Name)
			n := newNet(torch.CPU)
			o := optimizers[c.Name](n)
			for i, want := range c.Losses {
				torch.Scope(func() {
					got := step(n, o, i, torch.CPU).Item()
					assert.InEpsilon(t, want, got, 1e-6, "step %d", i)
					worst = max(worst, math.Abs(got/want-1))
				})
			}
			for _, p := range nn.NamedParameters(n) {
				assert.InDeltaSlice(t, c.Parameters[p.Name], p.Tensor.Float64s(), 1e-5, p.Name)
			}
		})
	}
	t.Logf("losses differ by at most %.1e relative", worst)
}

// The state dict has PyTorch's keys, order, types and values.
func TestStateDictIsPyTorchs(t *testing.T) {
	for _, c := range read(t).Cases {
		n := newNet(torch.CPU)
		o := optimizers[c.Name](n)
		for i := range 3 {
			torch.Scope(func() { step(n, o, i, torch.CPU) })
		}
		state := o.StateDict()
		groups, err := torch.Value[[]any](state, "param_groups")
		require.NoError(t, err)
		for _, g := range groups {
			// The generator asks for fused kernels. We write PyTorch's default, None: before
			// version 2.4 it has no fused kernel on the CPU.
			fused, ok := g.(*torch.Dict).Get("fused")
			assert.True(t, ok && fused == nil, c.Name)
			g.(*torch.Dict).Set("fused", true)
		}
		comparePlain(t, c.StateDict, plain(state), c.Name)
	}
}

// plain is the generator's function of that name.
func plain(v any) any {
	switch v := v.(type) {
	case *torch.Tensor:
		values := make([]any, 0)
		for _, x := range v.Float64s() {
			values = append(values, x)
		}
		shape := make([]any, 0)
		for _, n := range v.Shape() {
			shape = append(shape, float64(n))
		}
		return map[string]any{"shape": shape, "dtype": v.DType().String(), "values": values}
	case *torch.Dict:
		out := make([]any, 0)
		for k, x := range v.All() {
			if i, ok := k.(int); ok {
				k = float64(i)
			}
			out = append(out, []any{k, plain(x)})
		}
		return out
	case torch.Tuple:
		return map[string]any{"tuple": plainList(v)}
	case []any:
		return map[string]any{"list": plainList(v)}
	case int:
		return float64(v)
	}
	return v
}

func plainList(vs []any) []any {
	out := make([]any, 0)
	for _, v := range vs {
		out = append(out, plain(v))
	}
	return out
}

// comparePlain compares exactly, but for numbers in tensors: those are close.
func comparePlain(t *testing.T, want, got any, path string) {
	t.Helper()
	switch w := want.(type) {
	case []any:
		g, ok := got.([]any)
		if !assert.True(t, ok, "%s is %T", path, got) || !assert.Len(t, g, len(w), path) {
			return
		}
		for i := range w {
			comparePlain(t, w[i], g[i], fmt.Sprintf("%s[%d]", path, i))
		}
	case map[string]any:
		g, ok := got.(map[string]any)
		if !assert.True(t, ok, "%s is %T", path, got) || !assert.Len(t, g, len(w), path) {
			return
		}
		for k := range w {
			comparePlain(t, w[k], g[k], path+"."+k)
		}
	case float64:
		g, ok := got.(float64)
		if assert.True(t, ok, "%s is %T", path, got) && strings.Contains(path, ".values") {
			assert.InDelta(t, w, g, 1e-6*max(1, math.Abs(w)), path)
		} else {
			assert.Equal(t, w, g, path)
		}
	default:
		assert.Equal(t, want, got, path)
	}
}

func TestClipGradNorm(t *testing.T) {
	g := read(t)
	require.NotEmpty(t, g.Clips.Norm)
	for _, c := range g.Clips.Norm {
		torch.Scope(func() {
			order := 0.0
			_, err := fmt.Sscan(c.Order, &order)
			require.NoError(t, err)
			n := newNet(torch.CPU)
			n.Forward(torchtest.Ramp(1, 6, 5)).Square().Sum().Backward()
			var total *torch.Tensor
			torch.Scope(func() {
				var grads []*torch.Tensor
				for _, p := range nn.Parameters(n) {
					if g := p.Grad(); g != nil {
						grads = append(grads, g)
					}
				}
				before := optim.GetTotalNorm(grads, order)
				total = optim.ClipGradNorm(nn.Parameters(n), c.Limit, order).Keep()
				assert.True(t, before.Equal(total))
			})
			assert.InEpsilon(t, c.Total, total.Item(), 1e-6)
			checkGrads(t, c.Grads, n)
		})
	}
	torch.Scope(func() { // nothing to clip
		assert.Zero(t, optim.ClipGradNorm(nn.Parameters(newNet(torch.CPU)), 1, 2).Item())
	})
}

func TestClipGradValue(t *testing.T) {
	c := read(t).Clips.Value
	torch.Scope(func() {
		n := newNet(torch.CPU)
		n.Forward(torchtest.Ramp(1, 6, 5)).Square().Sum().Backward()
		optim.ClipGradValue(nn.Parameters(n), c.Limit)
		checkGrads(t, c.Grads, n)
	})
}

func checkGrads(t *testing.T, want map[string][]float64, n *net) {
	t.Helper()
	for _, p := range nn.NamedParameters(n) {
		grad := p.Tensor.Grad()
		if w, ok := want[p.Name]; ok {
			assert.InDeltaSlice(t, w, grad.Float64s(), 1e-5, p.Name) // gradients reach 30
		} else {
			assert.Nil(t, grad, p.Name)
		}
	}
}
