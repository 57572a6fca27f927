// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural

import (
	"math"

	"github.com/etude-ml/etude/torch/internal/fail"
)

var activations = map[string]func(x []float64) []float64{
	"tanh":    each(math.Tanh),
	"sigmoid": each(sigmoid),
	"relu":    each(func(x float64) float64 { return max(0, x) }),
	"elu": each(func(x float64) float64 {
		if x > 0 {
			return x
		}
		return math.Expm1(x)
	}),
	"softmax": func(x []float64) []float64 {
		y, sum := each(math.Exp)(x), 0.0
		for _, e := range y {
			sum += e
		}
		return each(func(e float64) float64 { return e / sum })(y)
	},
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func each(f func(float64) float64) func(x []float64) []float64 {
	return func(x []float64) []float64 {
		y := make([]float64, len(x))
		for i := range x {
			y[i] = f(x[i])
		}
		return y
	}
}

// plus adds to y what the inputs x give by the weights w [in, out], and returns y.
func plus(y, x []float64, w [][]float64) []float64 {
	for i, row := range w {
		for k := range row {
			y[k] += x[i] * row[k]
		}
	}
	return y
}

func (r reader) dense(in, out int) stage {
	w, bias := r.matrix(0, in, out), make([]float64, out)
	if len(r.Weights) > 1 {
		bias = r.vector(1, out)
	}
	return stage{forward: func(x []float64) []float64 { return plus(append([]float64{}, bias...), x, w) }}
}

func (r reader) conv1d(in, out int) stage {
	groups := max(1, r.Groups)
	if len(r.KernelSize) == 0 || len(r.Dilation) == 0 || in%groups != 0 || out%groups != 0 {
		fail.With("kernel_size or dilation is missing, or %d and %d features have no %d groups", in, out, groups)
	}
	kernel, dilation := r.KernelSize[len(r.KernelSize)-1], r.Dilation[len(r.Dilation)-1]
	if kernel < 1 || dilation < 1 || dilation > math.MaxInt32 {
		fail.With("kernel_size is %d and dilation %d", kernel, dilation)
	}
	w, bias := weight[[][][]float64](r, 0), r.vector(1, out)
	r.same(0, len(w), kernel)
	for _, tap := range w {
		r.same(0, len(tap), in/groups)
		for _, row := range tap {
			r.same(0, len(row), out)
		}
	}
	var past [][]float64 // the frames that the kernel reaches, the newest last
	return stage{func(x []float64) []float64 {
		past = append(past, append([]float64{}, x...))
		if excess := len(past) - ((kernel-1)*dilation + 1); excess > 0 {
			past = past[excess:]
		}
		y := append([]float64{}, bias...)
		for tap := range w {
			at := len(past) - 1 - (kernel-1-tap)*dilation
			if at < 0 {
				continue // before the first frame there are zeros
			}
			for o := range y {
				first := o / (out / groups) * (in / groups)
				for i, row := range w[tap] {
					y[o] += past[at][first+i] * row[o]
				}
			}
		}
		return y
	}, func() { past = nil }}
}

func (r reader) batchNorm(in, _ int) stage {
	if r.Epsilon == nil {
		fail.With("epsilon is missing")
	}
	gamma, beta, at := make([]float64, in), make([]float64, in), 0
	for i := range gamma {
		gamma[i] = 1
	}
	if len(r.Weights) == 4 {
		gamma, beta, at = r.vector(0, in), r.vector(1, in), 2
	}
	mean, variance := r.vector(at, in), r.vector(at+1, in)
	return stage{forward: func(x []float64) []float64 {
		y := make([]float64, in)
		for i := range y {
			y[i] = gamma[i]*(x[i]-mean[i])/math.Sqrt(variance[i]+*r.Epsilon) + beta[i]
		}
		return y
	}}
}

func (r reader) prelu(in, _ int) stage {
	slopes := weight[[][]float64](r, 0)
	if len(slopes) != 1 || len(slopes[0]) != 1 && len(slopes[0]) != in {
		fail.With("its weights are not one list of 1 or %d numbers in a list", in)
	}
	return stage{forward: func(x []float64) []float64 {
		y := append([]float64{}, x...)
		for i := range y {
			if y[i] < 0 {
				y[i] *= slopes[0][i%len(slopes[0])]
			}
		}
		return y
	}}
}

// lstm has the gates in the order input, forget, cell, output.
func (r reader) lstm(in, out int) stage {
	w, u, bias := r.matrix(0, in, 4*out), r.matrix(1, out, 4*out), r.vector(2, 4*out)
	h, c := make([]float64, out), make([]float64, out)
	return stage{func(x []float64) []float64 {
		sum := plus(plus(append([]float64{}, bias...), x, w), h, u)
		h = make([]float64, out)
		for k := range h {
			i, f, g, o := sigmoid(sum[k]), sigmoid(sum[out+k]), math.Tanh(sum[2*out+k]), sigmoid(sum[3*out+k])
			c[k] = f*c[k] + i*g
			h[k] = o * math.Tanh(c[k])
		}
		return h
	}, func() { h, c = make([]float64, out), make([]float64, out) }}
}

// gru has the gates in the order update, reset, new; the bias of the state's part stands
// in the second row, because the reset gate multiplies it.
func (r reader) gru(in, out int) stage {
	w, u, bias := r.matrix(0, in, 3*out), r.matrix(1, out, 3*out), r.matrix(2, 2, 3*out)
	h := make([]float64, out)
	return stage{func(x []float64) []float64 {
		input := plus(append([]float64{}, bias[0]...), x, w)
		state := plus(append([]float64{}, bias[1]...), h, u)
		next := make([]float64, out)
		for k := range next {
			z, reset := sigmoid(input[k]+state[k]), sigmoid(input[out+k]+state[out+k])
			next[k] = (1-z)*math.Tanh(input[2*out+k]+reset*state[2*out+k]) + z*h[k]
		}
		h = next
		return next
	}, func() { h = make([]float64, out) }}
}
