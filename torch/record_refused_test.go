// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Each reason not to record a step, by its text.
func TestRecordRefuses(t *testing.T) {
	torchtest.Pretend(t) // has the operators etude_test
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x, w := torch.Rand([]int{8, 4}), torch.Rand([]int{4, 3}).SetRequiresGrad(true)
		z := torch.Rand([]int{8, 4})
		mask := torch.FromSlice([]bool{true, false, true, true, false, false, true, true})
		rows, path := torch.FromSlice([]int64{0, 3}), filepath.Join(t.TempDir(), "shared")
		file := func() *torch.Tensor { return torch.Call("aten::from_file", path, true, 4).Tensor() }
		require.NoError(t, os.WriteFile(path, make([]byte, 16), 0o600))
		outside, calls, kept := file(), 0, x
		one := func(f func() *torch.Tensor) func() []*torch.Tensor {
			return func() []*torch.Tensor { calls++; return []*torch.Tensor{f()} }
		}
		sgd := optim.NewAdagrad([]*torch.Tensor{w}, optim.DefaultAdagrad())
		for _, c := range []struct {
			want string
			step func() []*torch.Tensor
		}{
			{"the host reads a value of a tensor (aten::_local_scalar_dense)", one(func() *torch.Tensor { return x.MulScalar(x.Sum().Item()) })},
			{"the host reads a value of a tensor (aten::equal)", one(func() *torch.Tensor {
				torch.Call("aten::equal", x, x)
				return x.Sum()
			})},
			{"the host reads the values of a tensor", one(func() *torch.Tensor { x.Float32s(); return x.Sum() })},
			{"the host reads a value", func() []*torch.Tensor { // the rate of Adagrad depends on its count of steps
				sgd.ZeroGrad()
				x.Matmul(w).Sum().Backward()
				sgd.Step()
				return nil
			}},
			{"the shape of what aten::masked_select returns depends on values", one(func() *torch.Tensor { return x.MaskedSelect(x.GtScalar(0.5)) })},
			{"the shape of what aten::nonzero returns depends on values", one(func() *torch.Tensor { return x.Nonzero() })},
			{"the shape of what aten::index.Tensor returns depends on values", one(func() *torch.Tensor { return torch.Call("aten::index.Tensor", x, []*torch.Tensor{mask}).Tensor() })},
			{"the random generators are seeded or replaced within the step", one(func() *torch.Tensor { torch.ManualSeed(3); return torch.Rand([]int{2}) })},
			{"the random generators are seeded or replaced within the step", one(func() (y *torch.Tensor) {
				torch.ForkRNG(func() { y = torch.Rand([]int{2}) })
				return y
			})},
			{"aten::resize_ changes the memory of a tensor", one(func() *torch.Tensor {
				return torch.Call("aten::resize_", x.Clone(), []int{2}).Tensor()
			})},
			{"on meta, and only steps on the CPU or on one GPU are recorded", one(func() *torch.Tensor {
				return torch.Call("aten::zeros", []int{2}, torch.Named{"device": "meta"}).Tensor()
			})},
			{"one step has 2 operators and the next 3", one(func() *torch.Tensor {
				y := x
				for range calls {
					y = y.Tanh()
				}
				return y
			})},
			{"one step calls aten::tanh where the next calls aten::exp", one(func() *torch.Tensor {
				if calls == 3 {
					return x.Exp()
				}
				return x.Tanh()
			})},
			{"argument dim of aten::sum.dim_IntList is [0] in one step and [1] in the next; what changes has to be a tensor that stays",
				one(func() *torch.Tensor { return x.SumDim([]int{calls / 3}, false) })},
			{"argument other of aten::mul.Scalar is 2 in one step and 3 in the next", one(func() *torch.Tensor { return x.MulScalar(calls) })},
			{"argument other of aten::add.Tensor is another tensor with other values in the next step; copy what changes into a tensor that stays, before the step",
				one(func() *torch.Tensor { return x.Add(torch.FromSlice([]float32{1, 2, float32(calls), 4})) })},
			{"argument self of aten::add_.Tensor is another tensor with other values", // written, so that the next step has other ones
				one(func() *torch.Tensor { return torch.FromSlice([]float32{1, 2, 3, 4}).AddInPlace(x.Select(0, 0)) })},
			{"argument self of aten::tanh has values that no operator wrote", one(func() *torch.Tensor {
				return torch.Call("aten::empty.memory_format", []int{4}).Tensor().Tanh()
			})},
			{"argument start of aten::slice.Tensor is 2 in one step and 3 in the next", one(func() *torch.Tensor { return x.Narrow(0, calls, 4).Tanh() })},
			{"argument self of aten::tanh was made in the step before; copy it into a tensor that stays", one(func() *torch.Tensor {
				y := kept.Tanh()
				kept = y.Detach()
				torch.Unscoped(func() { kept = kept.View(8, 4) })
				return y
			})},
			{"argument self of aten::tanh has another shape or type in the next step", one(func() *torch.Tensor {
				return []*torch.Tensor{x, w.Detach()}[calls/3].Tanh()
			})},
			{"argument other of aten::add.Tensor is another tensor in the next step", one(func() *torch.Tensor {
				return x.Add([]*torch.Tensor{x, z}[calls/3])
			})},
			{"argument other of aten::add.Tensor is another tensor in the next step", one(func() *torch.Tensor {
				y, z := x.Exp(), x.Cos()
				return x.Add([]*torch.Tensor{y, z}[calls/3])
			})},
			{"argument weight of aten::native_layer_norm is there in one step alone, or a list of another length", one(func() *torch.Tensor {
				return torch.Call("aten::native_layer_norm", x, []int{4}, []*torch.Tensor{nil, x.Select(0, 0)}[calls/3], nil, 1e-5).TensorAt(0)
			})},
			{"argument tensors of aten::cat is there in one step alone, or a list of another length", one(func() *torch.Tensor {
				return torch.Cat([]*torch.Tensor{x, z, x}[:calls], 0)
			})},
			{"argument indices of aten::index.Tensor is there in one step alone", one(func() *torch.Tensor {
				return torch.Call("aten::index.Tensor", x, [][]*torch.Tensor{{nil, rows}, {rows, nil}}[calls/3]).Tensor()
			})},
			{"gradients are off for aten::mm in one step alone", one(func() (y *torch.Tensor) {
				if calls == 3 {
					torch.NoGrad(func() { y = x.Matmul(w) })
					return y
				}
				return x.Matmul(w)
			})},
			{"the number of results changes", func() []*torch.Tensor { calls++; return []*torch.Tensor{x, x, x}[:calls] }},
			{"result 0 is another tensor with other values", one(func() *torch.Tensor { return []*torch.Tensor{x, z}[calls/3] })},
			{"a replay does not give the bits of the step: result 0", one(func() *torch.Tensor { // the same memory, as another tensor
				y := outside.MulScalar(2)
				file().AddScalarInPlace(1)
				return y
			})},
			{"aten::bernoulli is given a generator or an object", one(func() *torch.Tensor { return torch.Call("etude_test::coins", x).Tensor() })},
			{"aten::_amp_foreach_non_finite_check_and_unscale returns a list beside other values", one(func() *torch.Tensor {
				one := torch.Ones([]int{1})
				return torch.Call("aten::_amp_foreach_non_finite_check_and_unscale", []*torch.Tensor{x}, one, one).Tensors()[0]
			})},
			{"a tensor of aten::_conj is sparse, quantized, conjugate or negative in its view, not a plain one", one(func() *torch.Tensor {
				return torch.Call("aten::_conj", torch.Call("aten::complex", x, x).Tensor()).Tensor()
			})},
			{"a tensor of aten::_neg_view is sparse, quantized, conjugate", one(func() *torch.Tensor { return torch.Call("aten::_neg_view", x).Tensor() })},
			{"a tensor of aten::_to_sparse is sparse", one(func() *torch.Tensor { return torch.Call("aten::to_sparse", x).Tensor() })},
		} {
			calls = 0
			r, err := torch.Record(c.step)
			if assert.ErrorIs(t, err, torch.ErrRefused, c.want) {
				assert.Nil(t, r)
				assert.ErrorContains(t, err, "torch: Record: the step cannot be recorded: ", c.want)
				assert.ErrorContains(t, err, c.want)
			}
		}
		if kept != x {
			kept.Close()
		}
	})

	// Other errors.
	inside := func() []*torch.Tensor {
		_, err := torch.Record(func() []*torch.Tensor { return nil })
		if err != nil {
			panic(err)
		}
		return nil
	}
	calls := 0
	for want, step := range map[string]func() []*torch.Tensor{
		"torch: matmul: [2 3] × [2 3]: ": func() []*torch.Tensor {
			if calls++; calls == 3 {
				torch.Ones([]int{2, 3}).Matmul(torch.Ones([]int{2, 3}))
			}
			return nil
		},
		"torch: Record: the tensor is nil":      func() []*torch.Tensor { return []*torch.Tensor{nil} },
		"this goroutine records a step already": inside,
		"torch: Record: the step is nil":        nil,
	} {
		_, err := torch.Record(step)
		assert.ErrorContains(t, err, want)
		assert.NotErrorIs(t, err, torch.ErrRefused)
	}
	assert.False(t, torch.BeforeReplay(func() error { return nil }), "nothing is recorded here")
}

// Call finds what Go has changed since a step was recorded, and is a step like others.
func TestCallRecording(t *testing.T) {
	torchtest.NoLeaks(t)
	j := mlp(0.3, nil)
	dropout := j.model.(nn.Sequential)[2].(*nn.Dropout)
	r, err := torch.NewRecording(j.step)
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, r.Call())
	assert.ErrorContains(t, r.Replay(1), "the step is not recorded yet")
	for !r.Ready() {
		require.NoError(t, r.Call())
	}
	both := func() (states [2][]float64) {
		for i := range states {
			torch.ManualSeed(uint64(i / 2))
			require.NoError(t, r.Replay(1))
			require.NoError(t, r.Call())
			states[i] = j.state()
		}
		return states
	}
	assert.NotEqual(t, both()[0], both()[1])
	dropout.P = 0.2
	err = r.Call()
	require.ErrorIs(t, err, torch.ErrRefused)
	assert.ErrorContains(t, err, "argument p of aten::bernoulli_.float is 0.69999999999999996 in one step and 0.80000000000000004 in the next")
	dropout.P = 0.3
	require.NoError(t, r.Call())

	// After a call that fails before the optimizer's step, replays follow its settings as before.
	weight := nn.Parameters(j.model)[0]
	x, before := j.x, bits(weight)
	j.x = torch.Ones([]int{64, 95})
	assert.Error(t, r.Call())
	j.x = x
	j.optimizer.SetLR(0)
	require.NoError(t, r.Replay(1))
	assert.Equal(t, before, bits(weight))

	j.x = torch.Ones([]int{64, 96})
	assert.ErrorContains(t, r.Call(), "is another tensor with other values in the next step")
	r.Close()
	assert.ErrorContains(t, r.Call(), "closed")
}

// A learning rate may change between replays, other settings may not.
func TestReplayRefusesOtherSettings(t *testing.T) {
	torchtest.NoLeaks(t)
	j := mlp(0, nil)
	r, err := torch.Record(j.step)
	require.NoError(t, err)
	defer r.Close()
	before := j.state()
	j.optimizer.SetLR(0)
	c := &j.optimizer.(*optim.Adam).Groups()[0].Config
	c.WeightDecay = 0
	assert.ErrorContains(t, r.Replay(1), "optim.Adam: the settings were ")
	c.WeightDecay = 1e-4
	assert.Equal(t, before, j.state())
	require.NoError(t, r.Replay(1))
	require.NoError(t, j.optimizer.LoadStateDict(j.optimizer.StateDict()))
	assert.ErrorContains(t, r.Replay(1), "a state was loaded after the step was recorded: record it anew")

	// A rule without a kernel that takes the rate as a tensor.
	j = mlp(0, func(j *job) { j.optimizer = optim.NewRMSprop(nn.Parameters(j.model), optim.DefaultRMSprop()) })
	other, err := torch.Record(j.step)
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, other.Replay(1))
	j.optimizer.SetLR(1e-4)
	assert.ErrorContains(t, other.Replay(1), "record it anew")
}
