// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"slices"

	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

// verify finds defects in a graph that this exporter made: names used before they are
// defined or defined twice, constants whose elements do not fill their shape, outputs
// without a shape. ONNX Runtime would find most of them, with less clear errors.
func verify(g *pb.Graph) {
	check := func(ok bool, format string, args ...any) {
		if !ok {
			fail.With(format+": a defect of this exporter", args...)
		}
	}
	defined := map[string]bool{}
	define := func(name, where string) {
		check(name != "" && !defined[name], "%s defines %q, which is empty or taken", where, name)
		defined[name] = true
	}
	for _, v := range g.Inputs {
		define(v.Name, "an input")
	}
	for _, t := range g.Initializers {
		define(t.Name, "a constant")
		n, ok := t.Numel()
		check(ok && n*int64(t.DataType.Size()) == int64(len(t.Raw)), "constant %q has %d bytes for %s %v", t.Name, len(t.Raw), t.DataType, t.Dims)
	}
	nodes := map[string]bool{}
	for _, n := range g.Nodes {
		check(!nodes[n.Name], "two nodes are called %q", n.Name)
		nodes[n.Name] = true
		for _, s := range n.Inputs {
			check(s == "" || defined[s], "node %q uses %q before it is defined", n.Name, s)
		}
		for _, s := range n.Outputs {
			if s != "" {
				define(s, "node "+n.Name)
			}
		}
	}
	for _, v := range g.Outputs {
		check(defined[v.Name], "the output %q is not defined", v.Name)
	}
	for _, v := range slices.Concat(g.Inputs, g.Outputs, g.ValueInfo) {
		check(v.Tensor().DataType != pb.Undefined && v.Tensor().Shape != nil, "%q has no type or shape", v.Name)
	}
}
