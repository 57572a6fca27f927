// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// LSTM is a long short-term memory of one or more layers:
//
//	i = σ(W_ii·x + b_ii + W_hi·h + b_hi)      input gate
//	f = σ(W_if·x + b_if + W_hf·h + b_hf)      forget gate
//	g = tanh(W_ig·x + b_ig + W_hg·h + b_hg)   cell gate
//	o = σ(W_io·x + b_io + W_ho·h + b_ho)      output gate
//	c' = f·c + i·g
//	h' = o·tanh(c')
//
// From "Long short-term memory", Hochreiter and Schmidhuber, 1997, in the form of
// torch.nn.LSTM.
//
// Shape: x [steps, batch, in], or [batch, steps, in] with BatchFirst, or without a
// batch [steps, in]; the output is shaped like x, with directions·hidden features.
//
// Parameters of each layer and direction, in order: weight_ih_l0 [4·hidden, in],
// weight_hh_l0 [4·hidden, hidden], and unless NoBias bias_ih_l0 and bias_hh_l0
// [4·hidden]; then weight_ih_l0_reverse and so on, weight_ih_l1 … A layer above
// the first has directions·hidden inputs. The gates lie in the order i, f, g, o.
// All are drawn from [-1/√hidden, 1/√hidden).
//
// A single step of a single layer and direction, from the zero state, is computed
// without its dead parts: the products with the state. Their parameters still get
// their gradient, which is zero. In a [torch.Trace] it is an LSTM all the same.
//
// On CUDA, where cuDNN computes all other cases, NewLSTM lays the weights out in one block
// of memory, as it wants them. Weights that are put in their place are copied into one
// at every call, and libtorch warns of that.
type LSTM struct {
	In, Hidden    int
	Layers        int
	NoBias        bool
	BatchFirst    bool
	Bidirectional bool
	Dropout       float64 // between layers, in training
	Training      bool

	Weights []*torch.Tensor // in the order above
}

// LSTMConfig holds settings that are rarely changed. The zero value is PyTorch's default.
type LSTMConfig struct {
	Layers        int // at least 1, so 0 stands for 1
	NoBias        bool
	BatchFirst    bool
	Dropout       float64 // probability between layers, from 0 to 1
	Bidirectional bool
	DType         torch.DType // of the parameters
}

// NewLSTM returns an LSTM from in features to hidden ones, on device d.
func NewLSTM(in, hidden int, d torch.Device, c ...LSTMConfig) *LSTM {
	config := first(c)
	if config.Layers == 0 {
		config.Layers = 1
	}
	positive("nn.LSTM", "in", in)
	positive("nn.LSTM", "hidden", hidden)
	positive("nn.LSTM", "Layers", config.Layers)
	probability("nn.LSTM", "Dropout", config.Dropout)
	l := &LSTM{
		In: in, Hidden: hidden, Layers: config.Layers, NoBias: config.NoBias, BatchFirst: config.BatchFirst,
		Bidirectional: config.Bidirectional, Dropout: config.Dropout, Training: true,
	}
	bound := 1 / math.Sqrt(float64(hidden))
	for layer := range l.Layers {
		width := in
		if layer > 0 {
			width = hidden * l.directions()
		}
		for range l.directions() {
			shapes := [][]int{{4 * hidden, width}, {4 * hidden, hidden}, {4 * hidden}, {4 * hidden}}
			for _, shape := range shapes[:l.perDirection()] {
				l.Weights = append(l.Weights, newParameter(d, config.DType,
					func(w *torch.Tensor) { Uniform(w, -bound, bound) }, shape...))
			}
		}
	}
	l.flatten()
	return l
}

func (l *LSTM) directions() int {
	if l.Bidirectional {
		return 2
	}
	return 1
}

// perDirection is the number of tensors of one layer in one direction.
func (l *LSTM) perDirection() int {
	if l.NoBias {
		return 2
	}
	return 4
}

// NamedTensors names the parameters as PyTorch does.
func (l *LSTM) NamedTensors() []NamedTensor {
	ts := make([]NamedTensor, len(l.Weights))
	for i, w := range l.Weights {
		name := [4]string{"weight_ih", "weight_hh", "bias_ih", "bias_hh"}[i%l.perDirection()]
		run := i / l.perDirection()
		ts[i] = NamedTensor{Name: fmt.Sprintf("%s_l%d", name, run/l.directions()), Tensor: w}
		if run%l.directions() == 1 {
			ts[i].Name += "_reverse"
		}
	}
	return ts
}

// SetTraining switches the dropout between layers.
func (l *LSTM) SetTraining(on bool) { l.Training = on }

// Forward returns the output at every step, from a zero state.
func (l *LSTM) Forward(x *torch.Tensor) *torch.Tensor {
	shape := l.check(x)
	if l.oneStep(shape) && !torch.Tracing() {
		return l.cell(x)
	}
	y, _, _ := l.run(x, shape, nil, nil)
	return y
}

// ForwardState returns the output at every step and the state after the last one,
// from the state h, c: [layers·directions, batch, hidden], without batch if x has
// none; both nil are zeros. The features of the forward direction come first in
// the output; a layer's forward state comes before its backward one.
func (l *LSTM) ForwardState(x, h, c *torch.Tensor) (y, hn, cn *torch.Tensor) {
	return l.run(x, l.check(x), h, c)
}

func (l *LSTM) run(x *torch.Tensor, shape []int, h, c *torch.Tensor) (y, hn, cn *torch.Tensor) {
	if (h == nil) != (c == nil) {
		throw("nn.LSTM", "one of the states h and c is nil; give both or neither")
	}
	batched, at := len(shape) == 3, l.batchDim()
	batch := 1
	if batched {
		batch = shape[at]
	} else {
		x = x.Unsqueeze(at)
	}
	if h == nil {
		zeros := torch.Zeros([]int{l.Layers * l.directions(), batch, l.Hidden}, torch.Options{DType: x.DType(), Device: x.Device()})
		h, c = zeros, zeros
	} else {
		l.checkState("h", h, batch, batched)
		l.checkState("c", c, batch, batched)
		if !batched {
			h, c = h.Unsqueeze(1), c.Unsqueeze(1)
		}
	}
	y, hn, cn = torch.LSTM(x, h, c, l.Weights, torch.LSTMOptions{
		Bias: !l.NoBias, Layers: l.Layers, Dropout: l.Dropout, Train: l.Training,
		Bidirectional: l.Bidirectional, BatchFirst: l.BatchFirst,
	})
	if !batched {
		y, hn, cn = y.Squeeze(at), hn.Squeeze(1), cn.Squeeze(1)
	}
	return y, hn, cn
}

// batchDim is the dimension of a batched input that counts the batch.
func (l *LSTM) batchDim() int {
	if l.BatchFirst {
		return 0
	}
	return 1
}

// check returns the shape of an input, or panics if it does not fit.
func (l *LSTM) check(x *torch.Tensor) []int {
	shape := x.Shape()
	if n := len(shape); n != 2 && n != 3 || shape[n-1] != l.In {
		want := "[steps, batch, %d] or [steps, %[1]d]"
		if l.BatchFirst {
			want = "[batch, steps, %d] or [steps, %[1]d]"
		}
		panic(&torch.Error{Op: "nn.LSTM", Shapes: [][]int{shape}, Message: "the input must have the shape " + fmt.Sprintf(want, l.In)})
	}
	return shape
}

func (l *LSTM) checkState(name string, s *torch.Tensor, batch int, batched bool) {
	want := []int{l.Layers * l.directions(), batch, l.Hidden}
	if !batched {
		want = []int{want[0], l.Hidden}
	}
	if got := s.Shape(); !slices.Equal(got, want) {
		panic(&torch.Error{Op: "nn.LSTM", Shapes: [][]int{got}, Message: fmt.Sprintf("the state %s must have the shape %v", name, want)})
	}
}
