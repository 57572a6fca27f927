// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
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
// batch [steps, in]; the output is shaped like x, with directions·hidden features. With
// a Projection, h' is W_hr times the above and has so many features, here and below, c' not.
//
// Parameters of each layer and direction, in order: weight_ih_l0 [4·hidden, in],
// weight_hh_l0 [4·hidden, hidden], unless NoBias bias_ih_l0 and bias_hh_l0 [4·hidden],
// and with a Projection weight_hr_l0 [projection, hidden]; then weight_ih_l0_reverse and so
// on, weight_ih_l1 … A layer above the first has directions·hidden inputs. The gates lie
// in the order i, f, g, o. All are drawn from [-1/√hidden, 1/√hidden).
//
// A single step of a single layer and direction, from the zero state, is computed
// without its dead parts: the products with the state. Their parameters still get
// their gradient, which is zero. In a [torch.Trace] it is an LSTM all the same.
//
// On CUDA, where cuDNN computes all other cases, NewLSTM lays the weights out in one block
// of memory, as it wants them. Weights that are put in their place are copied into one
// at every call, and libtorch warns of that.
type LSTM struct{ Recurrent }

// LSTMConfig holds the settings of an LSTM.
type LSTMConfig = RecurrentConfig

// NewLSTM returns an LSTM from in features to hidden ones, on device d.
func NewLSTM(in, hidden int, d torch.Device, c ...LSTMConfig) *LSTM {
	return &LSTM{newRecurrent("nn.LSTM", 4, in, hidden, d, c)}
}

// NamedTensors names the parameters as PyTorch does.
func (l *LSTM) NamedTensors() []NamedTensor { return l.named() }

// Forward returns the output at every step, from a zero state.
func (l *LSTM) Forward(x *torch.Tensor) *torch.Tensor {
	if oneStep(&l.Recurrent, l.check(x)) && !torch.Tracing() {
		return lstmCell(&l.Recurrent, x)
	}
	y, _, _ := l.ForwardState(x, nil, nil)
	return y
}

// ForwardState returns the output at every step and the state after the last one,
// from the state h, c; both nil are zeros. Shapes and order are those of
// [Recurrent.ForwardState].
func (l *LSTM) ForwardState(x, h, c *torch.Tensor) (y, hn, cn *torch.Tensor) {
	out := l.run(x, both("nn.LSTM", h, c))
	return out[0], out[1], out[2]
}

// ForwardPacked is ForwardState for sequences of different lengths. The states are in the
// order that the sequences had before they were packed.
func (l *LSTM) ForwardPacked(x *PackedSequence, h, c *torch.Tensor) (y *PackedSequence, hn, cn *torch.Tensor) {
	y, out := l.runPacked(x, both("nn.LSTM", h, c))
	return y, out[0], out[1]
}

// both returns the two states of an LSTM.
func both(op string, h, c *torch.Tensor) []*torch.Tensor {
	must(op, (h == nil) == (c == nil), "one of the states h and c is nil; give both or neither")
	return []*torch.Tensor{h, c}
}

// Step passes each row of x through as a sequence of one step, from the zero state:
// x [batch, in], or [in], to [batch, directions·hidden]. It is Forward without the
// dimension of the steps.
func (l *LSTM) Step(x *torch.Tensor) *torch.Tensor {
	shape := x.Shape()
	n := len(shape)
	fit("nn.LSTM.Step", (n == 1 || n == 2) && shape[n-1] == l.In, shape, "the input must have the shape [batch, %d] or [%[1]d]", l.In)
	if single(&l.Recurrent) && !torch.Tracing() {
		return lstmCell(&l.Recurrent, x)
	}
	at := 0
	if l.BatchFirst && len(shape) == 2 {
		at = 1
	}
	return l.Forward(x.Unsqueeze(at)).Squeeze(at)
}

// oneStep reports whether an input of that shape makes a single step of a single
// layer: then the state is zero throughout, and lstmCell computes it.
func oneStep(l *Recurrent, shape []int) bool {
	if !single(l) {
		return false
	}
	if len(shape) == 2 {
		return shape[0] == 1
	}
	return shape[1-batchDim(l.BatchFirst)] == 1
}

func single(l *Recurrent) bool { return l.Layers == 1 && !l.Bidirectional && l.Projection == 0 }

// lstmCell is one step from a zero state, x [*, in] to [*, hidden]. With h = c = 0 the
// gates' W_h·h vanish, and so does f·c: what is left is
//
//	h' = o·tanh(i·g)
//
// which is exact, and saves the product with weight_hh and the forget gate, in
// both directions. Their gradients are zero.
func lstmCell(l *Recurrent, x *torch.Tensor) *torch.Tensor {
	weight := withoutForget(l, l.Weights[0])
	bias := withoutForget(l, cellBias(l))
	i := torch.Linear(x, weight[0], bias[0]).Sigmoid()
	rest := torch.Linear(x, weight[1], bias[1]).Chunk(2, -1)
	g, o := rest[0].Tanh(), rest[1].Sigmoid()
	return o.Mul(i.Mul(g).Tanh())
}

// cellBias returns the sum of the biases, and gives weight_hh its gradient.
//
// That gradient is zero, but it must be there: optimizers skip a parameter that has
// none, and weight decay has to shrink this one. The sum over none of its columns is
// zero, with a gradient of exact zeros, by the usual rules of autograd: so it comes
// only with a backward pass through this cell, is added to what other uses of the
// tensor give, and is left out where gradients are off.
func cellBias(l *Recurrent) *torch.Tensor {
	zero := l.Weights[1].Narrow(1, 0, 0).Sum(1)
	if l.NoBias {
		return zero
	}
	return l.Weights[2].Add(l.Weights[3]).Add(zero)
}

// withoutForget returns the rows of the input gate, and those of the cell and
// output gates. One split, rather than two views, has one gradient to write.
func withoutForget(l *Recurrent, w *torch.Tensor) [2]*torch.Tensor {
	gates := w.SplitSizes([]int{l.Hidden, l.Hidden, 2 * l.Hidden}, 0)
	return [2]*torch.Tensor{gates[0], gates[2]}
}
