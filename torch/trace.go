// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"path"
	"runtime"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// ValueID names a tensor of a [Graph]. A tensor that is changed in place has a
// new ValueID afterwards, so each is assigned once.
type ValueID int

// Graph holds the operators of a computation in order, as [Trace] saw them.
type Graph struct {
	Inputs, Outputs []ValueID
	// Captured are tensors that the computation used but did not make, its
	// parameters above all. They belong to the caller; see [Graph.Close].
	Captured map[ValueID]*Tensor
	Nodes    []Node
	Shapes   map[ValueID][]int
	DTypes   map[ValueID]DType
}

// Close closes the captured tensors.
func (g *Graph) Close() {
	for _, t := range g.Captured {
		t.Close()
	}
}

// Node is one operator of a Graph.
type Node struct {
	Op       string // "aten::linear"
	Overload string
	Schema   Schema
	// Args holds every argument by its name in the schema, defaults included:
	// ValueID, []ValueID (-1 for None), int, float64, bool, string, DType,
	// Device, []int, []float64, []bool or nil.
	Args map[string]any
	// Results are -1 for None and for what is not a tensor. A list of tensors is
	// its elements, one by one.
	Results []ValueID
	// Caller is the line that called it, outside of this package and those below it, as
	// "net.go:31 (main.(*Net).Forward)". Where a layer of package nn was traced alone, it is a
	// line of the layer. It is empty where neither is known.
	Caller string
}

// Tracing reports whether the calling goroutine is inside [Trace]. A layer that
// computes faster without the operator it stands for calls the operator then.
func Tracing() bool { return tracing.Load() > 0 && tracerIn(ctorch.Scope()) != nil }

type tracer struct {
	graph *Graph
	ids   map[ctorch.Handle]ValueID
	held  []*Tensor // what f made, kept alive so that no address is used twice
	next  ValueID
}

// Trace calls f, without gradients, and returns the operators that it called on
// its goroutine. Two traces of the same f with other sizes show what depends on
// sizes. Control flow that depends on values is not seen.
func Trace(f func(inputs []*Tensor) []*Tensor, inputs ...*Tensor) *Graph {
	mustInit("Trace")
	tr := &tracer{
		graph: &Graph{Captured: map[ValueID]*Tensor{}, Shapes: map[ValueID][]int{}, DTypes: map[ValueID]DType{}},
		ids:   map[ctorch.Handle]ValueID{},
	}
	tracing.Add(1)
	defer tracing.Add(-1)
	defer func() {
		for _, t := range tr.held {
			t.Close()
		}
	}()
	for _, t := range inputs {
		h := t.enter("Trace")
		tr.graph.Inputs = append(tr.graph.Inputs, tr.define(h))
		t.ref.Leave()
	}
	NoGrad(func() {
		runScope(func() {
			for _, t := range f(inputs) {
				h := t.enter("Trace")
				tr.graph.Outputs = append(tr.graph.Outputs, tr.use(h))
				t.ref.Leave()
			}
		}, tr)
	})
	return tr.graph
}

func (tr *tracer) define(h ctorch.Handle) ValueID {
	id := tr.next
	tr.next++
	tr.ids[h] = id
	if info, err := ctorch.Describe(h); err == nil {
		tr.graph.Shapes[id] = info.Sizes
		tr.graph.DTypes[id] = dtypeOf(info.DType)
	}
	return id
}

// hold keeps the tensor behind h alive until the caller closes what it returns.
func hold(h ctorch.Handle) *Tensor {
	t := new(Tensor)
	t.ref.Own(ctorch.Retain(h))
	return t
}

func (tr *tracer) use(h ctorch.Handle) ValueID {
	if id, ok := tr.ids[h]; ok {
		return id
	}
	id := tr.define(h)
	t := hold(h)
	t.track(0)
	tr.graph.Captured[id] = t
	return id
}

// record adds a call that was just made.
func (tr *tracer) record(o *op, f *ctorch.Frame, discard bool) {
	n := Node{Op: o.name, Overload: o.overload, Schema: o.schema, Args: map[string]any{}, Caller: caller()}
	for i := range o.args {
		arg := &o.args[i]
		if i < len(f.Args) && f.Args[i].Tag != ctorch.Default {
			n.Args[arg.name] = tr.argument(f, arg, f.Args[i])
		} else {
			n.Args[arg.name] = arg.defaultValue()
		}
	}
	if discard {
		// In place: the receiver has a new value.
		for _, h := range f.Handles(f.Args[0]) {
			n.Results = append(n.Results, tr.define(h))
		}
	}
	for _, v := range f.Results[:f.N] {
		switch v.Tag {
		case ctorch.Tensor:
			n.Results = append(n.Results, tr.result(ctorch.Handle(v.Bits)))
		case ctorch.OptionalTensors:
			// recordList adds them, once they have been taken over.
		default:
			n.Results = append(n.Results, -1)
		}
	}
	tr.graph.Nodes = append(tr.graph.Nodes, n)
}

// caller returns what [Node] holds of the call that is being recorded.
func caller() string {
	const home = "github.com/etude-ml/etude/torch"
	var counters [64]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(1, counters[:])])
	layer := ""
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		folder, name := path.Split(f.Function)
		where := fmt.Sprintf("%s:%d (%s)", path.Base(f.File), f.Line, name)
		pkg, _, _ := strings.Cut(name, ".")
		switch pkg = folder + pkg; {
		case f.Function == home+".Trace" || f.Function == home+".Watch":
			return layer
		case pkg == "reflect": // it called a method of the other packages
		case pkg != home && !strings.HasPrefix(pkg, home+"/") || strings.HasSuffix(f.File, "_test.go"):
			return where
		case pkg == home+"/nn" && layer == "":
			layer = where
		}
	}
	return layer
}

// recordList adds a list of tensors to the results of the last call.
func (tr *tracer) recordList(words []int64) {
	n := &tr.graph.Nodes[len(tr.graph.Nodes)-1]
	for _, w := range words {
		id := ValueID(-1)
		if w != 0 {
			id = tr.result(ctorch.Handle(w))
		}
		n.Results = append(n.Results, id)
	}
}

func (tr *tracer) result(h ctorch.Handle) ValueID {
	tr.held = append(tr.held, hold(h))
	return tr.define(h)
}

func (tr *tracer) argument(f *ctorch.Frame, arg *argument, v ctorch.Value) any {
	switch v.Tag {
	case ctorch.Tensor:
		return tr.use(ctorch.Handle(v.Bits))
	case ctorch.Tensors, ctorch.OptionalTensors:
		ids := []ValueID{}
		for _, w := range f.Words(v) {
			if w == 0 {
				ids = append(ids, -1)
			} else {
				ids = append(ids, tr.use(ctorch.Handle(w)))
			}
		}
		return ids
	case ctorch.Int:
		if arg.base == "ScalarType" {
			return dtypeOf(int(v.Bits))
		}
	}
	return plainValue(v, f.Words)
}

// defaultValue reads the default as the bridge writes it; nil for None and for
// kinds that no traced operator needs.
func (a *argument) defaultValue() any {
	if a.fallback == "" {
		return nil
	}
	rest := a.fallback[1:]
	switch a.fallback[0] {
	case 'b':
		return rest == "1"
	case 'i':
		n, _ := strconv.Atoi(rest)
		return n
	case 'd':
		x, _ := strconv.ParseFloat(rest, 64)
		return x
	case 's':
		return rest
	case 'I':
		out := []int{}
		for s := range strings.SplitSeq(rest, ",") {
			if n, err := strconv.Atoi(s); err == nil {
				out = append(out, n)
			}
		}
		return out
	}
	return nil
}
