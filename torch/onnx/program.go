// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// traceSizes are the batch sizes at which a network is traced: two to find how a
// number depends on the batch, one to verify it. None is 1, because PyTorch treats
// dimensions of size 1 differently.
var traceSizes = [3]int{3, 5, 8}

// size is a number that may depend on the batch: perBatch·batch + fixed.
type size struct{ perBatch, fixed int }

func (s size) constant() bool { return s.perBatch == 0 }

// constant reports whether no size depends on the batch.
func constant(sizes []size) bool {
	return !slices.ContainsFunc(sizes, func(s size) bool { return !s.constant() })
}

// String returns the name of a dimension of this size in the file.
func (s size) String() string {
	switch {
	case s.constant():
		return fmt.Sprint(s.fixed)
	case s == size{1, 0}:
		return batchName
	case s.fixed == 0:
		return fmt.Sprintf("%d*%s", s.perBatch, batchName)
	}
	return fmt.Sprintf("%d*%s%+d", s.perBatch, batchName, s.fixed)
}

// batchName is the free dimension's name in the file.
const batchName = "batch_size"

// program is a network's graph, traced at each of traceSizes. The traces have
// the same operators and values, and differ in numbers only.
type program struct {
	traces [len(traceSizes)]*torch.Graph
}

// newProgram compares the traces. It fails when they differ in more than sizes.
func newProgram(traces [len(traceSizes)]*torch.Graph) *program {
	p := &program{traces}
	first := traces[0]
	for k, g := range traces[1:] {
		at := fmt.Sprintf("at batch size %d than at %d", traceSizes[k+1], traceSizes[0])
		for i := range min(len(first.Nodes), len(g.Nodes)) {
			x, y := first.Nodes[i], g.Nodes[i]
			switch {
			case x.Op != y.Op || x.Overload != y.Overload:
				fail.With("the network calls other operators %s: %s is call %d, not %s. What depends on the batch size in Go cannot be exported", at, y.Op, i+1, x.Op)
			case !slices.Equal(x.Results, y.Results) || !sameTensors(x, y):
				fail.With("the network calls %s (call %d) on other tensors %s. What depends on the batch size in Go cannot be exported", x.Op, i+1, at)
			}
		}
		if len(first.Nodes) != len(g.Nodes) {
			fail.With("the network calls %d operators instead of %d %s. What depends on the batch size in Go cannot be exported", len(g.Nodes), len(first.Nodes), at)
		}
		if !slices.Equal(first.Outputs, g.Outputs) {
			fail.With("the network returns another tensor %s", at)
		}
	}
	return p
}

// sameTensors reports whether two calls have the same tensor arguments.
func sameTensors(x, y torch.Node) bool {
	for name, v := range x.Args {
		switch v := v.(type) {
		case torch.ValueID:
			if w, ok := y.Args[name].(torch.ValueID); !ok || v != w {
				return false
			}
		case []torch.ValueID:
			if w, ok := y.Args[name].([]torch.ValueID); !ok || !slices.Equal(v, w) {
				return false
			}
		}
	}
	return true
}

// solve returns the size that takes the given values at traceSizes. what names
// it in the error.
func solve(values [len(traceSizes)]int, what string) size {
	dx, dy := traceSizes[1]-traceSizes[0], values[1]-values[0]
	s := size{perBatch: dy / dx}
	s.fixed = values[0] - s.perBatch*traceSizes[0]
	for i, b := range traceSizes {
		if s.perBatch*b+s.fixed != values[i] {
			fail.With("%s is %v for the batch sizes %v: not a multiple of the batch size plus a constant, so it cannot be exported", what, values, traceSizes)
		}
	}
	return s
}

// solveAll does the same as solve for lists.
func solveAll(lists [len(traceSizes)][]int, what string) []size {
	out := make([]size, len(lists[0]))
	for i := range out {
		var values [len(traceSizes)]int
		for k, l := range lists {
			if len(l) != len(out) {
				fail.With("%s has %d numbers at one batch size and %d at another, so it cannot be exported", what, len(out), len(l))
			}
			values[k] = l[i]
		}
		out[i] = solve(values, what)
	}
	return out
}

// shape returns the shape of a value.
func (p *program) shape(id torch.ValueID, what string) []size {
	var lists [len(traceSizes)][]int
	for k, g := range p.traces {
		lists[k] = g.Shapes[id]
	}
	return solveAll(lists, "the shape of "+what)
}

// needed returns the values that the outputs depend on.
func (p *program) needed() map[torch.ValueID]bool {
	g := p.traces[0]
	need := map[torch.ValueID]bool{}
	for _, id := range g.Outputs {
		need[id] = true
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := &g.Nodes[i]
		if !slices.ContainsFunc(n.Results, func(id torch.ValueID) bool { return need[id] }) {
			continue
		}
		for _, id := range arguments(n, maps.Keys(n.Args)) {
			need[id] = true
		}
	}
	return need
}

// arguments returns the tensors that a call was given for some arguments.
func arguments(n *torch.Node, names iter.Seq[string]) (ids []torch.ValueID) {
	for name := range names {
		switch v := n.Args[name].(type) {
		case torch.ValueID:
			ids = append(ids, v)
		case []torch.ValueID:
			for _, id := range v {
				if id >= 0 {
					ids = append(ids, id)
				}
			}
		}
	}
	return ids
}

// row returns the name that the table has for a node's operator: the in-place forms
// share the rows of the others.
func row(n *torch.Node) string {
	op := n.Op
	if len(n.Schema.Mutates) > 0 {
		op = strings.TrimSuffix(op, "_")
	}
	return withOverload(n, op)
}

// withOverload adds the node's overload, if it has one, to the name of an operator.
func withOverload(n *torch.Node, op string) string {
	return strings.TrimSuffix(op+"."+n.Overload, ".")
}
