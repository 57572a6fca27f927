// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural

import "strings"

func (n *node) transpose() {
	axes, a, b := []byte(n.axes), n.dim("dim0"), n.dim("dim1")
	axes[a], axes[b] = axes[b], axes[a]
	n.axes = string(axes)
}

func (n *node) permute() {
	axes := make([]byte, len(n.axes))
	for i, d := range n.Args["dims"].([]int) {
		axes[i] = n.axes[(d+len(axes))%len(axes)]
	}
	n.axes = string(axes)
}

// unsqueeze adds the dimension that is lacking: the batch of a sequence, or the frames of
// inputs that are sequences of one step.
func (n *node) unsqueeze() {
	at, role := n.Args["dim"].(int), "N"
	if at < 0 {
		at += len(n.axes) + 1
	}
	if strings.Contains(n.axes, "L") {
		if strings.Contains(n.axes, "N") {
			n.refuse("it adds a dimension to %s; RTNeural has none but batch N, frames L and features C", n.axes)
		}
	} else {
		role, n.single = "L", true
	}
	n.axes = n.axes[:at] + role + n.axes[at:]
}

// squeeze takes the dimension away that unsqueeze added.
func (n *node) squeeze() {
	at := n.dim("dim")
	before := n.graph.Shapes[n.at]
	if n.Overload != "dim" || before[at] != 1 || n.axes[at] == 'C' || n.axes[at] == 'L' && !n.single {
		n.refuse("it takes a dimension of %s away that was not added", n.axes)
	}
	n.axes = n.axes[:at] + n.axes[at+1:]
}
