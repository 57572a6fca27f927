// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch"
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

// uniqueNames names places by steps joined by dots. Where that gives one name to
// several, such as the key "a.b" and the key "b" of the dict "a", it names those by
// subscripts.
func uniqueNames(places []*place) []string {
	names, count := make([]string, len(places)), make(map[string]int, len(places))
	for i, p := range places {
		names[i] = p.name()
		count[names[i]]++
	}
	for i, p := range places {
		if count[names[i]] > 1 {
			names[i] = p.subscripts()
		}
	}
	return names
}

// keyName returns a dict's key, or an index, as a part of a name.
func keyName(key any) string {
	switch key := key.(type) {
	case string:
		return pickle.Visible(key)
	case int, bool, float64:
		return fmt.Sprint(key)
	}
	return repr(key)
}

// keyStep returns a key as a step in the path of an error.
func keyStep(key any) any {
	switch key := key.(type) {
	case string, int, bool, float64:
		return key
	}
	return repr(key)
}

// repr returns a key as Python writes it.
func repr(key any) string { return reprIn(key, 0) }

func reprIn(key any, depth int) string {
	switch key := key.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[key]
	case int, *big.Int, complex128:
		return fmt.Sprint(key)
	case float64:
		return strconv.FormatFloat(key, 'g', -1, 64)
	case string:
		return quote(pickle.Visible(key))
	case []byte:
		var b strings.Builder
		for _, c := range key {
			if c < ' ' || c > '~' || c == '\'' || c == '\\' {
				fmt.Fprintf(&b, `\x%02x`, c)
			} else {
				b.WriteByte(c)
			}
		}
		return "b'" + b.String() + "'"
	case Size:
		return "torch.Size(" + strings.ReplaceAll(fmt.Sprint([]int(key)), " ", ", ") + ")"
	case *pickle.Tuple:
		return "(" + reprs(key.Items, depth) + ")"
	case *pickle.Set:
		return "frozenset({" + reprs(key.Items, depth) + "})"
	}
	if u, ok := key.(unread); ok {
		key = &pickle.Object{Class: u.name}
	}
	leaf, _ := leafOf(key)
	return fmt.Sprint(leaf)
}

func reprs(items []any, depth int) string {
	if depth > 20 {
		return "…"
	}
	parts := make([]string, len(items))
	for i, x := range items {
		parts[i] = reprIn(x, depth+1)
	}
	return strings.Join(parts, ", ")
}

func quote(s string) string {
	return "'" + strings.NewReplacer("'", `\'`, "\n", `\n`).Replace(s) + "'"
}

// maxNodes bounds the walk over a tree whose parts are at many places.
const maxNodes = 1 << 22

// finder walks over a decoded tree and reports its tensors and plain values.
type finder struct {
	l     *loader
	nodes int

	tensor func(at *place, t *tensorSpec, same any)
	value  func(at *place, leaf any)
}

func (f *finder) walk(at *place, v any) {
	if f.nodes++; f.nodes > maxNodes {
		fail.With("the same values are nested so that there are too many to list")
	}
	switch v := v.(type) {
	case *tensorSpec:
		f.tensor(at, v, v)
		return
	case *numpyArray:
		if !v.unread {
			f.tensor(at, v.spec(), v)
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
	f.value(at, leaf)
}

func (f *finder) inside(at *place, v any, walk func()) {
	if f.l.open[v] {
		f.value(at, "<"+pickle.Kind(v)+" that contains itself>")
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
		f.value(at, map[string]any{})
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
		f.value(at, leaves)
		return
	}
	for i, v := range vs {
		f.walk(&place{at, i}, v)
	}
}

// Named is a tensor of a file with the name that [Inspect] gives it.
type Named struct {
	Name   string
	Tensor *torch.Tensor
}

// LoadTensors reads the tensors of a file and nothing else, in the order of the file,
// with the names that [Inspect] gives them: the same tensor at two places has two
// names. It skips whatever else the file holds, also objects that are not read. The
// tensors belong to no scope.
func LoadTensors(path string, opts LoadOptions) ([]Named, error) {
	opts.Placeholders = true
	var places, values []*place
	v, err := load(path, opts, func(l *loader, plain any) any {
		list := &pickle.List{}
		f := &finder{l: l, value: func(at *place, _ any) { values = append(values, at) }}
		f.tensor = func(at *place, _ *tensorSpec, same any) {
			places, list.Items = append(places, at), append(list.Items, same)
		}
		f.walk(nil, plain)
		return list
	})
	if err != nil {
		return nil, err
	}
	found := make([]Named, len(places))
	names := uniqueNames(append(places, values...)) // as in Inspect, whose names are unique together
	for i := range found {
		found[i] = Named{names[i], v.([]any)[i].(*torch.Tensor)}
	}
	return found, nil
}
