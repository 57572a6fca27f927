// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package metric

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// all are the metrics of the package, each with a batch [8, 3] of what it measures.
func all() map[string]Metric {
	return map[string]Metric{"accuracy": Accuracy()}
}

// Adding a batch reads nothing from a device, whether it is the first or a later one.
func TestAddReadsNothing(t *testing.T) {
	device := torchtest.Accelerator(t)
	for name, m := range all() {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			torch.Scope(func() {
				output, target := batch(m, 8)
				onCPU, onDevice := m.New(), m.New()
				defer onCPU.Close()
				defer onDevice.Close()
				output, target = output.To(device), target.To(device)
				for range 3 {
					torchtest.ForbidTransfers(func() { onDevice.Add(output, target) })
					onCPU.Add(output.To(torch.CPU), target.To(torch.CPU))
				}
				torchtest.SameNumbers(t, device, []float64{onCPU.Value()}, []float64{onDevice.Value()}, name)
			})
		})
	}
}

// A metric continues from its state as if there had been no break.
func TestState(t *testing.T) {
	for name, m := range all() {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			torch.Scope(func() {
				whole, begun, resumed := m.New(), m.New(), m.New()
				defer whole.Close()
				defer begun.Close()
				defer resumed.Close()
				assert.Nil(t, begun.State())
				assert.True(t, math.IsNaN(begun.Value()))
				for i := range 4 {
					output, target := batch(m, 5+i)
					whole.Add(output, target)
					if i < 2 {
						begun.Add(output, target)
						continue
					}
					if i == 2 {
						resumed.Add(output, target) // which LoadState forgets
						resumed.LoadState(begun.State())
					}
					resumed.Add(output, target)
				}
				assert.Equal(t, whole.Value(), resumed.Value())
				assert.False(t, math.IsNaN(whole.Value()))
				assert.True(t, whole.State().Equal(resumed.State()))
				assert.False(t, begun.State().Equal(resumed.State()), "begun has a state of its own")
				resumed.LoadState(nil)
				assert.True(t, math.IsNaN(resumed.Value()))
			})
		})
	}
}

// batch returns n outputs and targets of three classes.
func batch(_ Metric, n int) (output, target *torch.Tensor) {
	return torchtest.Ramp(n, n, 3), torch.Arange(0, n, 1, torch.Options{DType: torch.Int64}).Remainder(torch.Full([]int{}, 3, torch.Options{DType: torch.Int64}))
}

// A batch may change after it was added, and what a metric returns of it may be a view.
func TestAddCopies(t *testing.T) {
	torch.Scope(func() {
		for _, keep := range []bool{false, true} {
			a := Metric{
				Name: "first", Keep: keep,
				Batch: func(output, _ *torch.Tensor) *torch.Tensor { return output },
				Value: func(total *torch.Tensor) float64 { return total.Sum().Item() },
			}.New()
			defer a.Close()
			x := torch.FromSlice([]float64{1, 2}, 2)
			a.Add(x, nil)
			a.Add(x, nil)
			assert.Equal(t, []float64{1, 2}, x.Float64s())
			x.ZeroInPlace()
			assert.Equal(t, 6.0, a.Value())
		}
	})
}

func TestMistakes(t *testing.T) {
	floats := func(shape ...int) *torch.Tensor { return torch.Zeros(shape) }
	ints := func(shape ...int) *torch.Tensor { return torch.Zeros(shape, torch.Options{DType: torch.Int64}) }
	for want, f := range map[string]func(){
		"torch: metric accuracy: [4 3] × [5]: an output [N, C, …] needs targets [N, …]": func() { Accuracy().New().Add(floats(4, 3), ints(5)) },
		"[4 3] × [4]: the targets are classes: integers, not float32":                   func() { Accuracy().New().Add(floats(4, 3), floats(4)) },
		"[4 1 2] × [4 3]: an output":                                                    func() { Accuracy().New().Add(floats(4, 1, 2), ints(4, 3)) },
		"[4 1] × [4 3]: an output":                                                      func() { Accuracy().New().Add(floats(4, 1), ints(4, 3)) },
		"[1] × []: at least 2 classes are needed":                                       func() { Accuracy().New().Add(floats(1), ints()) },
	} {
		torch.Scope(func() {
			require.ErrorContains(t, torch.Try(f), want)
		})
	}
	torch.Scope(func() {
		a := Accuracy().New()
		defer a.Close()
		a.Add(floats(3, 2), torch.FromSlice([]int64{1, 2, -100}, 3))
		a.Add(floats(3, 2), torch.FromSlice([]int64{0, 1, -1}, 3))
		require.ErrorContains(t, torch.Try(func() { a.Value() }), "torch: metric accuracy: 2 targets are none of the classes")
	})
}
