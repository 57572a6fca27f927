// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// anomalous is a network that computes something wrong between its layers.
type anomalous struct {
	First, Last *nn.Linear
	wrong       func(*torch.Tensor) *torch.Tensor
}

func (m *anomalous) Forward(x *torch.Tensor) *torch.Tensor {
	return m.Last.Forward(m.wrong(m.First.Forward(x)))
}

// Whatever is not finite is found where it begins.
func TestDetectAnomaly(t *testing.T) {
	torchtest.NoLeaks(t)
	type tensor = *torch.Tensor
	negative := func(x tensor) tensor { return x.Abs().Neg().SubScalar(1) }
	mask := func(x tensor) tensor {
		return torch.Call("aten::masked_fill.Scalar", x, x.GtScalar(0), math.Inf(-1)).Tensor()
	}
	for want, wrong := range map[string]func(tensor) tensor{
		"epoch 1, step 1: the loss is NaN: the first NaN is a result of aten::log, behind layer first, anomaly_test.go:": func(x tensor) tensor {
			return negative(x).Log()
		},
		"the loss is NaN: the first infinity is a result of aten::exp, behind layer first, anomaly_test.go:": func(x tensor) tensor {
			x = x.AddScalar(1e3).Exp()
			return x.Sub(x)
		},
		"the first NaN is a result of aten::sub.Tensor, behind": func(x tensor) tensor {
			x = x.AddScalar(1e3).Exp()
			return x.Sub(x)
		},
		"the loss is NaN: the first NaN is a result of aten::log, behind": func(x tensor) tensor { // not the mask
			return mask(x).Softmax(1).Add(negative(x).Log())
		},
		"the loss is NaN: the first infinity is a result of aten::linear, in layer last, anomaly_test.go:": func(x tensor) tensor {
			return x.MulScalar(0).AddScalar(3e38)
		},
		"the gradient of first.bias is NaN": func(x tensor) tensor { return x.MulScalar(0).Sqrt() },
	} {
		r := newTrial(1, torch.CPU, "")
		replaced := r.Run
		torch.Scope(func() {
			m := &anomalous{nn.NewLinear(5, 4, torch.CPU), nn.NewLinear(4, 3, torch.CPU), wrong}
			defer closeTensors(nn.StateDict(m))
			torch.NoGrad(func() { m.Last.Weight.FillInPlace(2) })
			r.Model, r.Optimizer, r.DetectAnomaly = m, optim.NewSGD(nn.Parameters(m), optim.SGDConfig{LR: 0.1}), true
			_, err := r.Fit(context.Background())
			require.ErrorContains(t, err, want)
			e := new(NonFiniteError)
			require.ErrorAs(t, err, &e)
			for _, p := range nn.Parameters(m) {
				assert.True(t, isFiniteTensor(p), "the step was not taken")
				p.Close()
			}
		})
		(&trial{replaced}).close()
	}
}

// Without DetectAnomaly a wrong sample is named, and what is not finite in validation; a
// loss of training is found too late for more.
func TestWhereNotFinite(t *testing.T) {
	torchtest.NoLeaks(t)
	poisoned := func(source data.Source, sample int) {
		torch.NoGrad(func() {
			torch.Scope(func() { source.(*data.Set).X.Select(0, sample).Narrow(0, 3, 1).FillInPlace(math.NaN()) })
		})
	}
	for _, c := range []struct {
		want   string
		change func(*trial)
	}{
		{"the loss is NaN: X of sample 17, from 0, is not finite", func(r *trial) { poisoned(r.Train, 17) }},
		{"the loss is NaN: X of sample 17, from 0, is not finite", func(r *trial) {
			poisoned(r.Train, 17)
			r.DetectAnomaly = true
		}},
		{"epoch 1, step 4: the validation loss is NaN: X of sample 8, from 0, is not finite", func(r *trial) { poisoned(r.Val, 8) }},
		{"the validation loss is NaN: the first NaN is a result of aten::log, behind layer 3, anomaly_test.go:", func(r *trial) {
			r.Step = func(b data.Batch) Result {
				output := r.forward(b.X)
				if !r.Model.(nn.Sequential)[2].(*nn.Dropout).Training {
					output = output.Square().Neg().SubScalar(1).Log()
				}
				return Result{Output: output, Target: b.Y}
			}
		}},
		{"epoch 2, step 1: the loss is NaN: its origin is not known, because parameters are no longer finite either; Run.DetectAnomaly", func(r *trial) {
			r.poison(5)
		}},
		{"epoch 2, step 1: a parameter is NaN: 0.bias, 3.weight; a lower", func(r *trial) {
			r.DetectAnomaly = true
			r.Step = func(b data.Batch) Result {
				if r.Optimizer.LR() != 0.02 {
					torch.NoGrad(func() {
						r.parameter(1).FillInPlace(math.Inf(1))
						r.parameter(2).FillInPlace(math.NaN())
					})
				}
				return Result{Loss: r.parameter(0).Sum().MulScalar(0), Output: nil}
			}
			r.OnEpoch = func(Epoch) error { r.Optimizer.SetLR(0.01); return nil }
			r.Val = nil
		}},
	} {
		r := newTrial(1, torch.CPU, "")
		whole := *r
		c.change(r)
		_, err := r.Fit(context.Background())
		require.ErrorContains(t, err, c.want)
		whole.close()
	}
}

// Large numbers are finite though their squares are not, and integers and empty tensors always.
func TestFinite(t *testing.T) {
	torchtest.NoLeaks(t)
	for x, want := range map[float64]bool{0: true, 1e30: true, math.NaN(): false, math.Inf(1): false, math.Inf(-1): false} {
		torch.Scope(func() {
			model := struct{ A, Empty, Integers *torch.Tensor }{
				torch.Ones([]int{70}), torch.Ones([]int{0}), torch.Ones([]int{2}, torch.Options{DType: torch.Int64}),
			}
			model.A.Narrow(0, 68, 1).FillInPlace(x)
			assert.Equal(t, want, finite(&model), x)
		})
	}
	assert.True(t, finite(&struct{}{}))
}
