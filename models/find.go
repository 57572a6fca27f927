// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// layout holds the names and shapes of the tensors of a state dict or of a file.
type layout struct {
	names  []string // in their order
	shapes map[string][]int
}

func layoutOf(d *torch.Dict) layout {
	l := layout{shapes: map[string][]int{}}
	for key, v := range d.All() {
		if t, ok := v.(*torch.Tensor); ok && t != nil {
			name := fmt.Sprint(key)
			l.names = append(l.names, name)
			l.shapes[name] = t.Shape()
		}
	}
	return l
}

// layouts keeps the result of Spec.layout, by the network's name.
var layouts sync.Map

// layout returns the layout of the network's state dict. It builds the network once to
// see it, so it needs libtorch.
func (s Spec) layout() layout {
	if found, ok := layouts.Load(s.Name); ok {
		return found.(layout)
	}
	var l layout
	build := func() {
		m := s.New(torch.CPU)
		l = layoutOf(nn.StateDict(m))
		for _, p := range nn.Parameters(m) {
			p.Close()
		}
	}
	torch.ForkRNG(func() { torch.Scope(build) }) // nobody's random numbers change
	layouts.Store(s.Name, l)
	return l
}

// list lists the first tensors.
func (l layout) list(most int) string {
	var parts []string
	for _, name := range l.names[:min(most, len(l.names))] {
		parts = append(parts, fmt.Sprint(name, " ", l.shapes[name]))
	}
	return strings.Join(parts, ", ")
}

// differs describes the first difference of a state dict from the layout; it is empty
// if there is none.
func (l layout) differs(state *torch.Dict) string {
	for _, name := range l.names {
		v, ok := state.Get(name)
		t, isTensor := v.(*torch.Tensor)
		switch {
		case !ok:
			return name + " is missing"
		case !isTensor || t == nil:
			return fmt.Sprintf("%s is not a tensor but %T", name, v)
		case !slices.Equal(t.Shape(), l.shapes[name]):
			return fmt.Sprintf("%s is %v", name, t.Shape())
		}
	}
	for _, key := range state.Keys() {
		if _, known := l.shapes[fmt.Sprint(key)]; !known {
			return fmt.Sprintf("there is %v besides", key)
		}
	}
	return ""
}

// checkDistinct panics if a file could hold the weights of two of the networks.
func checkDistinct(specs []Spec) {
	for i, s := range specs {
		for _, other := range specs[:i] {
			if maps.EqualFunc(s.layout().shapes, other.layout().shapes, slices.Equal) {
				panic(fmt.Sprintf("models: Register: the network %q has the names and shapes of %q: rename a layer", s.Name, other.Name))
			}
		}
	}
}

// Found holds a network's weights in a file.
type Found struct {
	Spec   Spec
	State  *torch.Dict // as the network has it
	Prefix string      // of the names in the file, which may begin with a key of a checkpoint
	Others []string    // further prefixes under which weights of the network are
}

// Find finds the weights of a network among the tensors of a file, by names and
// shapes. They may have a prefix, of a wrapper such as "module." or of the key of a
// checkpoint that they are under; see [nn.FindState]. The name of a network restricts
// the search to it; "" stands for all. The error lists what the file holds.
func Find(file *torch.Dict, name string) (Found, error) {
	if file == nil {
		return Found{}, errors.New("models: there is no state dict")
	}
	specs := All()
	checkDistinct(specs)
	if name != "" {
		s, err := ByName(name)
		if err != nil {
			return Found{}, err
		}
		specs = []Spec{s}
	}
	held := layoutOf(file)
	for _, s := range specs {
		prefixes := nn.FindState(held.shapes, s.layout().shapes)
		if len(prefixes) == 0 {
			continue
		}
		found := Found{Spec: s, State: &torch.Dict{OrderedDict: true}, Prefix: prefixes[0], Others: prefixes[1:]}
		for _, name := range s.layout().names {
			v, _ := file.Get(found.Prefix + name)
			found.State.Set(name, v)
		}
		return found, nil
	}
	var report strings.Builder
	for _, s := range specs {
		fmt.Fprintf(&report, "\n  %s has %s; here %s", s.Name, s.layout().list(len(s.layout().names)), s.layout().differs(file))
	}
	const most = 30
	holds := held.list(most)
	switch n := len(held.names); {
	case n == 0:
		holds = "no tensors"
	case n > most:
		holds = fmt.Sprintf("%d tensors: %s and %d more", n, holds, n-most)
	default:
		holds = fmt.Sprintf("%d tensors: %s", n, holds)
	}
	return Found{}, fmt.Errorf("models: the weights in the file are not those of %s. It holds %s.%s", cmp.Or(name, "a network known here"), holds, report.String())
}
