// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"maps"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// hiddenViews are operators that may return their first argument, or a view of it,
// although their schema does not say so.
var hiddenViews = strings.Fields(`aten::alpha_dropout aten::atleast_1d aten::atleast_2d aten::atleast_3d
	aten::broadcast_tensors aten::dropout aten::feature_alpha_dropout aten::feature_dropout aten::meshgrid
	aten::sum_to_size aten::type_as`)

// checkInPlace refuses in-place operators that change a parameter, or elements that
// another view shows. ONNX has no shared elements, so the file would compute something
// else than the network.
func checkInPlace(g *torch.Graph) {
	root := map[torch.ValueID]torch.ValueID{} // of a value, another one with its elements
	find := func(id torch.ValueID) torch.ValueID {
		for {
			r, ok := root[id]
			if !ok {
				return id
			}
			id = r
		}
	}
	stale := map[torch.ValueID]string{} // values that an in-place operator changed
	members := map[torch.ValueID][]torch.ValueID{}
	join := func(id, with torch.ValueID) {
		if r, own := find(with), find(id); id >= 0 && with >= 0 && r != own {
			root[own] = r
			members[r] = append(append(members[r], own), members[own]...)
		}
	}
	check := func(n *torch.Node) {
		for _, id := range arguments(n, maps.Keys(n.Args)) {
			if op, ok := stale[id]; ok {
				fail.With("%s uses a tensor whose elements %s changed through a view. Use the form that returns a new tensor", n.Op, op)
			}
		}
		shared := arguments(n, slices.Values(n.Schema.Aliases))
		if slices.Contains(hiddenViews, n.Op) {
			shared = arguments(n, maps.Keys(n.Args))
		}
		for _, x := range shared {
			for _, id := range n.Results {
				join(id, x)
			}
		}
		for _, x := range arguments(n, slices.Values(n.Schema.Mutates)) {
			r := find(x)
			if _, ok := g.Captured[r]; ok {
				fail.With("%s changes a parameter or another tensor from outside the network. Use the form that returns a new tensor", n.Op)
			}
			if slices.Contains(g.Inputs, r) {
				fail.With("%s changes the network's input. Use the form that returns a new tensor", n.Op)
			}
			stale[r] = n.Op
			for _, id := range members[r] {
				stale[id] = n.Op
			}
		}
	}
	for i := range g.Nodes {
		at(&g.Nodes[i], func() { check(&g.Nodes[i]) })
	}
	for _, id := range g.Outputs {
		if op, ok := stale[id]; ok {
			fail.With("the network returns a tensor whose elements %s changed through a view. Use the form that returns a new tensor", op)
		}
	}
}
