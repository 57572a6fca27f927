// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"strings"

	"github.com/etude-ml/etude/torch"
)

// views are operators whose results may share elements with their input.
var views = func() map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(`alias as_strided chunk contiguous detach diagonal dropout expand
		expand_as flatten movedim narrow numpy_T permute reshape reshape_as select slice split
		split_with_sizes squeeze swapaxes t to transpose unbind unflatten unfold unsqueeze view view_as`) {
		set["aten::"+name] = true
	}
	return set
}()

// functional returns the name of an operator without the underscore of its
// in-place form, and whether it had one.
func functional(op string) (string, bool) {
	return strings.CutSuffix(op, "_")
}

// checkInPlace finds what in-place operators change besides the value that the
// trace renames: parameters, and elements that another view shows. ONNX has no
// shared elements, so such a graph would compute something else.
func checkInPlace(g *torch.Graph) {
	root := map[torch.ValueID]torch.ValueID{} // of each view, the first tensor with its elements
	find := func(id torch.ValueID) torch.ValueID {
		if r, ok := root[id]; ok {
			return r
		}
		return id
	}
	stale := map[torch.ValueID]string{} // values that an in-place operator changed
	members := map[torch.ValueID][]torch.ValueID{}
	join := func(id, with torch.ValueID) {
		r := find(with)
		root[id] = r
		members[r] = append(members[r], id)
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for _, id := range tensorArgs(n) {
			if op, ok := stale[id]; ok {
				fail("%s uses a tensor whose elements %s changed through a view. Use the form without the underscore", n.Op, op)
			}
		}
		self, _ := n.Args["self"].(torch.ValueID)
		if x, ok := n.Args["input"].(torch.ValueID); ok {
			self = x
		}
		_, inPlace := functional(n.Op)
		if !inPlace {
			if views[n.Op] {
				for _, id := range n.Results {
					join(id, self)
				}
			}
			continue
		}
		r := find(self)
		if _, ok := g.Captured[r]; ok {
			fail("%s changes a parameter or another tensor from outside the network. Use the form without the underscore", n.Op)
		}
		if r == g.Inputs[0] {
			fail("%s changes the network's input. Use the form without the underscore", n.Op)
		}
		stale[r] = n.Op
		for _, id := range members[r] {
			stale[id] = n.Op
		}
	}
	for _, id := range g.Outputs {
		if op, ok := stale[id]; ok {
			fail("the network returns a tensor whose elements %s changed through a view. Use the form without the underscore", op)
		}
	}
}
