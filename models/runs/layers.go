// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// pyLayer is a layer in the words of torch.nn, from which Python makes it.
type pyLayer struct {
	Type      string         `json:"type"`           // "Linear"
	Name      string         `json:"name,omitempty"` // of its tensors in the state dict, before a dot
	Arguments map[string]any `json:"arguments"`
}

// activations are the classes of torch.nn that operators without settings stand for.
var activations = map[string]string{"tanh": "Tanh", "relu": "ReLU", "sigmoid": "Sigmoid"}

// pyLayers describes a network whose layers take each what the one before gives: Linear,
// LSTM and GRU that see an input as a sequence of one step, and activations. The error
// names the operator for which that does not hold.
func pyLayers(model nn.Module, example *torch.Tensor) (layers []pyLayer, err error) {
	tried := torch.Try(func() {
		g := torch.Trace(func(in []*torch.Tensor) []*torch.Tensor { return []*torch.Tensor{model.Forward(in[0])} }, example)
		defer g.Close()
		c := pyChain{graph: g, at: g.Inputs[0], zeros: map[torch.ValueID]bool{}, names: map[torch.StorageInfo]string{}, step: -1}
		for _, n := range nn.NamedTensors(model) {
			c.names[n.Tensor.Storage()] = n.Name
		}
		for _, n := range g.Nodes {
			if !c.add(n) {
				err = fmt.Errorf("%s at %s is not a part of a chain of Linear, LSTM and GRU of one step, Tanh, ReLU, Sigmoid and Softmax", n.Op, n.Caller)
				return
			}
		}
		if c.at != g.Outputs[0] || c.step >= 0 || c.layers == nil {
			err = errors.New("its output is not the result of a last layer")
			return
		}
		layers = c.layers
	})
	if tried != nil {
		err = tried
	}
	return layers, err
}

// pyChain makes layers of a graph, operator by operator.
type pyChain struct {
	graph  *torch.Graph
	at     torch.ValueID                // what the operators so far computed
	zeros  map[torch.ValueID]bool       // initial states
	names  map[torch.StorageInfo]string // of the network's tensors
	step   int                          // the dimension of a sequence of one step, or -1
	layers []pyLayer
}

// add adds an operator. It reports false for one that does not fit.
func (c *pyChain) add(n torch.Node) bool {
	op := strings.TrimSuffix(strings.TrimPrefix(n.Op, "aten::"), "_")
	if op == "zeros" {
		c.zeros[n.Results[0]] = true
		return true
	}
	x := n.Args["self"]
	if input, ok := n.Args["input"]; ok {
		x = input
	}
	if x != c.at {
		return false
	}
	c.at = n.Results[0]
	last := len(c.graph.Shapes[c.at]) - 1
	switch dim, _ := n.Args["dim"].(int); {
	case op == "unsqueeze" && c.step < 0:
		c.step = (dim + last + 1) % (last + 1)
	case op == "squeeze" && n.Overload == "dim" && c.step == (dim+last+2)%(last+2):
		c.step = -1
	case op == "lstm" || op == "gru":
		return c.recurrent(op, n)
	case c.step >= 0:
		return false
	case op == "linear":
		name, shape := c.parameter(n.Args["weight"])
		if name == "" || len(shape) != 2 {
			return false
		}
		bias, _ := n.Args["bias"].(torch.ValueID)
		c.layers = append(c.layers, pyLayer{"Linear", name, map[string]any{
			"in_features": shape[1], "out_features": shape[0], "bias": c.graph.Captured[bias] != nil,
		}})
	case op == "softmax" && (dim == last || dim == -1):
		c.layers = append(c.layers, pyLayer{Type: "Softmax", Arguments: map[string]any{"dim": -1}})
	case activations[op] != "":
		c.layers = append(c.layers, pyLayer{Type: activations[op], Arguments: map[string]any{}})
	case op == "dropout" && n.Args["train"] == false:
	default:
		return false
	}
	return true
}

// recurrent adds an LSTM or a GRU that begins each input from the zero state. A sequence of
// one step is the same with the batch first or second, so that it stands first in Python.
func (c *pyChain) recurrent(op string, n torch.Node) bool {
	states, _ := n.Args["hx"].([]torch.ValueID)
	if state, ok := n.Args["hx"].(torch.ValueID); ok {
		states = append(states, state)
	}
	params, _ := n.Args["params"].([]torch.ValueID)
	count, bias := n.Args["num_layers"].(int), n.Args["has_biases"] == true
	time, perLayer := 0, 2
	if n.Args["batch_first"] == true {
		time = 1
	}
	if bias {
		perLayer = 4
	}
	if n.Overload != "input" || c.step != time || n.Args["bidirectional"] == true || len(params) != count*perLayer ||
		slices.ContainsFunc(states, func(s torch.ValueID) bool { return !c.zeros[s] }) {
		return false
	}
	name, input := c.parameter(params[0])
	_, hidden := c.parameter(params[1])
	c.layers = append(c.layers, pyLayer{strings.ToUpper(op), name, map[string]any{
		"input_size": input[1], "hidden_size": hidden[1], "num_layers": count, "bias": bias, "batch_first": true,
	}})
	return name != ""
}

// parameter returns the name of the layer that a parameter belongs to, "" where the value
// is not a parameter, and its shape.
func (c *pyChain) parameter(arg any) (layer string, shape []int) {
	id, _ := arg.(torch.ValueID)
	if t := c.graph.Captured[id]; t != nil {
		name := c.names[t.Storage()]
		return name[:max(0, strings.LastIndexByte(name, '.'))], t.Shape()
	}
	return "", c.graph.Shapes[id]
}
