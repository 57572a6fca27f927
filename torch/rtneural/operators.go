// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural

import (
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// operators has the operators that have a layer, or need none.
var operators = map[string]func(n *node){
	"linear": (*node).linear, "conv1d": (*node).conv1d, "batch_norm": (*node).batchNorm, "prelu": (*node).prelu,
	"lstm": (*node).recurrent, "gru": (*node).recurrent,
	"tanh": (*node).activation, "relu": (*node).activation, "sigmoid": (*node).activation,
	"elu": (*node).elu, "softmax": (*node).softmax,
	"dropout": (*node).dropout, "feature_dropout": (*node).dropout, "alpha_dropout": (*node).dropout,
	"contiguous": func(*node) {}, "pad": (*node).padding, "narrow": (*node).narrow,
	"transpose": (*node).transpose, "permute": (*node).permute,
	"unsqueeze": (*node).unsqueeze, "squeeze": (*node).squeeze,
}

// newChain makes layers of a graph whose input has the dimensions axes.
func newChain(g *torch.Graph, axes string) *chain {
	c := &chain{graph: g, at: g.Inputs[0], axes: axes, zeros: map[torch.ValueID]bool{}}
	for _, t := range used(g) {
		n := &node{c, t}
		n.add()
	}
	if c.at != g.Outputs[0] {
		fail.With("the network is not a chain: its output is not the result of its last operator")
	}
	if c.chop > 0 || c.pad > 0 {
		fail.With("the network ends between a convolution and its padding: cut %d frames off the end", c.chop)
	}
	if len(c.layers) == 0 {
		fail.With("the network has no layers")
	}
	return c
}

// used returns the nodes that the output depends on.
func used(g *torch.Graph) (nodes []torch.Node) {
	needed := map[torch.ValueID]bool{g.Outputs[0]: true}
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.Results, func(r torch.ValueID) bool { return needed[r] }) {
			continue
		}
		nodes = append(nodes, n)
		for _, arg := range n.Args {
			switch v := arg.(type) {
			case torch.ValueID:
				needed[v] = true
			case []torch.ValueID:
				for _, id := range v {
					needed[id] = true
				}
			}
		}
	}
	slices.Reverse(nodes)
	return nodes
}

func (n *node) add() {
	op := strings.TrimSuffix(strings.TrimPrefix(n.Op, "aten::"), "_")
	if op == "zeros" {
		n.zeros[n.Results[0]] = true
		return
	}
	lower := operators[op]
	if lower == nil {
		n.refuse("RTNeural has no layer for it")
	}
	x, ok := n.Args["input"]
	if !ok {
		x = n.Args["self"]
	}
	switch {
	case x != n.at:
		n.refuse("the network is not a chain: this takes another value than the result of the operator before it")
	case n.pad > 0 && op != "conv1d":
		n.refuse("zeros are put in front of the frames; a convolution must follow")
	case n.chop > 0 && op != "narrow":
		n.refuse("the convolution before it looks ahead: its padding is on both sides, so the last %d frames must be cut off", n.chop)
	}
	lower(n)
	n.at = n.Results[0]
}
