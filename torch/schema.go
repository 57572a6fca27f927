// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"strconv"
	"strings"
	"sync"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// Schema is what PyTorch says of an operator beyond its arguments' types.
type Schema struct {
	// Mutates are the arguments that the operator writes to: "self" of
	// "aten::add_.Tensor", "out" of "aten::add.out".
	Mutates []string
	// Aliases are the arguments whose elements a result may share, as those of a
	// view do. Few operators do so without telling, aten::dropout for one.
	Aliases []string
	// Random reports that each call draws other numbers from a generator: PyTorch's
	// tag nondeterministic_seeded.
	Random bool
}

// SchemaOf returns the schema of an operator, named as for [Call]. It panics with
// an *Error if there is no such operator.
func SchemaOf(name string) Schema {
	mustInit(name)
	return findOp(name).schema
}

// argument is one argument of an operator's schema.
type argument struct {
	name     string
	base     string // "Tensor", "int", "float", "bool", "Scalar", "str", "ScalarType", "Device", …
	list     bool
	inner    bool // Tensor?[]: elements may be None
	optional bool
	length   int    // of int[2], 0 when free
	keyword  bool   // keyword-only
	writes   bool   // the operator changes this tensor
	fallback string // the default as the bridge writes it; "-" for none
}

// typeName returns the argument's type as the schema writes it.
func (a *argument) typeName() string {
	s := a.base
	if a.inner {
		s += "?"
	}
	if a.list {
		s += "["
		if a.length > 0 {
			s += strconv.Itoa(a.length)
		}
		s += "]"
	}
	if a.optional {
		s += "?"
	}
	return s
}

// parseArgument reads a line of the bridge's description (see call.cpp).
func parseArgument(line string) argument {
	f := strings.Split(line, "\t")
	a := argument{name: f[1], base: f[2], keyword: f[4] == "1", writes: f[5] == "1", fallback: f[6]}
	a.length, _ = strconv.Atoi(f[3])
	a.base, a.optional = strings.CutSuffix(a.base, "?")
	if i := strings.LastIndexByte(a.base, '['); i >= 0 && strings.HasSuffix(a.base, "]") {
		a.base, a.list = a.base[:i], true
		a.base, a.inner = strings.CutSuffix(a.base, "?")
	}
	if a.base == "SymInt" {
		a.base = "int"
	}
	return a
}

// op is an operator, resolved at its first use.
type op struct {
	name, overload string

	once    sync.Once
	handle  ctorch.Op
	args    []argument
	results int
	schema  Schema
	err     *Error
}

func (o *op) resolve() {
	o.once.Do(func() {
		h, text, err := ctorch.Find(o.name, o.overload)
		if err != nil {
			o.err = &Error{Op: o.name, Message: err.Text}
			return
		}
		o.handle = h
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			switch line[0] {
			case 'A':
				o.args = append(o.args, parseArgument(line))
				switch a := strings.Split(line, "\t"); a[5] {
				case "1":
					o.schema.Mutates = append(o.schema.Mutates, a[1])
				case "2":
					o.schema.Aliases = append(o.schema.Aliases, a[1])
				}
			case 'R':
				o.results++
			case 'T':
				o.schema.Random = true
			}
		}
	})
	if o.err != nil {
		panic(o.err)
	}
}

func (o *op) fullName() string {
	if o.overload == "" {
		return o.name
	}
	return o.name + "." + o.overload
}

// ops caches operators by full name, for Call.
var ops sync.Map // string → *op

// findOp returns the operator that a caller named: "aten::roll",
// "aten::add.Tensor", also without "aten::". Failures are not cached, since a
// library loaded later may bring the operator.
func findOp(name string) *op {
	if !strings.Contains(name, "::") {
		name = "aten::" + name
	}
	if o, ok := ops.Load(name); ok {
		return o.(*op)
	}
	base, overload, given := strings.Cut(name, ".")
	o := &op{name: base, overload: overload}
	if Try(o.resolve) != nil {
		names, err := ctorch.Overloads(base)
		list := strings.Fields(names)
		switch {
		case err != nil:
			throw(name, "%s", err.Text)
		case len(list) == 0:
			throw(name, "libtorch %s has no operator of this name", ctorch.Version())
		case len(list) > 1 || given:
			throw(name, "say which overload: %s.%s", base, strings.Join(list, ", "+base+"."))
		}
		o = &op{name: base, overload: list[0]}
		o.resolve()
	}
	actual, _ := ops.LoadOrStore(name, o)
	return actual.(*op)
}
