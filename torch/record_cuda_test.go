// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// streamsOf returns the streams that were given something, in order: "graph" or "product".
func streamsOf(what string, work []string) (streams []string) {
	for _, line := range work {
		if stream, ok := strings.CutPrefix(line, "1 "+what+" "); ok {
			streams = append(streams, stream)
		}
	}
	return streams
}

// onDevice is training on a device. calls counts the calls of its step.
func onDevice(d torch.Device) (j *job, calls *int, step func() []*torch.Tensor) {
	model := nn.NewSequential(nn.NewLinear(8, 16, d), nn.Tanh{}, nn.NewDropout(0.3), nn.NewLinear(16, 4, d))
	j = &job{x: floats(32, 8).To(d), y: floats(32, 4).To(d), model: model, optimizer: adam(model, nil), clip: 1}
	j.loss = func() *torch.Tensor { return nn.MSELoss(model.Forward(j.x), j.y) }
	calls = new(int)
	return j, calls, func() []*torch.Tensor { *calls++; return j.step() }
}

// Replays on a GPU end where steps that are called do. Steps on other devices are refused.
func TestRecordsOnDevice(t *testing.T) {
	device := torchtest.Accelerator(t)
	var states [2][]float64
	for i := range states {
		torch.ManualSeed(3)
		j, _, step := onDevice(device)
		r, err := torch.NewRecording(step)
		require.NoError(t, err)
		defer r.Close()
		for k := range 20 {
			j.fill(k)
			j.optimizer.SetLR(1e-3 / float64(k+1))
			switch {
			case i == 0:
				torch.Scope(func() { step() })
			case r.Ready():
				require.NoError(t, r.Replay(1))
			default:
				if err := r.Call(); device.Type != torch.DeviceCUDA && k > 0 {
					require.ErrorIs(t, err, torch.ErrRefused)
				} else {
					require.NoError(t, err)
				}
			}
		}
		states[i] = j.state()
	}
	assert.InDeltaSlice(t, states[0], states[1], 1e-6, "the rate of a graph is a float32")
}

const products = 5 // of the two layers, forwards and backwards

// The tests below run on a stand-in for CUDA. They look at what is launched, and where: its
// kernels compute nothing.

func TestStandInRecords(t *testing.T) {
	log := torchtest.StandIn(t)
	if log == nil {
		return
	}
	j, calls, step := onDevice(torch.CUDA(1))
	r, err := torch.NewRecording(step)
	require.NoError(t, err)
	defer r.Close()
	log()
	for range 2 {
		require.NoError(t, r.Call())
	}
	work := log()
	assert.Equal(t, slices.Repeat([]string{"default"}, 2*products), streamsOf("product", work))
	assert.Empty(t, streamsOf("graph", work))

	// The third call is captured in a stream of its own, and then launched once.
	require.NoError(t, r.Call())
	require.True(t, r.Ready())
	work = log()
	captured := streamsOf("product", work)
	require.Len(t, captured, products)
	assert.Regexp(t, `^1\.\d+$`, captured[0])
	assert.Equal(t, slices.Repeat(captured[:1], products), captured)
	assert.Equal(t, "1 graph default", work[len(work)-1])
	assert.Equal(t, 3, *calls)

	require.NoError(t, r.Replay(3))
	work = log()
	assert.Equal(t, []string{"default", "default", "default"}, streamsOf("graph", work))
	assert.Empty(t, streamsOf("product", work))
	require.NoError(t, r.Replay(1))
	same := log()
	j.optimizer.SetLR(1e-4)
	require.NoError(t, r.Replay(1))
	assert.Equal(t, append([]string{"1 kernel default"}, same...), log(), "the rate, and then the step")
	r.Stop()
	assert.ErrorIs(t, r.Replay(4), torch.ErrStopped)
	assert.Empty(t, streamsOf("graph", log()))
	assert.Equal(t, 5, r.Steps())
	assert.Equal(t, 3, *calls)
	assert.Equal(t, torch.CUDA(1), r.Results()[0].Device())
	assert.Greater(t, r.Plan().Recorded, 2*products)

	// Later calls compare.
	require.NoError(t, r.Call())
	assert.Equal(t, slices.Repeat([]string{"default"}, products), streamsOf("product", log()))
	j.model.(nn.Sequential)[2].(*nn.Dropout).P = 0.4
	assert.ErrorContains(t, r.Call(), "argument p of aten::native_dropout is 0.29999999999999999 in one step and 0.40000000000000002 in the next")

	before, err := cuda.ReadMemoryStats(1)
	require.NoError(t, err)
	r.Close()
	after, err := cuda.ReadMemoryStats(1)
	require.NoError(t, err)
	assert.Less(t, after.Allocated, before.Allocated, "the results")
	assert.ErrorContains(t, r.Replay(1), "closed")

	// In the stream of the Do around it, with random numbers of the goroutine's own.
	s, err := cuda.NewStream(1)
	require.NoError(t, err)
	state := func() (seedAndOffset []float32) {
		torch.Scope(func() { seedAndOffset = torch.RNGState(torch.CUDA(1)).ToDType(torch.Float32).Float32s() })
		return seedAndOffset
	}
	shared := state()
	torch.ForkRNG(func() {
		require.NoError(t, s.Do(func() {
			log()
			r, err := torch.Record(step)
			require.NoError(t, err)
			defer r.Close()
			work = log()
			assert.Len(t, slices.Compact(streamsOf("product", work)), 1, "one stream")
			assert.Equal(t, streamsOf("product", work)[:1], streamsOf("graph", work))
			draws := func(f func() error) float32 {
				before := state()
				require.NoError(t, f())
				after := state()
				return after[8] - before[8] + 256*(after[9]-before[9]) // the offset's low bytes
			}
			want := draws(r.Call)
			assert.Positive(t, want)
			assert.Equal(t, want, draws(func() error { return r.Replay(1) }))
		}))
	})
	assert.Equal(t, shared, state(), "the process's generator")
}

// What cannot be captured has been done all the same when Call returns.
func TestStandInRecordRefuses(t *testing.T) {
	log := torchtest.StandIn(t)
	if log == nil {
		return
	}
	d := torch.Options{Device: torch.CUDA(1)}
	torch.Scope(func() {
		x, host := torch.Ones([]int{4, 4}, d), torch.Ones([]int{4})
		calls := 0
		for _, c := range []struct {
			want          string
			calls, graphs int // of the step, and launched
			step          func() *torch.Tensor
		}{
			{"the host reads a value of a tensor (aten::_local_scalar_dense)", 2, 0, func() *torch.Tensor { return x.MulScalar(x.Sum().Item()) }},
			{"a tensor of aten::_to_copy is on the CPU, and the step computes on cuda:1", 2, 0, func() *torch.Tensor { return x.Matmul(x).To(torch.CPU) }},
			{"a tensor of aten::tanh is on the CPU, and the step computes on cuda:1", 2, 0, func() *torch.Tensor { host.Tanh(); return x.Matmul(x) }},
			{"a tensor of aten::mm is on cuda:1, and only steps on the CPU or on one GPU are recorded", 2, 0, func() *torch.Tensor {
				torch.Ones([]int{2}, torch.Options{Device: torch.CUDA(0)})
				return x.Matmul(x)
			}},
			// The third call fails as it is captured, so it is called again.
			{"operation not permitted when stream is capturing", 4, 0, func() *torch.Tensor {
				if calls == 3 {
					return x.MulScalar(x.Sum().Item())
				}
				return x.Matmul(x)
			}},
			// It is captured, and launched.
			{"argument other of aten::mul.Scalar is 2 in one step and 3 in the next", 3, 1, func() *torch.Tensor { return x.Matmul(x).MulScalar(calls) }},
		} {
			calls = 0
			log()
			_, err := torch.Record(func() []*torch.Tensor { calls++; return []*torch.Tensor{c.step()} })
			require.ErrorIs(t, err, torch.ErrRefused, c.want)
			assert.ErrorContains(t, err, c.want)
			work := log()
			assert.Equal(t, c.calls, calls, c.want)
			assert.Len(t, streamsOf("graph", work), c.graphs, c.want)
		}
		// A capture that failed leaves nothing behind.
		r, err := torch.Record(func() []*torch.Tensor { return []*torch.Tensor{x.Matmul(x)} })
		require.NoError(t, err)
		defer r.Close()
		require.NoError(t, r.Replay(2))
		assert.Len(t, streamsOf("graph", log()), 3)

		// Other errors of the step are its own.
		calls = 0
		_, err = torch.Record(func() []*torch.Tensor {
			if calls++; calls >= 3 {
				x.Matmul(torch.Ones([]int{3, 3}, d))
			}
			return nil
		})
		require.ErrorContains(t, err, "matmul: [4 4] × [3 3]")
		assert.NotErrorIs(t, err, torch.ErrRefused)
	})
}
