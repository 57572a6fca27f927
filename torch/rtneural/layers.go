// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural

import (
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
)

func (n *node) linear() {
	n.overFeatures(len(n.axes) - 1)
	shape, w := n.parameter(n.Args["weight"])
	weights := []any{columns(shape, w, 0)}
	if _, bias := n.parameter(n.Args["bias"]); bias != nil {
		weights = append(weights, bias)
	}
	n.layer(layer{Type: "dense"}, shape[0], weights...)
}

// columns transposes a weight [gates·out, in], with its gates in another order: result[i]
// holds what input i gives to each output.
func columns(shape []int, w []float32, order ...int) [][]float32 {
	out, in := shape[0]/len(order), shape[1]
	all := make([][]float32, in)
	for i := range all {
		for _, gate := range order {
			for k := range out {
				all[i] = append(all[i], w[(gate*out+k)*in+i])
			}
		}
	}
	return all
}

// conv1d writes [kernel, in/groups, out] for PyTorch's [out, in/groups, kernel].
func (n *node) conv1d() {
	n.need("NCL", "CL")
	shape, w := n.parameter(n.Args["weight"])
	out, in, kernel := shape[0], shape[1], shape[2]
	stride, dilation, padding := n.Args["stride"].([]int)[0], n.Args["dilation"].([]int)[0], 0
	reach := (kernel - 1) * dilation
	switch p := n.Args["padding"].(type) {
	case []int:
		padding = p[0]
	case string:
		if p == "same" {
			padding = reach / 2
		}
	}
	switch {
	case stride != 1:
		n.refuse("its stride is %d; RTNeural's files have 1", stride)
	case reach > 0 && n.warmup > 0 && (n.pad > 0 || padding > 0):
		n.refuse("a convolution with padding follows one without; RTNeural has numbers there instead of zeros. Pad every convolution in front, or none")
	case n.pad == 0 && padding == 0:
		n.warmup += reach
	case n.pad == reach && padding == 0:
	case n.pad == 0 && padding == reach:
		n.chop = reach
	default:
		n.refuse("it is not causal: pad %d frames in front and none behind", reach)
	}
	n.pad = 0
	weights := make([][][]float32, kernel)
	for k := range weights {
		weights[k] = make([][]float32, in)
		for i := range in {
			for o := range out {
				weights[k][i] = append(weights[k][i], w[(o*in+i)*kernel+k])
			}
		}
	}
	_, bias := n.parameter(n.Args["bias"])
	if bias == nil {
		bias = make([]float32, out)
	}
	n.layer(layer{Type: "conv1d", KernelSize: []int{kernel}, Dilation: []int{dilation}, Groups: n.Args["groups"].(int)}, out, weights, bias)
}

// padding is that of a causal convolution.
func (n *node) padding() {
	n.need("NCL", "CL")
	p := n.Args["pad"].([]int)
	value := n.Args["value"]
	if n.Args["mode"] != "constant" || value != nil && value != 0.0 && value != 0 || len(p) != 2 || p[0] < 0 || p[1] != 0 {
		n.refuse("only zeros in front of the frames can be exported, as a causal convolution needs them")
	}
	n.pad = p[0]
}

// narrow cuts off what the padding behind the frames gave.
func (n *node) narrow() {
	at := n.dim("dim")
	if n.chop == 0 || n.axes[at] != 'L' || n.Args["start"] != 0 || n.Args["length"] != n.graph.Shapes[n.at][at]-n.chop {
		n.refuse("only the frames that the padding of a causal convolution adds at the end can be cut off")
	}
	n.chop = 0
}

func (n *node) batchNorm() {
	n.need("NC", "NCL")
	if n.Args["training"] == true {
		n.refuse("it has no running mean and variance")
	}
	var weights []any
	for _, arg := range []string{"weight", "bias", "running_mean", "running_var"} {
		if _, w := n.parameter(n.Args[arg]); w != nil {
			weights = append(weights, w)
		}
	}
	eps := n.Args["eps"].(float64)
	n.layer(layer{Type: "batchnorm", Epsilon: &eps}, n.width(), weights...)
}

func (n *node) prelu() {
	_, w := n.parameter(n.Args["weight"])
	if len(w) > 1 {
		n.overFeatures(1)
	}
	n.layer(layer{Type: "prelu"}, n.width(), [][]float32{w})
}

// gates are PyTorch's gates in the order of RTNeural, which is that of Keras: PyTorch has
// input, forget, cell, output; and reset, update, new.
var gates = map[string][]int{"lstm": {0, 1, 2, 3}, "gru": {1, 0, 2}}

// recurrent writes a layer of RTNeural for each layer of an LSTM or a GRU.
func (n *node) recurrent() {
	kind := strings.TrimPrefix(n.Op, "aten::")
	if n.Overload != "input" {
		n.refuse("packed sequences cannot be exported")
	}
	if n.Args["batch_first"] == true {
		n.need("NLC")
	} else {
		n.need("LNC")
	}
	states, _ := n.Args["hx"].([]torch.ValueID)
	if state, ok := n.Args["hx"].(torch.ValueID); ok {
		states = append(states, state)
	}
	perLayer := 2
	if n.Args["has_biases"] == true {
		perLayer = 4
	}
	params, count := n.Args["params"].([]torch.ValueID), n.Args["num_layers"].(int)
	switch {
	case slices.ContainsFunc(states, func(s torch.ValueID) bool { return !n.zeros[s] }):
		n.refuse("its initial state is not zero; RTNeural's is")
	case n.Args["bidirectional"] == true:
		n.refuse("it is bidirectional; a stream has no end to begin at")
	case len(params) != perLayer*count:
		n.refuse("it has a projection; RTNeural's has none")
	case n.warmup > 0:
		n.refuse("a convolution without padding comes before it; RTNeural's state would hold the first %d frames. Pad the convolution in front", n.warmup)
	}
	for k := range count {
		p := params[k*perLayer:][:perLayer]
		ih, input := n.parameter(p[0])
		hh, hidden := n.parameter(p[1])
		order, width := gates[kind], hh[1]
		var rows [2][]float32 // of the biases
		for i := range rows {
			rows[i] = make([]float32, 0, ih[0])
			for _, gate := range order {
				if perLayer == 2 {
					rows[i] = append(rows[i], make([]float32, width)...)
					continue
				}
				_, b := n.parameter(p[2+i])
				rows[i] = append(rows[i], b[gate*width:][:width]...)
			}
		}
		bias, l := any(rows), layer{Type: kind}
		if kind == "lstm" { // both biases are added to the same sum
			l.biases = rows
			both := slices.Clone(rows[0])
			for i, b := range rows[1] {
				both[i] += b
			}
			bias = both
		}
		n.layer(l, width, columns(ih, input, order...), columns(hh, hidden, order...), bias)
	}
}

func (n *node) activation() {
	name := strings.TrimSuffix(strings.TrimPrefix(n.Op, "aten::"), "_")
	if k := len(n.layers) - 1; k >= 0 && n.layers[k].Activation == "" && slices.Contains([]string{"dense", "conv1d"}, n.layers[k].Type) {
		n.layers[k].Activation = name
		return
	}
	n.layer(layer{Type: "activation", Activation: name}, n.width())
}

func (n *node) elu() {
	for _, arg := range []string{"alpha", "scale", "input_scale"} {
		if one := n.Args[arg]; one != 1 && one != 1.0 {
			n.refuse("its %s is %v; RTNeural's files have 1", arg, one)
		}
	}
	n.activation()
}

func (n *node) softmax() {
	n.overFeatures(n.dim("dim"))
	n.activation()
}

func (n *node) dropout() {
	if n.Args["train"] == true {
		n.refuse("the network drops numbers in evaluation mode")
	}
}
