// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// place is the position of a value in a tree: a key or an index in the value that
// contains it. The root is nil.
type place struct {
	in   *place
	step any
}

// name joins the steps by dots.
func (p *place) name() string {
	if p == nil {
		return ""
	}
	name := p.in.name()
	if name == "" {
		return keyName(p.step)
	}
	return name + "." + keyName(p.step)
}

// subscripts returns the place as Python would write it: ['a']['b'][0].
func (p *place) subscripts() string {
	if p == nil {
		return ""
	}
	return p.in.subscripts() + "[" + repr(p.step) + "]"
}

// maxNodes bounds the walk over a tree whose parts are at many places.
const maxNodes = 1 << 22

// found is a tensor or a plain value of a file.
type found struct {
	at     *place
	name   string
	tensor *tensorSpec // nil for a plain value
	value  any         // the plain value, or the decoded value of the tensor
}

// finder walks over a decoded tree and lists its tensors and plain values.
type finder struct {
	l     *loader
	nodes int
	all   []found
}

// find lists what a decoded tree holds, in the order of the file. The names are steps
// joined by dots. Where that gives one name to several, such as the key "a.b" and the key
// "b" of the dict "a", these have subscripts instead.
func find(l *loader, plain any) []found {
	f := &finder{l: l}
	f.walk(nil, plain)
	count := make(map[string]int, len(f.all))
	for i, x := range f.all {
		f.all[i].name = x.at.name()
		count[f.all[i].name]++
	}
	for i, x := range f.all {
		if count[x.name] > 1 {
			f.all[i].name = x.at.subscripts()
		}
	}
	return f.all
}

func (f *finder) add(at *place, tensor *tensorSpec, value any) {
	f.all = append(f.all, found{at: at, tensor: tensor, value: value})
}

func (f *finder) walk(at *place, v any) {
	if f.nodes++; f.nodes > maxNodes {
		fail.With("the same values are nested so that there are too many to list")
	}
	switch v := v.(type) {
	case *tensorSpec:
		f.add(at, v, v)
		return
	case *numpyArray:
		if !v.unread {
			f.add(at, v.spec(), v)
			return
		}
	case *pickle.Dict:
		f.inside(at, v, func() { f.dict(at, v) })
		return
	case *pickle.List:
		f.inside(at, v, func() { f.items(at, v.Items) })
		return
	case *pickle.Tuple:
		f.inside(at, v, func() { f.items(at, v.Items) })
		return
	case *pickle.Set:
		f.inside(at, v, func() { f.items(at, v.Items) })
		return
	}
	leaf, ok := leafOf(v)
	if !ok {
		o, ok := f.l.placeholder(v)
		if !ok {
			fail.With("%s: %s stands where a value should", at.name(), pickle.Kind(v))
		}
		leaf, _ = leafOf(o)
	}
	f.add(at, nil, leaf)
}

func (f *finder) inside(at *place, v any, walk func()) {
	if f.l.open[v] {
		f.add(at, nil, "<"+pickle.Kind(v)+" that contains itself>")
		return
	}
	f.l.enter(v)
	defer f.l.leave(v)
	walk()
}

func (f *finder) dict(at *place, d *pickle.Dict) {
	last := make(map[any]int, len(d.Keys)) // of a key that comes twice, the last counts
	same := make([]any, len(d.Keys))
	for i, k := range d.Keys {
		if !f.l.hashable(k, 0) {
			fail.With("%s: a dict has %s as a key", at.name(), pickle.Kind(k))
		}
		same[i] = k
		switch x := k.(type) {
		case []byte, Size:
			same[i] = [1]string{repr(k)} // Go cannot compare these; an array, not to be a str
		case float64:
			if x != x {
				same[i] = &d.Keys[i]
			}
		}
		last[same[i]] = i
	}
	if len(d.Keys) == 0 {
		f.add(at, nil, map[string]any{})
	}
	for i, k := range d.Keys {
		if last[same[i]] == i {
			f.walk(&place{at, k}, d.Values[i])
		}
	}
	if d.Attributes != nil {
		f.inside(at, d.Attributes, func() { f.dict(at, d.Attributes) })
	}
}

// items reports a list of plain values as one value, any other item by item.
func (f *finder) items(at *place, vs []any) {
	leaves := make([]any, 0, len(vs))
	for _, v := range vs {
		leaf, ok := leafOf(v)
		if !ok {
			break
		}
		leaves = append(leaves, leaf)
	}
	if len(leaves) == len(vs) {
		f.nodes += len(vs)
		f.add(at, nil, leaves)
		return
	}
	for i, v := range vs {
		f.walk(&place{at, i}, v)
	}
}
