// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// Schema describes what an operator does with its arguments, as PyTorch's own schema says.
type Schema struct {
	// Mutates are the arguments that the operator writes to: "self" of
	// "aten::add_.Tensor", "out" of "aten::add.out".
	Mutates []string
	// Aliases are the arguments whose elements a result may share, as those of a
	// view do. A few operators, such as aten::dropout, do so without declaring it.
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

// parseArgument reads a line of the bridge's description (see call.cpp). alias is "1"
// for an argument that the operator writes to, "2" for one that a result may share.
func parseArgument(line string) (a argument, alias string) {
	f := strings.Split(line, "\t")
	a = argument{name: f[1], base: f[2], keyword: f[4] == "1", writes: f[5] == "1", fallback: f[6]}
	a.length, _ = strconv.Atoi(f[3])
	a.base, a.optional = strings.CutSuffix(a.base, "?")
	if i := strings.LastIndexByte(a.base, '['); i >= 0 && strings.HasSuffix(a.base, "]") {
		a.base, a.list = a.base[:i], true
		a.base, a.inner = strings.CutSuffix(a.base, "?")
	}
	if a.base == "SymInt" {
		a.base = "int"
	}
	return a, f[5]
}

// op is a resolved operator.
type op struct {
	name, overload string
	handle         ctorch.Op
	args           []argument
	schema         Schema
}

func newOp(name, overload string) (*op, *ctorch.Error) {
	h, text, err := ctorch.Find(name, overload)
	if err != nil {
		return nil, err
	}
	o := &op{name: name, overload: overload, handle: h}
	for line := range strings.Lines(text) {
		switch line[0] {
		case 'A':
			a, alias := parseArgument(strings.TrimSuffix(line, "\n"))
			o.args = append(o.args, a)
			switch alias {
			case "1":
				o.schema.Mutates = append(o.schema.Mutates, a.name)
			case "2":
				o.schema.Aliases = append(o.schema.Aliases, a.name)
			}
		case 'T':
			o.schema.Random = true
		}
	}
	return o, nil
}

func (o *op) fullName() string {
	if o.overload == "" {
		return o.name
	}
	return o.name + "." + o.overload
}

// ops are the operators that were called, by the names that they were called by. The
// map is never changed but replaced, because every call reads it.
var (
	ops      atomic.Pointer[map[string]*op]
	opsMutex sync.Mutex
)

// findOp returns the operator of a name: "aten::roll", "aten::add.Tensor", also without
// "aten::". It keeps no failures, because a library loaded later may bring the operator.
func findOp(name string) *op {
	if known := ops.Load(); known != nil {
		if o := (*known)[name]; o != nil {
			return o
		}
	}
	o := resolve(name)
	opsMutex.Lock()
	defer opsMutex.Unlock()
	next := map[string]*op{name: o}
	if known := ops.Load(); known != nil {
		maps.Copy(next, *known)
	}
	ops.Store(&next)
	return o
}

// resolve asks libtorch for an operator, whose overload may be left out if there is
// only one.
func resolve(name string) *op {
	if !strings.Contains(name, "::") {
		name = "aten::" + name
	}
	base, overload, given := strings.Cut(name, ".")
	o, failed := newOp(base, overload)
	if failed == nil {
		return o
	}
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
	if o, failed = newOp(base, list[0]); failed != nil {
		throw(base, "%s", failed.Text)
	}
	return o
}
