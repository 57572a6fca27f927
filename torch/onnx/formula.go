// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// formula writes an expression in Go's syntax, such as "self * Tanh(Softplus(self))".
// Small letters name arguments of the operator, tensors or numbers; they are cast to the
// result's type or, where the result is bool, to the type that PyTorch compares in. A
// call is an operator of ONNX; see [formulaWriter.function] and [constants] for the other names.
// An argument alone where a bool belongs, as in Where(mask, value, self), becomes a bool, and a
// factor that is the number 1, alpha for example, is left out.
func formula(text string) lowering {
	return func(c *call) { c.set(0, c.formula(c.computedIn(), text, nil)) }
}

// computedIn returns the type that an operator computes in, element by element.
func (c *call) computedIn() torch.DType {
	if d := c.dtypeOf(0); d != torch.Bool {
		return d
	}
	self, other := c.optional("self"), c.optional("other")
	if self == nil {
		self, other = other, nil
	}
	if other != nil {
		return promoted(self, other)
	}
	for _, name := range []string{"self", "other"} {
		if x, ok := number(c.node.Args[name]); ok && x != float64(int(x)) && !self.dtype.IsFloating() {
			return torch.Float32
		}
	}
	return self.dtype
}

// promoted returns the type that two tensors are combined in.
func promoted(a, b *value) torch.DType {
	var d torch.DType
	torch.Scope(func() {
		like := func(v *value) *torch.Tensor {
			shape := make([]int, min(len(v.shape), 1)) // a tensor without dimensions yields to one that has some
			return torch.Zeros(shape, torch.Options{DType: v.dtype})
		}
		d = like(a).Mul(like(b)).DType()
	})
	return d
}

// formula returns the name of an expression's value. Names in known stand for values that
// are no arguments.
func (c *call) formula(d torch.DType, text string, known map[string]string) string {
	tree, err := parser.ParseExpr(text)
	if err != nil {
		fail.With("the formula %q: %w: a defect of this exporter", text, err)
	}
	f := &formulaWriter{call: c, d: d, text: text, done: map[string]string{}}
	maps.Copy(f.done, known)
	y := f.write(tree)
	if truth(tree) && d == c.dtypeOf(0) && d != torch.Bool { // of an in-place form
		y = c.cast(y, d)
	}
	return y
}

// truth reports whether an expression is a bool.
func truth(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.UnaryExpr:
		return e.Op == token.NOT
	case *ast.BinaryExpr:
		return e.Op.Precedence() <= token.EQL.Precedence()
	}
	return false
}

type formulaWriter struct {
	*call
	d    torch.DType
	text string
	done map[string]string // the names of values, by their text
}

// constants are the numbers that formulas know by name.
var constants = map[string]float64{"Pi": math.Pi, "Ln2": math.Ln2, "Ln10": math.Ln10, "Inf": math.Inf(1)}

// function writes a function: an operator of ONNX, or one of those below, which ONNX lacks.
// Number turns a bool into a number.
func (f *formulaWriter) function(name string, x []string) string {
	switch name {
	case "Number":
		return f.cast(x[0], f.d)
	case "Trunc":
		return f.formula(f.d, "Sign(x) * Floor(Abs(x))", map[string]string{"x": x[0]})
	case "Fmod":
		return f.add("Mod", x, attrInt("fmod", 1))
	case "Remainder":
		return f.formula(f.d, "Where(r * y < 0, r + y, r)", map[string]string{"y": x[1], "r": f.function("Fmod", x)})
	}
	return f.add(name, x)
}

var binary = map[token.Token]string{
	token.ADD: "Add", token.SUB: "Sub", token.MUL: "Mul", token.QUO: "Div", token.LSS: "Less", token.LEQ: "LessOrEqual",
	token.GTR: "Greater", token.GEQ: "GreaterOrEqual", token.EQL: "Equal", token.LAND: "And", token.LOR: "Or",
}

func (f *formulaWriter) write(e ast.Expr) string {
	text := f.text[e.Pos()-1 : e.End()-1]
	if f.done[text] == "" {
		f.done[text] = f.node(e, text)
	}
	return f.done[text]
}

func (f *formulaWriter) node(e ast.Expr, text string) string {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return f.write(e.X)
	case *ast.BasicLit:
		x, _ := strconv.ParseFloat(e.Value, 64)
		return f.scalar(x, f.d)
	case *ast.Ident:
		if x, ok := constants[e.Name]; ok {
			return f.scalar(x, f.d)
		}
		return f.operand(e.Name, f.d)
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			return f.add("Not", []string{f.condition(e.X)})
		}
		return f.add("Neg", []string{f.write(e.X)})
	case *ast.BinaryExpr:
		switch {
		case binary[e.Op] == "":
		case e.Op == token.LAND || e.Op == token.LOR:
			return f.add(binary[e.Op], []string{f.condition(e.X), f.condition(e.Y)})
		case e.Op == token.MUL && f.isOne(e.X):
			return f.write(e.Y)
		case e.Op == token.MUL && f.isOne(e.Y):
			return f.write(e.X)
		default:
			return f.add(binary[e.Op], []string{f.write(e.X), f.write(e.Y)})
		}
	case *ast.CallExpr:
		name, ok := e.Fun.(*ast.Ident)
		switch {
		case !ok:
		case name.Name == "Where" && len(e.Args) == 3:
			return f.add("Where", []string{f.condition(e.Args[0]), f.write(e.Args[1]), f.write(e.Args[2])})
		default:
			return f.function(name.Name, collect(e.Args, f.write))
		}
	}
	fail.With("the formula %q: %s cannot be written", f.text, text)
	return ""
}

// condition writes an expression that stands where a bool belongs.
func (f *formulaWriter) condition(e ast.Expr) string {
	if name, ok := e.(*ast.Ident); ok && f.done[name.Name] == "" {
		return f.operand(name.Name, torch.Bool)
	}
	return f.write(e)
}

// isOne reports whether a factor is an argument that is the number 1, alpha for example.
func (f *formulaWriter) isOne(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && f.done[name.Name] == "" && !slices.ContainsFunc(f.p.traces, func(g *torch.Graph) bool {
		x, _ := number(g.Nodes[f.index].Args[name.Name])
		return x != 1
	})
}
