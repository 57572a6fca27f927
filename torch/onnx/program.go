// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// points returns where a network with free sizes is traced: once for how a number begins,
// once for each size to find how it depends on that one, and once to verify it.
func (e *exporter) points() []point {
	all := make([]point, len(e.free)+2)
	for i := range all {
		for k, s := range e.free {
			n := s.traced[0]
			switch i {
			case k + 1:
				n = s.traced[1]
			case len(e.free) + 1:
				n = s.traced[2]
			}
			all[i] = append(all[i], n)
		}
	}
	return all
}

// size is a number that may depend on free sizes: fixed, plus what free says, for example
// "batch" or "4*batch+time" or "batch*time". See [program.solve], which makes those.
type size struct {
	fixed int
	free  string
}

func (s size) constant() bool { return s.free == "" }

// measured reports whether only the shape of a tensor tells the size.
func (s size) measured() bool { return strings.HasPrefix(s.free, "?") }

func (s size) plus(n int) size { return size{s.fixed + n, s.free} }

// constant reports whether no size depends on a free one.
func constant(sizes []size) bool {
	return !slices.ContainsFunc(sizes, func(s size) bool { return !s.constant() })
}

// String returns the name of a dimension of this size in the file.
func (s size) String() string {
	switch {
	case s.constant():
		return fmt.Sprint(s.fixed)
	case s.fixed == 0:
		return s.free
	}
	return fmt.Sprintf("%s%+d", s.free, s.fixed)
}

// program is a network's graph, traced at each point. The traces have the same operators
// and values, and differ in numbers only.
type program struct {
	*exporter
	points []point
	traces []*torch.Graph
	forms  map[string]form // by size.free
}

// form says how a free number is computed: as a sum of products, or from the shape of a
// tensor where there are none.
type form struct {
	terms  []term
	values []int // at the points
	what   string
	tensor string // in the file; "" until there is one
	axis   int
}

// term is a product of a number and free sizes.
type term struct {
	factor int
	sizes  []int
}

// newProgram compares the traces. It fails when they differ in more than sizes.
func newProgram(e *exporter, traces []*torch.Graph) *program {
	p := &program{e, e.points(), traces, map[string]form{}}
	first := traces[0]
	for k, g := range traces[1:] {
		there := fmt.Sprintf("with %s than with %s", e.text(p.points[k+1]), e.text(p.points[0]))
		const why = "What depends on a size in Go cannot be exported"
		for i := range min(len(first.Nodes), len(g.Nodes)) {
			x, y := first.Nodes[i], g.Nodes[i]
			at(&y, func() {
				switch {
				case x.Op != y.Op || x.Overload != y.Overload:
					fail.With("the network calls other operators %s: %s is call %d, not %s. %s", there, y.Op, i+1, x.Op, why)
				case !slices.Equal(x.Results, y.Results) || !sameTensors(x, y):
					fail.With("the network calls %s (call %d) on other tensors %s. %s", x.Op, i+1, there, why)
				}
			})
		}
		if len(first.Nodes) != len(g.Nodes) {
			fail.With("the network calls %d operators instead of %d %s. %s", len(g.Nodes), len(first.Nodes), there, why)
		}
		if !slices.Equal(first.Outputs, g.Outputs) {
			fail.With("the network returns another tensor %s", there)
		}
	}
	return p
}

// sameTensors reports whether two calls have the same tensor arguments.
func sameTensors(x, y torch.Node) bool {
	for name, v := range x.Args {
		switch v.(type) {
		case torch.ValueID, []torch.ValueID:
			if !reflect.DeepEqual(v, y.Args[name]) {
				return false
			}
		}
	}
	return true
}

// solve returns the size that has these values at the points: a sum of multiples of free
// sizes, a product of some, or what only the shape of a tensor tells. what names it in an
// error.
func (p *program) solve(values []int, what string) size {
	if !slices.ContainsFunc(values, func(v int) bool { return v != values[0] }) {
		return size{fixed: values[0]}
	}
	for _, terms := range [][]term{p.sum(values), p.product(values)} {
		rest := make([]int, len(values)) // without what is fixed
		fixed, fits, text := 0, len(terms) > 0, ""
		for i, at := range p.points {
			for _, t := range terms {
				rest[i] += t.at(at)
			}
			if i == 0 {
				fixed = values[0] - rest[0]
			}
			fits = fits && rest[i]+fixed == values[i]
		}
		if !fits {
			continue
		}
		for _, t := range terms {
			text += p.termText(t)
		}
		text = strings.TrimPrefix(text, "+")
		p.forms[text] = form{terms: terms, values: rest}
		return size{fixed, text}
	}
	s := size{free: fmt.Sprint("?", values)}
	if _, ok := p.forms[s.free]; !ok {
		p.forms[s.free] = form{values: values, what: what}
	}
	return s
}

// sum returns the terms of a sum that goes through all points but the last.
func (p *program) sum(values []int) (terms []term) {
	for k, s := range p.free {
		if by := (values[k+1] - values[0]) / (s.traced[1] - s.traced[0]); by != 0 {
			terms = append(terms, term{by, []int{k}})
		}
	}
	return terms
}

// product returns the term of a product that does.
func (p *program) product(values []int) []term {
	t := term{factor: values[0]}
	for k, s := range p.free {
		a, b := s.traced[0], s.traced[1]
		for x, y := values[0], values[k+1]; x != y; x, y = x*b, y*a {
			if len(t.sizes) == 4 || t.factor%a != 0 {
				return nil
			}
			t.factor /= a
			t.sizes = append(t.sizes, k)
		}
	}
	return []term{t}
}

func (t term) at(p point) int {
	y := t.factor
	for _, k := range t.sizes {
		y *= p[k]
	}
	return y
}

// termText writes a term with its sign.
func (p *program) termText(t term) string {
	text := "*" + strings.Join(collect(t.sizes, func(k int) string { return p.free[k].name }), "*")
	switch t.factor {
	case 1:
		return "+" + text[1:]
	case -1:
		return "-" + text[1:]
	}
	return fmt.Sprintf("%+d%s", t.factor, text)
}

// derive returns a number that follows from sizes.
func (p *program) derive(what string, f func(xs []int) int, sizes ...size) size {
	values := make([]int, len(p.points))
	for i := range values {
		values[i] = f(collect(sizes, func(s size) int {
			if s.constant() {
				return s.fixed
			}
			return s.fixed + p.forms[s.free].values[i]
		}))
	}
	return p.solve(values, what)
}

// describe names a size for errors.
func (p *program) describe(s size) string {
	if !s.measured() {
		return s.String()
	}
	var parts []string
	for i, v := range p.forms[s.free].values {
		parts = append(parts, fmt.Sprintf("%d with %s", v+s.fixed, p.text(p.points[i])))
	}
	return strings.Join(parts, " and ") + ", neither a sum of multiples of free sizes nor a product of them"
}

// solveAll does the same as solve for lists.
func (p *program) solveAll(lists [][]int, what string) []size {
	out := make([]size, len(lists[0]))
	for i := range out {
		out[i] = p.solve(collect(lists, func(l []int) int {
			if len(l) != len(out) {
				fail.With("%s has %d numbers with some sizes and %d with others, so it cannot be exported", what, len(out), len(l))
			}
			return l[i]
		}), what)
	}
	return out
}

// shape returns the shape of a value.
func (p *program) shape(id torch.ValueID, what string) []size {
	return p.solveAll(collect(p.traces, func(g *torch.Graph) []int { return g.Shapes[id] }), "the shape of "+what)
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

// at calls f, and adds to an error the line of the network that called n.
func at(n *torch.Node, f func()) {
	err := fail.Catch(f)
	if err != nil && n.Caller != "" {
		err = fmt.Errorf("%s: %w", n.Caller, err)
	}
	fail.On(err)
}
