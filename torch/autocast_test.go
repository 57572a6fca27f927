// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// inAutocast calls f, inside Autocast if a case of a file names a type, and returns that
// type or int64.
func inAutocast(dtype any, f func()) torch.DType {
	name, ok := dtype.(string)
	if !ok {
		f()
		return torch.Int64
	}
	d, err := torch.ParseDType(name)
	if err != nil {
		panic(&torch.Error{Op: "ParseDType", Message: err.Error()})
	}
	torch.Autocast(torch.CPU, d, f)
	return d
}

// TestAutocastAgreesWithPyTorch repeats the calls of PyTorch's own lists for autocast: the
// types of the results, the results and the gradients, within the last digits of bfloat16
// and float16. Then it trains a small network.
func TestAutocastAgreesWithPyTorch(t *testing.T) {
	torchtest.NoLeaks(t)
	file := repeatCalls(t, "testdata/autocast.pt")
	cases, err := torch.Value[[]any](file, "training")
	require.NoError(t, err)
	require.Len(t, cases, 2)
	for _, c := range cases {
		torch.Scope(func() { repeatTraining(t, c.(*torch.Dict)) })
	}
}

func repeatTraining(t *testing.T, d *torch.Dict) {
	get := func(key string) any { v, _ := d.Get(key); return v }
	var params []*torch.Tensor
	for _, p := range get("start").([]any) {
		params = append(params, p.(*torch.Tensor).SetRequiresGrad(true))
	}
	x, y := get("x").(*torch.Tensor), get("y").(*torch.Tensor)
	for i, want := range get("losses").([]any) {
		torch.ZeroGrad(params)
		var loss *torch.Tensor
		inAutocast(get("autocast"), func() {
			h := torch.Linear(x, params[0], params[1])
			assert.Equal(t, get("autocast"), h.DType().String())
			loss = torch.Call("aten::cross_entropy_loss", torch.Linear(h.Tanh(), params[2], params[3]), y).Tensor()
		})
		assert.Equal(t, torch.Float32, loss.DType())
		assert.InDelta(t, want.(float64), loss.Item(), 1e-3, "%v: loss of step %d", get("autocast"), i)
		loss.Backward()
		torch.NoGrad(func() {
			for _, p := range params {
				assert.Equal(t, torch.Float32, p.Grad().DType())
				p.AddScaledInPlace(p.Grad(), -0.2)
			}
		})
	}
}

// product returns the type in which matrices are multiplied here.
func product(w *torch.Tensor) torch.DType { return w.Matmul(w).DType() }

func TestAutocastNests(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		w := torch.Ones([]int{2, 2}).SetRequiresGrad(true)
		torch.Autocast(torch.CPU, torch.BFloat16, func() {
			assert.Equal(t, torch.BFloat16, product(w))
			// The cast of w is kept. In PyTorch, float16 inside bfloat16 finds it, and fails.
			torch.Autocast(torch.CPU, torch.Float16, func() {
				assert.Equal(t, torch.Float16, product(w))
				torch.Autocast(torch.CPU, torch.Float32, func() {
					assert.Equal(t, torch.Float32, product(w))
					torch.Autocast(torch.CPU, torch.Float16, func() { assert.Equal(t, torch.Float16, product(w)) })
				})
				assert.Equal(t, torch.Float16, product(w))
			})
			assert.Equal(t, torch.BFloat16, product(w))
		})
		assert.Equal(t, torch.Float32, product(w))
		assert.Equal(t, torch.Float64, product(torch.Ones([]int{2, 2}, torch.Options{DType: torch.Float64})))
		torch.Autocast(torch.CPU, torch.BFloat16, func() {
			assert.Equal(t, torch.Float64, product(torch.Ones([]int{2, 2}, torch.Options{DType: torch.Float64})))
		})
	})
}

// A parameter that changes between two autocasts is cast again.
func TestAutocastKeepsNoOldCasts(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		w := torch.Ones([]int{2, 2}).SetRequiresGrad(true)
		sum := func() (s float64) {
			torch.Autocast(torch.CPU, torch.BFloat16, func() { s = w.Matmul(w).Sum().Item() })
			return s
		}
		assert.InDelta(t, 8, sum(), 0)
		torch.NoGrad(func() { w.FillInPlace(2) })
		assert.InDelta(t, 32, sum(), 0)
	})
}

func TestAutocastEndsWithPanics(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		w := torch.Ones([]int{2, 2}).SetRequiresGrad(true)
		torch.Autocast(torch.CPU, torch.BFloat16, func() {
			err := torch.Try(func() {
				torch.Autocast(torch.CPU, torch.Float16, func() { w.Matmul(torch.Ones([]int{3})) })
			})
			require.Error(t, err)
			assert.Equal(t, torch.BFloat16, product(w))
		})
		require.Panics(t, func() { torch.Autocast(torch.CPU, torch.Float16, func() { panic("stop") }) })
		assert.Equal(t, torch.Float32, product(w))
	})
}

// Goroutines do not see each other's mode, nor each other's casts of a parameter that all
// use: each gets its type, and gradients also where another one works without.
func TestAutocastOfGoroutines(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		w := torch.Ones([]int{16, 16}).SetRequiresGrad(true)
		types := []torch.DType{torch.BFloat16, torch.Float16, torch.Float32}
		var wg sync.WaitGroup
		problems := make(chan string, 12)
		for i := range 12 {
			wg.Go(func() {
				want := types[i%3]
				for range 50 {
					torch.Scope(func() {
						var y *torch.Tensor
						autocast := func() { torch.Autocast(torch.CPU, want, func() { y = w.Matmul(w) }) }
						if i%2 == 0 {
							torch.NoGrad(autocast)
						} else {
							autocast()
						}
						if y.DType() != want || y.RequiresGrad() != (i%2 == 1) {
							problems <- fmt.Sprintf("goroutine %d: %v, with gradients %v", i, y.DType(), y.RequiresGrad())
							panic("stop")
						}
					})
				}
			})
		}
		wg.Wait()
		close(problems)
		for p := range problems {
			assert.Fail(t, p)
		}
	})
}

func TestAutocastRefuses(t *testing.T) {
	assert.PanicsWithError(t, "torch: Autocast: the type is int64; it must be bfloat16 or float16, or float32 to switch autocast off",
		func() { torch.Autocast(torch.CPU, torch.Int64, func() {}) })
	assert.PanicsWithError(t, "torch: Autocast: the function is nil", func() { torch.Autocast(torch.CPU, torch.BFloat16, nil) })
	assert.Panics(t, func() { torch.Autocast(torch.Device{Type: 14}, torch.BFloat16, func() {}) })
}
