// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
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
	Dropout       float64 // probability between layers in training, from 0 to 1
	Bidirectional bool
	DType         torch.DType // of the parameters
	Projection    int         // of an [LSTM]: the features of its outputs; 0 stands for hidden
	Nonlinearity  string      // of an [RNN]: "tanh" or "relu"; empty stands for "tanh"
}

// Recurrent is what [LSTM], [GRU] and [RNN] have in common.
type Recurrent struct {
	In, Hidden int
	RecurrentConfig
	Training bool
	Weights  []*torch.Tensor // in the order of the layer's comment
}

// newRecurrent makes the weights of a layer whose cell has so many gates.
func newRecurrent(op string, gates, in, hidden int, d torch.Device, c []RecurrentConfig) Recurrent {
	config := optional(c, RecurrentConfig{})
	config.Layers, config.Nonlinearity = cmp.Or(config.Layers, 1), nonlinearity(op, config.Nonlinearity)
	positive(op, "in", in)
	positive(op, "hidden", hidden)
	positive(op, "Layers", config.Layers)
	probability(op, "Dropout", config.Dropout)
	must(op, config.Projection == 0 || config.Projection > 0 && config.Projection < hidden && op == "nn.LSTM", "Projection is %d; it is less than hidden, %d, and only an LSTM can have it", config.Projection, hidden)
	l := Recurrent{In: in, Hidden: hidden, RecurrentConfig: config, Training: true}
	for layer := range l.Layers {
		width := in
		if layer > 0 {
			width = l.out() * l.directions()
		}
		shapes := map[string][]int{
			"weight_ih": {gates * hidden, width}, "weight_hh": {gates * hidden, l.out()},
			"bias_ih": {gates * hidden}, "bias_hh": {gates * hidden}, "weight_hr": {l.Projection, hidden},
		}
		for range l.directions() {
			for _, name := range l.perDirection() {
				l.Weights = append(l.Weights, uniformParameter(d, config.DType, 1/math.Sqrt(float64(hidden)), shapes[name]...))
			}
		}
	}
	l.flatten()
	return l
}

// nonlinearity returns the function of an RNN or an RNNCell, or panics if there is none of
// that name; other layers have none.
func nonlinearity(op, name string) string {
	switch {
	case op != "nn.RNN" && op != "nn.RNNCell":
		must(op, name == "", "Nonlinearity is %q; only an RNN can have it", name)
	case name == "":
		return "tanh"
	case name != "tanh" && name != "relu":
		throw(op, "Nonlinearity is %q; it must be tanh or relu", name)
	}
	return name
}

// Forward returns the output at every step, from a zero state.
func (l *Recurrent) Forward(x *torch.Tensor) *torch.Tensor {
	y, _ := l.ForwardState(x, nil)
	return y
}

// ForwardState returns the output at every step and the state after the last one, from
// the state h: [layers·directions, batch, hidden], without batch if x has none; nil is
// zeros. The features of the forward direction come first in the output; a layer's forward
// state comes before its backward one.
func (l *Recurrent) ForwardState(x, h *torch.Tensor) (y, hn *torch.Tensor) {
	out := l.run(x, []*torch.Tensor{h})
	return out[0], out[1]
}

// ForwardPacked is ForwardState for sequences of different lengths. The states are in the
// order that the sequences had before they were packed.
func (l *Recurrent) ForwardPacked(x *PackedSequence, h *torch.Tensor) (y *PackedSequence, hn *torch.Tensor) {
	y, out := l.runPacked(x, []*torch.Tensor{h})
	return y, out[0]
}

// gates is the number of gates of the cell: 4 of an LSTM, 3 of a GRU and 1 of an RNN.
func (l *Recurrent) gates() int { return l.Weights[0].Size(0) / l.Hidden }

// op is the name of the layer in errors.
func (l *Recurrent) op() string {
	return [...]string{1: "nn.RNN", 3: "nn.GRU", 4: "nn.LSTM"}[l.gates()]
}

// call calls the operator of the layer with the states h and, of an LSTM, c. It returns
// the output and the states.
func (l *Recurrent) call(x *torch.Tensor, s []*torch.Tensor, o torch.RecurrentOptions) []*torch.Tensor {
	f := torch.RNNTanh
	switch {
	case l.gates() == 4:
		y, hn, cn := torch.LSTM(x, s[0], s[1], l.Weights, o)
		return []*torch.Tensor{y, hn, cn}
	case l.gates() == 3:
		f = torch.GRU
	case l.Nonlinearity == "relu":
		f = torch.RNNRelu
	}
	y, hn := f(x, s[0], l.Weights, o)
	return []*torch.Tensor{y, hn}
}

func (l *Recurrent) directions() int {
	if l.Bidirectional {
		return 2
	}
	return 1
}

// out is the number of features that one direction gives.
func (l *Recurrent) out() int {
	if l.Projection > 0 {
		return l.Projection
	}
	return l.Hidden
}

// perDirection names the tensors of one layer in one direction.
func (l *Recurrent) perDirection() []string {
	names := []string{"weight_ih", "weight_hh"}
	if !l.NoBias {
		names = append(names, "bias_ih", "bias_hh")
	}
	if l.Projection > 0 {
		names = append(names, "weight_hr")
	}
	return names
}

// named names the parameters as PyTorch does.
func (l *Recurrent) named() []NamedTensor {
	ts, names := make([]NamedTensor, len(l.Weights)), l.perDirection()
	for i, w := range l.Weights {
		run := i / len(names)
		ts[i] = NamedTensor{Name: fmt.Sprintf("%s_l%d", names[i%len(names)], run/l.directions()), Tensor: w}
		if run%l.directions() == 1 {
			ts[i].Name += "_reverse"
		}
	}
	return ts
}

// options are those of an operator.
func (l *Recurrent) options(sizes *torch.Tensor) torch.RecurrentOptions {
	return torch.RecurrentOptions{
		Bias: !l.NoBias, Layers: l.Layers, Dropout: l.Dropout, Train: l.Training,
		Bidirectional: l.Bidirectional, BatchFirst: l.BatchFirst, Sizes: sizes,
	}
}

// check returns the shape of an input, or panics if it does not fit.
func (l *Recurrent) check(x *torch.Tensor) []int {
	shape := x.Shape()
	if n := len(shape); n != 2 && n != 3 || shape[n-1] != l.In {
		want := "[steps, batch, %d] or [steps, %[1]d]"
		if l.BatchFirst {
			want = "[batch, steps, %d] or [steps, %[1]d]"
		}
		panic(&torch.Error{Op: l.op(), Shapes: [][]int{shape}, Message: "the input must have the shape " + fmt.Sprintf(want, l.In)})
	}
	return shape
}

// run calls the operator as it wants its input and the states: with a batch. It returns
// the output and the states, which have no batch if the input has none. States that are
// nil stand for zeros.
func (l *Recurrent) run(x *torch.Tensor, states []*torch.Tensor) []*torch.Tensor {
	shape := l.check(x)
	batched, at, batch := len(shape) == 3, batchDim(l.BatchFirst), 1
	if batched {
		batch = shape[at]
	} else {
		x = x.Unsqueeze(at)
	}
	results := l.call(x, l.states(x, batch, batched, states), l.options(nil))
	if !batched {
		results[0] = results[0].Squeeze(at)
		for i, s := range results[1:] {
			results[1+i] = s.Squeeze(1)
		}
	}
	return results
}

// runPacked is run for packed sequences.
func (l *Recurrent) runPacked(p *PackedSequence, states []*torch.Tensor) (*PackedSequence, []*torch.Tensor) {
	shape := p.Data.Shape()
	fit(l.op(), len(shape) == 2 && shape[1] == l.In, shape, "packed data must have the shape [elements, %d]", l.In)
	arranged := func(states []*torch.Tensor, index *torch.Tensor) []*torch.Tensor {
		if index == nil || states[0] == nil {
			return states
		}
		moved := make([]*torch.Tensor, len(states))
		for i, s := range states {
			moved[i] = s.IndexSelect(1, index)
		}
		return moved
	}
	batch := torch.ToSlice[int64](p.BatchSizes)[0]
	whole := l.states(p.Data, int(batch), true, states)
	results := l.call(p.Data, arranged(whole, p.Sorted), l.options(p.BatchSizes))
	return &PackedSequence{results[0], p.BatchSizes, p.Sorted, p.Unsorted}, arranged(results[1:], p.Unsorted)
}

// states returns the states for so many sequences, with a batch.
func (l *Recurrent) states(x *torch.Tensor, batch int, batched bool, states []*torch.Tensor) []*torch.Tensor {
	whole := make([]*torch.Tensor, len(states))
	for i, s := range states {
		want := []int{l.Layers * l.directions(), batch, l.Hidden}
		if i == 0 {
			want[2] = l.out()
		}
		if s == nil {
			s = torch.Zeros(want, torch.Options{DType: x.DType(), Device: x.Device()})
		} else if batched {
			expect(l.op(), i, s, want)
		} else {
			expect(l.op(), i, s, []int{want[0], want[2]})
			s = s.Unsqueeze(1)
		}
		whole[i] = s
	}
	return whole
}

// expect panics unless state number i has a shape.
func expect(op string, i int, s *torch.Tensor, want []int) {
	got := s.Shape()
	fit(op, slices.Equal(got, want), got, "the state %c must have the shape %v", "hc"[i], want)
}

// flatten moves the weights into one block of memory, in the order in which cuDNN
// wants them, as torch.nn.RNNBase.flatten_parameters does: otherwise cuDNN copies them
// into one at every call over several steps, and libtorch warns of that. They stay the
// same tensors. It does nothing for weights that cuDNN cannot use: those on the CPU, or
// of other types.
func (l *Recurrent) flatten() {
	if !torch.Call("aten::cudnn_is_acceptable", l.Weights[0]).Bool() {
		return
	}
	// Where cuDNN fails, the weights stay as they are, which works as well. It fails
	// again, with an error, where it is needed.
	_ = torch.Try(l.flattenForCuDNN)
}

func (l *Recurrent) flattenForCuDNN() {
	mode := [...]int{1: 1, 4: 2, 3: 3}[l.gates()] // cudnnRNNMode_t by the gates
	if l.Nonlinearity == "relu" {
		mode = 0
	}
	scoped(func() {
		torch.Call("aten::_cudnn_rnn_flatten_weight", l.Weights, len(l.perDirection()), l.In, mode,
			l.Hidden, l.Projection, l.Layers, l.BatchFirst, l.Bidirectional)
	})
}
