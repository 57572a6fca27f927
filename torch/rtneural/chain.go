// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// chain makes layers of a graph, operator by operator.
type chain struct {
	graph  *torch.Graph
	at     torch.ValueID          // what the operators so far computed
	axes   string                 // what its dimensions are: N, L and C
	zeros  map[torch.ValueID]bool // initial states
	layers []layer

	pad    int  // zeros that were put in front of the frames, for the next convolution
	chop   int  // frames at the end that the last convolution gave and that must be cut off
	warmup int  // frames in the beginning for which the network has no result
	single bool // a recurrent layer sees each input as a sequence of one step
}

// node is the operator that is looked at.
type node struct {
	*chain
	torch.Node
}

// refuse ends the export with the operator's name and line.
func (n *node) refuse(format string, args ...any) {
	where := ""
	if n.Caller != "" {
		where = " at " + n.Caller
	}
	fail.With("%s%s: "+format, append([]any{n.Op, where}, args...)...)
}

// need ends the export unless the value's dimensions are arranged in one of the ways.
func (n *node) need(ways ...string) {
	if !slices.Contains(ways, n.axes) {
		n.refuse("its input's dimensions are %s; they must be %s (batch N, frames L, features C)", n.axes, strings.Join(ways, " or "))
	}
}

// dim returns the dimension of the value that an argument names.
func (n *node) dim(arg string) int {
	at, _ := n.Args[arg].(int)
	if at < 0 {
		at += len(n.axes)
	}
	return at
}

// overFeatures ends the export unless the features are dimension at.
func (n *node) overFeatures(at int) {
	if n.axes[at] != 'C' {
		n.refuse("it works along dimension %d of %s; RTNeural's works along the features C", at, n.axes)
	}
}

// width is the number of features of the operator's result.
func (n *node) width() int {
	return n.graph.Shapes[n.Results[0]][strings.IndexByte(n.axes, 'C')]
}

// parameter returns a parameter and its elements; both are nil where the network has none.
func (n *node) parameter(arg any) (shape []int, elements []float32) {
	id, ok := arg.(torch.ValueID)
	if !ok || id < 0 {
		return nil, nil
	}
	t := n.graph.Captured[id]
	if t == nil {
		n.refuse("its weights are computed; only parameters can be exported")
	}
	return t.Shape(), t.Float32s()
}

// layer adds a layer of so many features with weights that are lists of numbers.
func (n *node) layer(l layer, features int, weights ...any) {
	l.Shape, l.Weights = frames(features), []json.RawMessage{}
	for _, w := range weights {
		text, err := json.Marshal(w)
		if err != nil {
			n.refuse("its weights: %w", err)
		}
		l.Weights = append(l.Weights, text)
	}
	n.layers = append(n.layers, l)
}
