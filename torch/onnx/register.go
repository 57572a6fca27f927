// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"go/parser"
	"maps"
	"slices"
	"sync"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

// Lowering writes nodes that stand for a call of an operator, and returns the names that
// the call's results have in the file, in their order; "" is a result that it cannot
// compute, which ends the export if something uses it, as an error does. Exports in several
// goroutines may call it at once.
type Lowering func(c *Call) ([]string, error)

// registered holds the lowerings of the caller.
var registered struct {
	sync.RWMutex
	rows map[string]Lowering
}

// RegisterLowering gives an operator its ONNX form, from then on and for all exports. op is
// the operator's name with its overload, if it has one: "aten::special_ndtr" or
// "mylib::smooth.Scalar"; the in-place form, with a _ at the end of its name, shares it. A
// form for an operator that Etude can export takes the place of Etude's own. It is meant
// for init functions, may be called by any goroutine, and panics if op was registered
// before.
//
// As with every operator, ONNX Runtime's results are compared with libtorch's when a network
// that uses it is exported.
func RegisterLowering(op string, l Lowering) {
	registered.Lock()
	defer registered.Unlock()
	if registered.rows[op] != nil || l == nil {
		panic(fmt.Sprintf("onnx: RegisterLowering: a lowering of %s is nil or registered already", op))
	}
	if registered.rows == nil {
		registered.rows = map[string]Lowering{}
	}
	registered.rows[op] = l
}

// ownLowering returns what was registered for an operator, nil for nothing.
func ownLowering(op string) lowering {
	registered.RLock()
	defer registered.RUnlock()
	l := registered.rows[op]
	if l == nil {
		return nil
	}
	return func(c *call) {
		names := fail.Or(l(&Call{c}))
		if len(names) != len(c.node.Results) {
			fail.With("%s: its lowering returns %d names for %d results", op, len(names), len(c.node.Results))
		}
		for i, name := range names {
			if name != "" {
				c.set(i, name)
			}
		}
	}
}

// Formula returns the lowering of an operator that is computed element by element, from an
// expression such as "self * Tanh(Softplus(self))". It has Go's syntax:
//
//   - small letters name the operator's arguments, tensors or numbers, which are converted
//     to the type of the result, or for a comparison to the type that PyTorch compares in;
//   - a call is an operator of ONNX without attributes; Where, Min, Max, Clip, Pow, Exp, Log,
//     Sqrt, Abs, Sign, Floor, Erf, Sigmoid, Softplus and IsNaN are some;
//   - an argument alone in the place of a bool, as in Where(mask, value, self), becomes one;
//   - Trunc, Fmod and Remainder compute what PyTorch's trunc, fmod and remainder do, and
//     Number turns a bool into a number;
//   - + - * / < <= > >= == && || ! and numbers are what they are in Go, and Pi, Ln2, Ln10
//     and Inf are numbers, too.
//
// It panics if the expression cannot be read.
func Formula(expression string) Lowering {
	if _, err := parser.ParseExpr(expression); err != nil {
		panic(fmt.Sprintf("onnx: Formula: %q: %v", expression, err))
	}
	return func(c *Call) ([]string, error) {
		return []string{c.call.formula(c.call.computedIn(), expression, nil)}, nil
	}
}

// Call is a call of an operator in a network that is exported. Its methods read arguments,
// by their names in the operator's schema ([torch.SchemaOf]), and write nodes. They end the
// export where that cannot be done.
type Call struct{ call *call }

// Inputs returns the names in the file of arguments. A number becomes a constant of the
// result's type, a list of tensors as many names, and None "", which [Call.Node] takes for
// an optional input that is left out.
func (c *Call) Inputs(arguments ...string) (names []string) {
	for _, a := range arguments {
		switch c.argument(a).(type) {
		case nil:
			names = append(names, "")
		case torch.ValueID:
			names = append(names, c.call.in(c.call.tensor(a)))
		case []torch.ValueID:
			names = append(names, collect(c.call.tensors(a), c.call.in)...)
		default:
			names = append(names, c.call.operand(a, c.call.dtypeOf(0)))
		}
	}
	return names
}

// argument returns an argument as the first trace has it.
func (c *Call) argument(name string) any {
	v, ok := c.call.node.Args[name]
	if !ok {
		fail.With("%s has no argument %q", c.call.node.Op, name)
	}
	return v
}

// Tensor returns the shape of a tensor argument, with -1 for sizes that are free in the
// file, and its type.
func (c *Call) Tensor(argument string) (shape []int, d torch.DType) {
	v := c.call.tensor(argument)
	return collect(v.shape, func(s size) int {
		if !s.constant() {
			return -1
		}
		return s.fixed
	}), v.dtype
}

// Arg returns an argument that is no tensor: nil for None, an int, float64, bool, string,
// DType or Device, or a slice of the first three. It must not depend on a free size.
func (c *Call) Arg(name string) any {
	switch v := c.argument(name).(type) {
	case torch.ValueID, []torch.ValueID:
		fail.With("%s is a tensor", c.call.what(name))
	case int:
		return c.call.int(name)
	case []int:
		return c.call.ints(name)
	case float64:
		return c.call.number(name)
	default:
		return v
	}
	return nil
}

// Opset returns the opset of the file.
func (c *Call) Opset() int { return c.call.opset }

// Constant adds a constant to the file and returns its name. Shapes and axes are int64.
func (c *Call) Constant(t *torch.Tensor) string {
	return c.call.in(&value{dtype: t.DType(), tensor: t.Detach()})
}

// Node adds a node and returns the names of its outputs, as many as are asked for. An
// attribute is an int, float64, string, DType, []int, []float64 or []string.
func (c *Call) Node(op string, inputs []string, attributes map[string]any, outputs int) []string {
	var as []attribute
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		switch v := attributes[name].(type) {
		case int:
			as = append(as, attrInt(name, v))
		case float64:
			as = append(as, attrFloat(name, v))
		case string:
			as = append(as, attrString(name, v))
		case torch.DType:
			as = append(as, attrInt(name, int(elementCode(v))))
		case []int:
			as = append(as, attrInts(name, v...))
		case []float64:
			as = append(as, &pb.Attribute{Name: name, Type: pb.AttrFloats, Floats: collect(v, func(x float64) float32 { return float32(x) })})
		case []string:
			as = append(as, attrStrings(name, v...))
		default:
			fail.With("%s: the attribute %s of %s is a %T", c.call.node.Op, name, op, v)
		}
	}
	return c.call.emit(c.call.label, op, slices.Clone(inputs), slices.Repeat([]bool{true}, outputs), as...)
}
