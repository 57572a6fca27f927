// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"

	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

// verify finds defects of a graph that this exporter made: names used before
// they are defined or defined twice, constants whose elements do not fill their
// shape, outputs without a shape. ONNX Runtime would find most, less clearly.
func verify(g *pb.Graph) error {
	defined := map[string]bool{}
	define := func(name, where string) error {
		if name == "" || defined[name] {
			return fmt.Errorf("%s defines %q, which is empty or taken: a defect of this exporter", where, name)
		}
		defined[name] = true
		return nil
	}
	for _, v := range g.Inputs {
		if err := define(v.Name, "an input"); err != nil {
			return err
		}
	}
	for _, t := range g.Initializers {
		if err := define(t.Name, "a constant"); err != nil {
			return err
		}
		if n, ok := t.Numel(); !ok || n*int64(t.DataType.Size()) != int64(len(t.Raw)) {
			return fmt.Errorf("constant %q has %d bytes for %s %v: a defect of this exporter", t.Name, len(t.Raw), t.DataType, t.Dims)
		}
	}
	nodes := map[string]bool{}
	for _, n := range g.Nodes {
		if nodes[n.Name] {
			return fmt.Errorf("two nodes are called %q: a defect of this exporter", n.Name)
		}
		nodes[n.Name] = true
		for _, s := range n.Inputs {
			if s != "" && !defined[s] {
				return fmt.Errorf("node %q uses %q before it is defined: a defect of this exporter", n.Name, s)
			}
		}
		for _, s := range n.Outputs {
			if s == "" {
				continue
			}
			if err := define(s, "node "+n.Name); err != nil {
				return err
			}
		}
	}
	for _, v := range g.Outputs {
		if !defined[v.Name] {
			return fmt.Errorf("the output %q is not defined: a defect of this exporter", v.Name)
		}
	}
	for _, v := range append(append(append([]*pb.ValueInfo{}, g.Inputs...), g.Outputs...), g.ValueInfo...) {
		if v.DataType == pb.Undefined || !v.HasShape {
			return fmt.Errorf("%q has no type or shape: a defect of this exporter", v.Name)
		}
	}
	return nil
}
