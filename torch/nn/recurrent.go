// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// RecurrentConfig holds the settings of a recurrent layer that are rarely changed. The
// zero value is PyTorch's default.
type RecurrentConfig struct {
	Layers        int // at least 1, so 0 stands for 1
	NoBias        bool
	BatchFirst    bool
	Dropout       float64 // probability between layers, from 0 to 1
	Bidirectional bool
	DType         torch.DType // of the parameters
}

// recurrent has the fields of LSTM, so that a pointer to one converts to the other. It
// is what recurrent layers have in common.
type recurrent struct {
	In, Hidden    int
	Layers        int
	NoBias        bool
	BatchFirst    bool
	Bidirectional bool
	Dropout       float64
	Training      bool

	Weights []*torch.Tensor
}

// newRecurrent makes the weights of a layer whose cell has so many gates.
func newRecurrent(op string, gates, in, hidden int, d torch.Device, c []RecurrentConfig) *recurrent {
	config := optional(c, RecurrentConfig{})
	if config.Layers == 0 {
		config.Layers = 1
	}
	positive(op, "in", in)
	positive(op, "hidden", hidden)
	positive(op, "Layers", config.Layers)
	probability(op, "Dropout", config.Dropout)
	l := &recurrent{
		In: in, Hidden: hidden, Layers: config.Layers, NoBias: config.NoBias, BatchFirst: config.BatchFirst,
		Bidirectional: config.Bidirectional, Dropout: config.Dropout, Training: true,
	}
	for layer := range l.Layers {
		width := in
		if layer > 0 {
			width = hidden * l.directions()
		}
		for range l.directions() {
			shapes := [][]int{{gates * hidden, width}, {gates * hidden, hidden}, {gates * hidden}, {gates * hidden}}
			for _, shape := range shapes[:l.perDirection()] {
				l.Weights = append(l.Weights, uniformParameter(d, config.DType, 1/math.Sqrt(float64(hidden)), shape...))
			}
		}
	}
	return l
}

func (l *recurrent) directions() int {
	if l.Bidirectional {
		return 2
	}
	return 1
}

// perDirection is the number of tensors of one layer in one direction.
func (l *recurrent) perDirection() int {
	if l.NoBias {
		return 2
	}
	return 4
}

// batchDim is the dimension of a batched input that counts the batch.
func (l *recurrent) batchDim() int {
	if l.BatchFirst {
		return 0
	}
	return 1
}

// named names the parameters as PyTorch does.
func (l *recurrent) named() []NamedTensor {
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

// check returns the shape of an input, or panics if it does not fit.
func (l *recurrent) check(op string, x *torch.Tensor) []int {
	shape := x.Shape()
	if n := len(shape); n != 2 && n != 3 || shape[n-1] != l.In {
		want := "[steps, batch, %d] or [steps, %[1]d]"
		if l.BatchFirst {
			want = "[batch, steps, %d] or [steps, %[1]d]"
		}
		panic(&torch.Error{Op: op, Shapes: [][]int{shape}, Message: "the input must have the shape " + fmt.Sprintf(want, l.In)})
	}
	return shape
}

// run calls an operator of libtorch with an input and with the states h and, of an LSTM, c,
// as it wants them: with a batch. It returns the output and the states, which
// have no batch if the input has none. States that are nil stand for zeros.
func (l *recurrent) run(op string, x *torch.Tensor, states []*torch.Tensor, call func(x *torch.Tensor, states []*torch.Tensor) []*torch.Tensor) []*torch.Tensor {
	shape := l.check(op, x)
	batched, at := len(shape) == 3, l.batchDim()
	batch, runs := 1, l.Layers*l.directions()
	if batched {
		batch = shape[at]
	} else {
		x = x.Unsqueeze(at)
	}
	if states[0] == nil {
		zeros := torch.Zeros([]int{runs, batch, l.Hidden}, torch.Options{DType: x.DType(), Device: x.Device()})
		states = slices.Repeat([]*torch.Tensor{zeros}, len(states))
	} else {
		want := []int{runs, batch, l.Hidden}
		if !batched {
			want = []int{runs, l.Hidden}
		}
		for i, s := range states {
			if got := s.Shape(); !slices.Equal(got, want) {
				panic(&torch.Error{Op: op, Shapes: [][]int{got}, Message: fmt.Sprintf("the state %c must have the shape %v", "hc"[i], want)})
			}
			if !batched {
				states[i] = s.Unsqueeze(1)
			}
		}
	}
	results := call(x, states)
	if !batched {
		results[0] = results[0].Squeeze(at)
		for i, s := range results[1:] {
			results[1+i] = s.Squeeze(1)
		}
	}
	return results
}

// flatten moves the weights into one block of memory, in the order in which cuDNN
// wants them, as torch.nn.RNNBase.flatten_parameters does: otherwise cuDNN copies them
// into one at every call over several steps, and libtorch warns of that. They stay the
// same tensors. It does nothing for weights that cuDNN cannot use: those on the CPU, or
// of other types. mode is the layer's cudnnRNNMode_t.
func (l *recurrent) flatten(mode int) {
	if !torch.Call("aten::cudnn_is_acceptable", l.Weights[0]).Bool() {
		return
	}
	// Where cuDNN fails, the weights stay as they are, which works as well. It fails
	// again, with an error, where it is needed.
	_ = torch.Try(func() { l.flattenForCuDNN(mode) })
}

func (l *recurrent) flattenForCuDNN(mode int) {
	torch.NoGrad(func() {
		torch.Scope(func() {
			const projection = 0
			torch.Call("aten::_cudnn_rnn_flatten_weight", l.Weights, l.perDirection(), l.In, mode,
				l.Hidden, projection, l.Layers, l.BatchFirst, l.Bidirectional)
		})
	})
}
