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

// all are the metrics of the package.
func all() (ms []Metric) {
	for _, a := range []Average{Macro, Micro, Weighted} {
		for _, m := range []Metric{Precision(a), Recall(a), F1(a), AUC(a), AveragePrecision(a)} {
			m.Name += " " + a.String()
			ms = append(ms, m)
		}
	}
	return append(ms, Accuracy(), TopK(2), MCC(), Perplexity(), MSE(), MAE(), RMSE(), R2(), Pearson(), CCC())
}

// batch returns n outputs and targets that m measures: three classes, or two outputs.
func batch(m Metric, n int) (output, target *torch.Tensor) {
	switch m.Name {
	case "mse", "mae", "rmse", "r2", "pearson", "ccc":
		return torchtest.Ramp(n, n, 2), torchtest.Ramp(2*n, n, 2)
	}
	classes := make([]int64, n)
	for i := range classes {
		classes[i] = int64(i % 3)
	}
	return torchtest.Ramp(n, n, 3), torch.FromSlice(classes, n)
}

// Adding a batch reads nothing from a device, whether it is the first or a later one.
func TestAddReadsNothing(t *testing.T) {
	device := torchtest.Accelerator(t)
	for _, m := range all() {
		t.Run(m.Name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			torch.Scope(func() {
				output, target := batch(m, 8)
				onCPU, onDevice := m.New(), m.New()
				defer onCPU.Close()
				defer onDevice.Close()
				output, target = output.To(device), target.To(device)
				for range mergeEvery + 2 {
					torchtest.ForbidTransfers(func() { onDevice.Add(output, target) })
					onCPU.Add(output.To(torch.CPU), target.To(torch.CPU))
				}
				torchtest.SameNumbers(t, device, []float64{onCPU.Value()}, []float64{onDevice.Value()}, m.Name)
			})
		})
	}
}

// A metric continues from its state as if there had been no break.
func TestState(t *testing.T) {
	for _, m := range all() {
		t.Run(m.Name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			torch.Scope(func() {
				whole, begun, resumed := m.New(), m.New(), m.New()
				defer whole.Close()
				defer begun.Close()
				defer resumed.Close()
				assert.Nil(t, begun.State())
				assert.True(t, math.IsNaN(begun.Value()))
				const pause = mergeEvery + 5
				for i := range 2*mergeEvery + 9 {
					output, target := batch(m, 5+i%3)
					whole.Add(output, target)
					if i < pause {
						begun.Add(output, target)
						continue
					}
					if i == pause {
						resumed.Add(output, target) // which LoadState forgets
						state := begun.State()
						begun.Add(output, target) // which state does not hold
						resumed.LoadState(state)
					}
					resumed.Add(output, target)
				}
				assert.Equal(t, whole.Value(), resumed.Value())
				assert.False(t, math.IsNaN(whole.Value()))
				assert.True(t, whole.State().Equal(resumed.State()))
				assert.False(t, begun.State().Equal(resumed.State()))
				resumed.LoadState(nil)
				assert.True(t, math.IsNaN(resumed.Value()))
			})
		})
	}
}

// Parts are merged before they are many, also where none has a sample.
func TestMerge(t *testing.T) {
	torch.Scope(func() {
		output, target := batch(CCC(), 9)
		a := CCC().New()
		defer a.Close()
		for range 2 * mergeEvery {
			a.Add(output.Narrow(0, 0, 0), target.Narrow(0, 0, 0))
			assert.LessOrEqual(t, len(a.parts), mergeEvery)
		}
		a.Add(output, target)
		assert.InDelta(t, CCC().Of(output, target), a.Value(), 1e-15)
		a.Close()
		wide := torch.Zeros([]int{2, mergeElements})
		for range 5 {
			a.Add(wide, wide)
			assert.LessOrEqual(t, len(a.parts), 2)
		}
	})
}

// What is continued outside of all scopes leaves no tensor to the garbage collector.
func TestLoadStateFreesItsViews(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torch.Ones([]int{3})
	defer x.Close()
	a := MSE().New()
	defer a.Close()
	a.Add(x, x)
	state := a.State()
	defer state.Close()
	before := torch.Live().Tensors
	a.LoadState(state)
	assert.Equal(t, before, torch.Live().Tensors)
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

// The sums of float32 stop growing at 2^24 samples, and those of a batch are not exact.
func TestManySamples(t *testing.T) {
	torch.Scope(func() {
		const n = 1 << 20
		output := torch.Full([]int{}, 0.1).Expand(n)
		target := torch.ZerosLike(output)
		mae, mse, accuracy := MAE().New(), MSE().New(), Accuracy().New()
		for i := range 17 {
			if i < 3 {
				mae.Add(output, target)
				mse.Add(output, target)
			}
			accuracy.Add(output, torch.OnesLike(target)) // as logits, they are positive
		}
		accuracy.Add(torch.FromSlice([]float32{1}, 1), torch.FromSlice([]float32{0}, 1))
		x := float64(float32(0.1))
		assert.InDelta(t, x, mae.Value(), 1e-15)
		assert.InDelta(t, x*x, mse.Value(), 1e-15)
		assert.Equal(t, 17*n/(17.0*n+1), accuracy.Value())
		for _, a := range []*Accumulator{mae, mse, accuracy} {
			a.Close()
		}
	})
}

func TestInfinity(t *testing.T) {
	torch.Scope(func() {
		output := torch.FromSlice([]float64{math.Inf(1), 0, math.Inf(-1), 1}, 4)
		target := torch.FromSlice([]float64{1, 1, 0, 0}, 4)
		assert.Equal(t, 0.75, AUC(Macro).Of(output, target))
		assert.Equal(t, 0.5, Accuracy().Of(output, target))
		assert.True(t, math.IsInf(MSE().Of(output, target), 1))
		assert.True(t, math.IsInf(RMSE().Of(output, target), 1))
	})
}

func TestMistakes(t *testing.T) {
	floats := func(shape ...int) *torch.Tensor { return torch.Zeros(shape) }
	ints := func(xs ...int64) *torch.Tensor { return torch.FromSlice(xs, len(xs)) }
	add := func(m Metric, tensors ...*torch.Tensor) func() {
		if len(tensors) == 2 {
			return func() { m.Of(tensors[0], tensors[1]) }
		}
		return func() {
			a := m.New()
			defer a.Close()
			for i := 0; i < len(tensors); i += 2 {
				a.Add(tensors[i], tensors[i+1])
			}
			a.Value()
		}
	}
	torch.Scope(func() {
		for want, f := range map[string]func(){
			"torch: metric accuracy: [4 3] × [5]: an output [N, C, …] needs targets [N, …]": add(Accuracy(), floats(4, 3), ints(0, 0, 0, 0, 0)),
			"[4 3] × [4]: the targets are classes: integers, not float32":                   add(F1(Macro), floats(4, 3), floats(4)),
			"[4 1 2] × [4 3]: an output":                                                    add(MCC(), floats(4, 1, 2), floats(4, 3)),
			"[4 1] × [4 3]: an output":                                                      add(AUC(Macro), floats(4, 1), floats(4, 3)),
			"[1] × []: at least 2 classes are needed":                                       add(Accuracy(), floats(1), floats()),
			"[2] × [2]: the outputs are complex64":                                          add(Accuracy(), torch.Zeros([]int{2}, torch.Options{DType: torch.Complex64}), floats(2)),
			"metric mse: [4 1] × [4]: outputs and targets need":                             add(MSE(), floats(4, 1), floats(4)),
			"metric pearson: [4 2] × [4 1]: outputs and targets":                            add(Pearson(), floats(4, 2), floats(4, 1)),
			"metric top0: at least one class":                                               func() { TopK(0) },
			"metric top2: it needs an output [N, C, …]":                                     add(TopK(2), floats(3), floats(3)),
			"metric perplexity: it needs an output [N, C, …]":                               add(Perplexity(), floats(3), floats(3)),
			"metric f1: an average over 3 classes cannot be":                                add(F1(Binary), floats(2, 3), ints(0, 1)),
			"metric auc: an average over 3 classes cannot be":                               add(AUC(Binary), floats(2, 3), ints(0, 1)),
			"the shape [5 5] now, it had [4 4] before":                                      add(F1(Macro), floats(2, 3), ints(0, 1), floats(2, 4), ints(0, 1)),
			"the shape [6 1] now, it had [6 2] before":                                      add(R2(), floats(2, 2), floats(2, 2), floats(2, 1), floats(2, 1)),
			"the shape [2 1] now, it had [2 2] before":                                      add(RMSE(), floats(2, 2), floats(2, 2), floats(2, 1), floats(2, 1)),
			"metric kept: a metric that keeps rows": add(Metric{
				Name: "kept", Keep: true, Batch: func(output, _ *torch.Tensor) *torch.Tensor { return output.Sum() },
			}, floats(2), floats(2)),
			"metric precision: 2 targets are none of the classes": add(Precision(Macro), floats(3), torch.FromSlice([]float64{0.5, 1, math.NaN()}, 3)),
		} {
			require.ErrorContains(t, torch.Try(f), want)
		}
		for _, m := range []Metric{Accuracy(), TopK(2), Recall(Micro), MCC(), AUC(Macro), AveragePrecision(Macro), Perplexity()} {
			err := torch.Try(add(m, floats(4, 3), ints(1, 3, -100, 0), floats(3, 3), ints(0, 1, -1)))
			require.ErrorContains(t, err, "torch: metric "+m.Name+": 2 targets are none of the classes")
		}
		err := torch.Try(func() { ConfusionMatrix(floats(2, 2), ints(2, 0)) })
		require.ErrorContains(t, err, "torch: metric confusion matrix: 1 targets are none of the classes")
	})
}
