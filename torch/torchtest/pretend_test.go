// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// step runs a linear layer forward and backward and returns loss and gradient.
func step(x, y, w *torch.Tensor) (loss, grad *torch.Tensor) {
	loss = torch.MSELoss(torch.Linear(x, w, nil).Tanh(), y, torch.ReduceMean)
	loss.Backward()
	return loss, w.Grad()
}

func TestPretendComputesAsTheCPU(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		torch.ManualSeed(1)
		x, y, w := torch.Randn([]int{8, 4}), torch.Randn([]int{8, 3}), torch.Randn([]int{3, 4})
		there := [3]*torch.Tensor{x.To(device), y.To(device), w.To(device)}
		loss, grad := step(x, y, w.SetRequiresGrad(true))

		before := torchtest.PretendTraffic()
		var loss2, grad2 *torch.Tensor
		torchtest.ForbidTransfers(func() { loss2, grad2 = step(there[0], there[1], there[2].SetRequiresGrad(true)) })
		after := torchtest.PretendTraffic()

		assert.Equal(t, device, grad2.Device())
		assert.Equal(t, loss.Item(), loss2.Item(), "the device runs the CPU's kernels")
		assert.Equal(t, grad.Float32s(), grad2.Float32s())
		assert.Zero(t, after.Since(before).Transfers())
		assert.Positive(t, after.Since(before).Calls)
	})
}

// A lazy conjugate or negative is computed with, read and written to as on the CPU.
func TestPretendTakesLazyTensors(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	call := func(op string, args ...any) *torch.Tensor { return torch.Call(op, args...).Tensor() }
	conj := func(x *torch.Tensor) *torch.Tensor { return call("aten::_conj", x) }
	torch.Scope(func() {
		x := call("aten::complex", torchtest.Ramp(1, 2, 3), torchtest.Ramp(2, 2, 3))
		for name, f := range map[string]func(x *torch.Tensor) *torch.Tensor{
			"copy":     conj,
			"resolve":  func(x *torch.Tensor) *torch.Tensor { return call("aten::resolve_conj", conj(x)) },
			"add":      func(x *torch.Tensor) *torch.Tensor { return conj(x).Add(x) },
			"view":     func(x *torch.Tensor) *torch.Tensor { return conj(x).T().Reshape(-1) },
			"conv":     func(x *torch.Tensor) *torch.Tensor { return call("aten::conv1d", conj(x.Unsqueeze(1)), x.Unsqueeze(1)) },
			"write":    func(x *torch.Tensor) *torch.Tensor { y := x.Clone(); conj(y).CopyInPlace(x); return y },
			"imag":     func(x *torch.Tensor) *torch.Tensor { return call("aten::imag", conj(x)).Clone() },
			"negative": func(x *torch.Tensor) *torch.Tensor { return call("aten::_neg_view", x).MulScalar(3) },
		} {
			want, got := f(x), f(x.To(device))
			assert.Equal(t, want.String(), got.To(torch.CPU).String(), name)
			assert.Equal(t, device, got.Device(), name)
		}
	})
}

func TestPretendRefusesOtherDevices(t *testing.T) {
	device := torchtest.Pretend(t)
	torch.Scope(func() {
		x, w := torch.Randn([]int{8, 4}), torch.Randn([]int{3, 4})
		there := x.To(device)
		for name, f := range map[string]func(){
			"linear":   func() { torch.Linear(there, w, nil) },
			"add":      func() { there.Add(x) },
			"mse_loss": func() { torch.MSELoss(there, x, torch.ReduceMean) },
			"cat":      func() { torch.Cat([]*torch.Tensor{there, x}, 0) },
		} {
			err := torch.Try(f)
			require.Error(t, err, name)
			assert.Contains(t, err.Error(), "same device", name)
			assert.Contains(t, err.Error(), "pretend:0", name)
		}
	})
}

func TestDeviceBeyondTheLast(t *testing.T) {
	device := torchtest.Pretend(t)
	require.NoError(t, torch.CheckDevice(device))
	device.Index = 1
	require.EqualError(t, torch.CheckDevice(device), "torch: device pretend:1: there is none; they are numbered from 0, and the last is pretend:0")
}

// Everything that makes host and device wait for each other is counted once, and is an
// error while it is forbidden, including what a CUDA kernel would do inside.
func TestPretendFindsTransfers(t *testing.T) {
	device := torchtest.Pretend(t)
	type traffic = torchtest.Traffic
	read, toHost, toDevice := traffic{Reads: 1}, traffic{ToHost: 1}, traffic{ToDevice: 1}
	torch.Scope(func() {
		x := torch.Ones([]int{2, 2}, torch.Options{Device: device})
		zero := x.Sum().MulScalar(0) // on the device, without dimensions
		mask, index := x.Gt(x), torch.Zeros([]int{2}, torch.Options{DType: torch.Int64, Device: device})
		host, number := torch.Ones([]int{2, 2}), torch.Scalar[float32](1)
		for name, c := range map[string]struct {
			want traffic
			f    func()
		}{
			"Item":                       {read, func() { zero.Item() }},
			"is_nonzero":                 {read, func() { torch.Call("aten::is_nonzero", zero) }},
			"allclose":                   {read, func() { torch.Call("aten::allclose", x, x) }},
			"Float32s":                   {toHost, func() { x.Float32s() }},
			"To the CPU":                 {toHost, func() { x.To(torch.CPU) }},
			"CopyInPlace to the CPU":     {toHost, func() { host.Clone().CopyInPlace(x) }},
			"To the device":              {toDevice, func() { host.To(device) }},
			"CopyInPlace to the device":  {toDevice, func() { x.Clone().CopyInPlace(host) }},
			"_to_copy":                   {toDevice, func() { torch.Call("aten::_to_copy", host, torch.Named{"device": device}) }},
			"nonzero":                    {read, func() { torch.Call("aten::nonzero", x) }},
			"masked_select":              {read, func() { torch.Call("aten::masked_select", x, mask) }},
			"index by a mask":            {read, func() { torch.Call("aten::index.Tensor", x, []*torch.Tensor{mask}) }},
			"index_put_ by a mask":       {read, func() { torch.Call("aten::index_put_", x.Clone(), []*torch.Tensor{mask}, zero) }},
			"masked_fill with a tensor":  {read, func() { torch.Call("aten::masked_fill.Tensor", x, mask, zero) }},
			"_unique2":                   {read, func() { torch.Call("aten::_unique2", x) }},
			"unique_consecutive":         {read, func() { torch.Call("aten::unique_consecutive", x) }},
			"repeat_interleave":          {read, func() { torch.Call("aten::repeat_interleave.self_Tensor", x, index, 0) }},
			"equal":                      {read, func() { torch.Call("aten::equal", x, x) }},
			"bincount":                   {read, func() { torch.Call("aten::bincount", index) }},
			"histc without a range":      {read, func() { torch.Call("aten::histc", x) }},
			"multinomial":                {read, func() { torch.Call("aten::multinomial", x, 1) }},
			"normal of given deviations": {read, func() { torch.Call("aten::normal.float_Tensor", 0, x) }},

			"normal of both given":       {read, func() { torch.Call("aten::normal.Tensor_Tensor", x, x) }},
			"_unique":                    {read, func() { torch.Call("aten::_unique", x) }},
			"unique_dim":                 {read, func() { torch.Call("aten::unique_dim", x, 0) }},
			"unique_dim_consecutive":     {read, func() { torch.Call("aten::unique_dim_consecutive", x, 0) }},
			"_index_put_impl_ by a mask": {read, func() { torch.Call("aten::_index_put_impl_", x.Clone(), []*torch.Tensor{mask}, zero) }},
			"index_fill with a tensor":   {read, func() { torch.Call("aten::index_fill.int_Tensor", x, 0, index, zero) }},
			"embedding_renorm_":          {read, func() { torch.Call("aten::embedding_renorm_", x.Clone(), index, 1, 2) }},
			"linalg_eig":                 {read, func() { torch.Call("aten::linalg_eig", x) }},
			"_linalg_eigvals":            {read, func() { torch.Call("aten::_linalg_eigvals", x) }},
			"mode of many":               {read, func() { torch.Call("aten::mode", torch.Ones([]int{2049}, torch.Options{Device: device})) }},
			"_ctc_loss": {read, func() {
				one := torch.Ones([]int{2}, torch.Options{DType: torch.Int64, Device: device})
				torch.Call("aten::_ctc_loss.Tensor", x.Unsqueeze(2).Expand(2, 2, 3).LogSoftmax(2), torch.OnesLike(one.Unsqueeze(1)), one, one)
			}},

			// These only look like it.
			"index by numbers":           {traffic{}, func() { torch.Call("aten::index.Tensor", x, []*torch.Tensor{index}) }},
			"index_put_ of a CPU number": {traffic{}, func() { torch.Call("aten::index_put_", x.Clone(), []*torch.Tensor{mask}, number) }},
			"masked_fill with a number":  {traffic{}, func() { torch.Call("aten::masked_fill.Scalar", x, mask, 0) }},
			"a CPU number beside it":     {traffic{}, func() { x.Add(number) }},
			"repeat_interleave of a known size": {traffic{}, func() {
				torch.Call("aten::repeat_interleave.self_Tensor", x, index, 0, torch.Named{"output_size": 0})
			}},
			"histc with a range": {traffic{}, func() { torch.Call("aten::histc", x, 5, 0, 1) }},
			"mode of few":        {traffic{}, func() { torch.Call("aten::mode", x) }},
			"made there":         {traffic{}, func() { torch.Full([]int{3}, 2, torch.Options{Device: device}) }},
			"random":             {traffic{}, func() { torch.Randn([]int{3}, torch.Options{Device: device}) }},
			"within the device":  {traffic{}, func() { x.Clone().CopyInPlace(x) }},
		} {
			before := torchtest.PretendTraffic()
			require.NoError(t, torch.Try(c.f), name)
			got := torchtest.PretendTraffic().Since(before)
			got.Calls = 0
			assert.Equal(t, c.want, got, name)

			torchtest.ForbidTransfers(func() {
				err := torch.Try(c.f)
				if c.want == (traffic{}) {
					assert.NoError(t, err, name)
				} else {
					assert.ErrorContains(t, err, "inside a step", name)
				}
			})
		}
	})
}

// The device's random generator is its own; a seed gives both the same numbers.
func TestPretendDrawsForItself(t *testing.T) {
	device := torchtest.Pretend(t)
	there := torch.Options{Device: device}
	torch.Scope(func() {
		torch.ManualSeed(7)
		want := torch.Randn([]int{40}).Float32s()
		torch.ManualSeed(7)
		torch.Rand([]int{5}) // of the CPU's generator
		assert.Equal(t, want, torch.Randn([]int{40}, there).Float32s())

		state := torch.RNGState(device)
		ones := torch.Ones([]int{40}, there)
		drop := torch.Dropout(ones, 0.5, true).Float32s()
		assert.NotEqual(t, drop, torch.Dropout(ones, 0.5, true).Float32s())
		torch.SetRNGState(torch.CPU, torch.RNGState(torch.CPU))
		torch.SetRNGState(device, state)
		assert.Equal(t, drop, torch.Dropout(ones, 0.5, true).Float32s())

		cpu := torch.RNGState(torch.CPU).Bytes()
		torch.Rand([]int{3}, there)
		assert.Equal(t, cpu, torch.RNGState(torch.CPU).Bytes())
	})
}

// libtorch takes another LSTM cell on accelerators than on the CPU.
func TestPretendLSTM(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		torch.ManualSeed(2)
		const hidden, in, batch, steps = 3, 4, 2, 5
		cpu := []*torch.Tensor{
			torch.Randn([]int{batch, steps, in}),
			torch.Randn([]int{1, batch, hidden}), torch.Randn([]int{1, batch, hidden}),
			torch.Randn([]int{4 * hidden, in}), torch.Randn([]int{4 * hidden, hidden}),
			torch.Randn([]int{4 * hidden}), torch.Randn([]int{4 * hidden}),
		}
		var there []*torch.Tensor
		for _, x := range cpu {
			there = append(there, x.To(device))
		}
		run := func(ts []*torch.Tensor) []*torch.Tensor {
			for _, x := range ts {
				x.SetRequiresGrad(true)
			}
			out, h, c := torch.LSTM(ts[0], ts[1], ts[2], ts[3:], torch.LSTMOptions{Bias: true, Layers: 1, BatchFirst: true})
			out.Square().Sum().Add(h.Sum()).Add(c.Square().Sum()).Backward()
			got := []*torch.Tensor{out, h, c}
			for _, x := range ts {
				got = append(got, x.Grad())
			}
			return got
		}
		want, got := run(cpu), run(there)
		for i := range want {
			// Another order of the same additions in float32.
			assert.InDeltaSlice(t, want[i].Float32s(), got[i].Float32s(), 2e-5, "result %d", i)
		}
	})
}

// Autocast treats the operators as on CUDA, which computes softmax in float32.
func TestPretendHasAutocast(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		torch.ManualSeed(1)
		x, w := torch.Randn([]int{8, 4}), torch.Randn([]int{3, 4})
		there, v := x.To(device), w.To(device).SetRequiresGrad(true)
		w.SetRequiresGrad(true)
		f := func(d torch.Device, x, w *torch.Tensor) (loss *torch.Tensor) {
			torch.Autocast(d, torch.Float16, func() {
				h := torch.Linear(x, w, nil)
				assert.Equal(t, torch.Float16, h.DType())
				if p := h.Softmax(1); d == device {
					assert.Equal(t, torch.Float32, p.DType())
				}
				loss = torch.MSELoss(h, h.MulScalar(0), torch.ReduceMean)
			})
			loss.Backward()
			return loss
		}
		torchtest.ForbidTransfers(func() { f(device, there, v) })
		torch.Autocast(torch.CPU, torch.Float16, func() {
			assert.Equal(t, torch.Float32, torch.Linear(there, v, nil).DType(), "autocast of another kind of device")
		})
		f(torch.CPU, x, w)
		assert.Equal(t, w.Grad().Float32s(), v.Grad().Float32s())
	})
}
