// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// kernelCases are operators, and the derivatives that autograd makes of them, with code of the
// bridge's own; x and y are of the same shape, y between 0 and 1. called is how many operators stay
// libtorch's.
var kernelCases = map[string]struct {
	f      func(x, y *torch.Tensor) *torch.Tensor
	called int
}{
	"tanh":       {f: func(x, y *torch.Tensor) *torch.Tensor { return x.Tanh().Mul(y) }},
	"sigmoid":    {f: func(x, y *torch.Tensor) *torch.Tensor { return x.Sigmoid().Mul(y) }},
	"relu":       {f: func(x, y *torch.Tensor) *torch.Tensor { return x.Relu().Mul(y) }},
	"silu":       {f: func(x, y *torch.Tensor) *torch.Tensor { return x.Silu().Mul(y) }},
	"leaky relu": {f: func(x, y *torch.Tensor) *torch.Tensor { return x.LeakyRelu(0.01).Mul(y) }},
	"exp, log, sqrt": {f: func(x, y *torch.Tensor) *torch.Tensor {
		return x.Exp().AddScalar(0.5).Sqrt().Add(x.Abs().AddScalar(0.1).Log().Mul(y)).Sub(x.Neg())
	}, called: 1}, // sgn
	"arithmetic": {f: func(x, y *torch.Tensor) *torch.Tensor {
		return x.MulScalar(0.3).Add(y).DivScalar(0.7).Sub(x.Square()).Div(y.AddScalar(1)).Add(x.Reciprocal())
	}},
	"row":    {f: func(x, y *torch.Tensor) *torch.Tensor { return x.Mul(y.Narrow(0, 0, 1)).Tanh() }},
	"column": {f: func(x, y *torch.Tensor) *torch.Tensor { return x.Mul(y.Narrow(1, 0, 1)).Sigmoid() }},
	"part":   {f: func(x, y *torch.Tensor) *torch.Tensor { return x.Detach().Narrow(1, 0, x.Size(1)/2+1).Silu().Tanh() }},
	"concatenated": {f: func(x, y *torch.Tensor) *torch.Tensor {
		return torch.Cat([]*torch.Tensor{x.Tanh(), y.Sqrt()}, 1).Square()
	}},
	"softmax":            {f: func(x, y *torch.Tensor) *torch.Tensor { return x.Softmax(-1).Mul(y) }},
	"log softmax":        {f: func(x, y *torch.Tensor) *torch.Tensor { return x.LogSoftmax(-1).Mul(y) }},
	"mean squared error": {f: func(x, y *torch.Tensor) *torch.Tensor { return nn.MSELoss(x, y) }},
	"sums":               {f: func(x, y *torch.Tensor) *torch.Tensor { return x.SumDim([]int{0}, false).Tanh().Mul(y) }},
	"product": {f: func(x, y *torch.Tensor) *torch.Tensor {
		return torch.Linear(x, y, torch.Ones([]int{y.Size(0)})).Tanh()
	}},
	"products": {f: func(x, y *torch.Tensor) *torch.Tensor {
		a, b := x.Unsqueeze(0), y.Unsqueeze(0)
		return torch.Cat([]*torch.Tensor{a, a.Tanh()}, 0).Bmm(torch.Cat([]*torch.Tensor{b, b}, 0).Transpose(1, 2))
	}},
	"rows by number": {f: func(x, y *torch.Tensor) *torch.Tensor {
		return x.Detach().IndexSelect(0, torch.FromSlice([]int64{0, int64(x.Size(0) - 1), 0})).Tanh()
	}},
}

// Each kernel has the bits of libtorch's operator: the recorder finds no other, and the
// results of new inputs are those of the eager step. The shapes have whole vectors, parts of
// one, and single elements.
func TestKernels(t *testing.T) {
	for name, c := range kernelCases {
		for _, shape := range [][]int{{64, 128}, {32, 96}, {7, 33}, {1, 5}, {100, 24}, {3, 257}, {5, 1}} {
			t.Run(fmt.Sprint(name, shape), func(t *testing.T) {
				torch.Threads(1, func() {
					if name == "concatenated" && shape[1] == 1 {
						t.Skip("the parts are single columns of the whole, which are left to libtorch")
					}
					if name == "products" && shape[0]*shape[0]*shape[1] < 400 {
						t.Skip("libtorch computes so small ones in another order, and they are left to it")
					}
					torch.ManualSeed(3)
					x, y := torch.Randn(shape).SetRequiresGrad(true), torch.Rand(shape)
					step := func() []*torch.Tensor {
						x.SetGrad(nil)
						out := c.f(x, y)
						if !out.RequiresGrad() {
							return []*torch.Tensor{out}
						}
						out.Mul(out).Sum().Backward()
						return []*torch.Tensor{out.Detach(), x.Grad()}
					}
					r, err := torch.Record(step)
					require.NoError(t, err)
					defer r.Close()
					plan := r.Plan()
					assert.Equal(t, c.called, plan.Called+plan.Out, "%+v", plan)
					assert.NotZero(t, plan.Lowered)
					for range 3 {
						torch.NoGrad(func() {
							x.CopyInPlace(torch.Randn(shape))
							y.CopyInPlace(torch.Rand(shape))
						})
						require.NoError(t, r.Replay(1))
						torch.Scope(func() {
							for i, want := range step() {
								assert.Equal(t, bits(want), bits(r.Results()[i]), "result %d", i)
							}
						})
					}
				})
			})
		}
	}
}

func bits(t *torch.Tensor) []float32 { return slices.Clone(t.Contiguous().Float32s()) }

// libtorch chooses its kernels when it is loaded, so each width of vectors needs a process.
func TestKernelsOfEachWidth(t *testing.T) {
	if os.Getenv("ATEN_CPU_CAPABILITY") != "" {
		t.Skip("this is the process for one width")
	}
	for _, width := range []string{"default", "avx2"} { // the widest is TestKernels'
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^(TestKernels|TestKernelOfTanh|TestReplayHasEagersBits)$")
		cmd.Env = append(os.Environ(), "ATEN_CPU_CAPABILITY="+width)
		out, err := cmd.CombinedOutput()
		assert.NoError(t, err, "%s: %s", width, out)
	}
}

// Adam becomes part of the products that make its gradients, with parameters that vectors divide
// and others, with and without weight decay, on one thread and on two.
func TestKernelsOfAdam(t *testing.T) {
	for _, width := range []int{64, 37} {
		for _, decay := range []float64{0, 1e-2} {
			for _, threads := range []int{1, 2} {
				j := mlp(0, func(j *job) {
					model := nn.NewSequential(nn.NewLinear(96, width, torch.CPU), nn.ReLU{}, nn.NewLinear(width, 32, torch.CPU))
					j.model, j.loss = model, func() *torch.Tensor { return nn.MSELoss(model.Forward(j.x), j.y) }
					j.optimizer = adam(model, func(c *optim.AdamConfig) { c.WeightDecay = decay })
				})
				torch.Threads(threads, func() {
					r, err := torch.Record(j.step)
					require.NoError(t, err)
					defer r.Close()
					assert.Zero(t, r.Plan().Called, "%+v", r.Plan())
				})
			}
		}
	}
}

// A step may take its batch from all data and keep its results in tables, at positions that it
// moves itself. Here recording comes to the end of the data.
func TestReplayMovesThroughData(t *testing.T) {
	torchtest.NoLeaks(t)
	const batch, batches, epochs = 8, 3, 5
	integers, doubles := torch.Options{DType: torch.Int64}, torch.Options{DType: torch.Float64}
	train := func(recorded bool) (all []float64, from func(at, slot int) error) {
		torch.ManualSeed(1)
		x, y, class := torch.Randn([]int{batch * batches, 96}), torch.Randn([]int{batch * batches, 32}), torch.RandInt(0, 3, []int{batch * batches}, integers)
		order, at, slot := torch.Randperm(batch*batches), torch.Arange(0, batch, 1, integers), torch.Zeros([]int{1}, integers)
		losses, rows := torch.Zeros([]int{batches * epochs}, doubles), torch.Zeros([]int{batches * epochs, 2}, doubles)
		j := mlp(0, nil)
		step := func() []*torch.Tensor {
			index := order.IndexSelect(0, at)
			j.x, j.y = x.IndexSelect(0, index), y.IndexSelect(0, index)
			loss := j.step()[0].ToDType(torch.Float64).Reshape(1)
			ones := class.IndexSelect(0, index).EqScalar(1).Sum().ToDType(torch.Float64).Reshape(1)
			torch.Call("aten::index_copy_", losses, 0, slot, loss)
			torch.Call("aten::index_copy_", rows, 0, slot, torch.Cat([]*torch.Tensor{loss, ones}, 0).Unsqueeze(0))
			at.AddScalarInPlace(batch)
			slot.AddScalarInPlace(1)
			return nil
		}
		next := func(n int) error {
			for range n {
				if err := torch.Try(func() { torch.Scope(func() { step() }) }); err != nil {
					return err
				}
			}
			return nil
		}
		set := func(first, row int) {
			torch.Scope(func() { at.CopyInPlace(torch.Arange(0, batch, 1, integers).AddScalar(first)) })
			slot.FillInPlace(row)
		}
		first := 0
		if recorded {
			torch.Threads(1, func() {
				r, err := torch.Record(step)
				require.NoError(t, err)
				t.Cleanup(r.Close)
				p := r.Plan()
				assert.Equal(t, 3, p.Called+p.Out, "eq, sum and what converts integers: %+v", p)
				next, first = r.Replay, 1
			})
		}
		for epoch := first; epoch < epochs; epoch++ {
			if epoch > 0 {
				set(0, epoch*batches)
				torch.Scope(func() { order.CopyInPlace(torch.Randperm(batch * batches)) })
			}
			torch.Threads(1+epoch%2, func() { require.NoError(t, next(batches)) })
		}
		set(batch*(batches-1), 0)
		torch.Threads(2, func() { require.NoError(t, next(1)) }) // proved anew, with one batch left
		tables := func() []float64 { return slices.Concat(losses.Float64s(), rows.Float64s()) }
		state := slices.Concat(j.state(), tables(), at.ToDType(torch.Float64).Float64s(), slot.ToDType(torch.Float64).Float64s())
		return state, func(first, row int) error {
			set(first, row)
			before := tables()
			err := next(1)
			assert.Equal(t, before, tables())
			return err
		}
	}
	torch.Scope(func() {
		want, eager := train(false)
		got, replay := train(true)
		assert.True(t, slices.Equal(want, got), "other weights, losses or positions")
		for _, wrong := range []int{-1, 1 << 62, math.MinInt64} {
			require.Error(t, eager(wrong, 0))
			assert.ErrorContains(t, replay(wrong, 0), fmt.Sprintf("index %d is out of range: there are %d rows", wrong, batch*batches))
			require.Error(t, eager(0, wrong))
			assert.ErrorContains(t, replay(0, wrong), fmt.Sprintf("index %d is out of range: there are %d rows", wrong, batches*epochs))
		}
		assert.ErrorContains(t, replay(batch*(batches-1)+1, 0), "index 24 is out of range")
	})
}

// The hyperbolic tangent has code of the bridge's own, which was compared with libtorch's for all
// numbers of float32; here for some of each exponent, and with denormal numbers taken for zero, too.
func TestKernelOfTanh(t *testing.T) {
	torchtest.NoLeaks(t)
	const each, rounds = 256, 32 // of 2²³ numbers of an exponent
	words := make([]float32, 512*each)
	for _, flush := range []bool{false, true} {
		torch.FlushDenormal(flush, func() {
			torch.Scope(func() {
				x := torch.Zeros([]int{len(words)})
				step := func() []*torch.Tensor { return []*torch.Tensor{x.Tanh()} }
				r, err := torch.Record(step)
				require.NoError(t, err)
				defer r.Close()
				assert.Equal(t, 1, r.Plan().Lowered)
				for round := range rounds {
					for i := range words {
						// A multiplier that is odd leads to all numbers in the end.
						mantissa := uint32(i%each*rounds+round) * 0x9e3779b1 >> 9
						words[i] = math.Float32frombits(uint32(i/each)<<23 | mantissa)
					}
					torch.Scope(func() {
						x.CopyInPlace(torch.FromSlice(words))
						require.NoError(t, r.Replay(1))
						want, got := step()[0].Float32s(), r.Results()[0].Float32s()
						for i := range words {
							if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
								t.Fatalf("tanh(%x) is %x, not %x (flush denormal: %v)", words[i], got[i], want[i], flush)
							}
						}
					})
				}
			})
		})
	}
}
