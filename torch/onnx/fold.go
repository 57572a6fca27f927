// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
)

// foldable reports whether a call's result is the same for every input, so that
// it can be computed now.
func (c *call) foldable() bool {
	op := c.node.Op
	// The elements of an empty tensor are undefined.
	if c.node.Schema.Random || strings.HasPrefix(op, "aten::empty") || strings.HasPrefix(op, "aten::new_empty") {
		return false
	}
	for _, g := range c.p.traces[1:] {
		if !reflect.DeepEqual(g.Nodes[c.index].Args, c.node.Args) {
			return false // its numbers depend on sizes
		}
	}
	return !slices.ContainsFunc(arguments(c.node, maps.Keys(c.node.Args)), func(id torch.ValueID) bool { return c.values[id] == nil || !c.values[id].constant() })
}

// fold computes the call with libtorch. The results belong to the scope of the caller.
func (c *call) fold() {
	args := torch.Named{}
	learned := slices.ContainsFunc(arguments(c.node, maps.Keys(c.node.Args)), func(id torch.ValueID) bool { return c.values[id].learned })
	for name := range c.node.Args {
		switch v := c.node.Args[name].(type) {
		case nil:
		case torch.ValueID:
			args[name] = c.elements(c.values[v])
		case []torch.ValueID:
			var ts []*torch.Tensor
			for _, id := range v {
				if id < 0 {
					ts = append(ts, nil)
				} else {
					ts = append(ts, c.elements(c.values[id]))
				}
			}
			args[name] = ts
		default:
			if name != "memory_format" && name != "layout" { // the order of elements in memory does not matter here
				args[name] = v
			}
		}
	}
	for _, written := range c.node.Schema.Mutates {
		if t, ok := args[written].(*torch.Tensor); ok {
			args[written] = t.Clone()
		}
	}
	var ts []*torch.Tensor
	r := torch.Call(withOverload(c.node, c.node.Op), args)
	for i := range r.Len() {
		switch v := r.At(i).(type) {
		case *torch.Tensor:
			ts = append(ts, v)
		case []*torch.Tensor:
			ts = append(ts, v...)
		default:
			ts = append(ts, nil)
		}
	}
	for i, id := range c.node.Results {
		if id >= 0 && i < len(ts) && ts[i] != nil {
			c.alias(i, &value{shape: c.shapeOf(i), dtype: ts[i].DType(), tensor: ts[i], zero: isZero(ts[i]), learned: learned})
		}
	}
}

// elements returns a constant's elements.
func (c *call) elements(v *value) *torch.Tensor {
	if v.tensor == nil {
		v.tensor = c.elements(v.matrix).T()
	}
	return v.tensor
}
