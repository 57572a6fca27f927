// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/etude-ml/etude/torch"
)

// Summary returns a table of the layers of a network, with the shape of what each made of
// an example at its last call and the number of its parameters, those of the layers in it
// not counted:
//
//	Layer  Type           Output  Parameters
//	0      nn.Linear      [2 8]           40
//	1      nn.ReLU        [2 8]
//	(all)  nn.Sequential  [2 8]           40
//	40 parameters are trained, 0 are not.
//
// It calls the network once, in evaluation mode and without gradients. The shape is left
// out where it cannot be seen: for a layer that is made of others, or that has no
// parameters, unless a field or an entry of the type Module holds it. Those hold
// something else while Summary runs.
func Summary(m Module, example *torch.Tensor) string {
	var out []int
	return summary(m, func() { out = m.Forward(example).Shape() }, &out)
}

// SummaryOf is [Summary] for a network that is called in another way, by call.
func SummaryOf(m any, call func()) string { return summary(m, call, new([]int)) }

// summarised is a row of a summary.
type summarised struct {
	path, kind string
	leaf       bool // its tensors are not those of other rows
	tensors    []NamedTensor
	count      int
	shape      []int
}

func summary(m any, call func(), out *[]int) string {
	rows := summaryRows(m)
	shapes := seenShapes(m, rows, call)
	counted, trained, total := map[*torch.Tensor]bool{}, 0, 0
	for _, r := range slices.Backward(rows) { // a layer's own rows come behind it
		if s, ok := shapes[r.path]; ok {
			r.shape = s
		}
		for _, n := range r.tensors {
			if n.Buffer || counted[n.Tensor] {
				continue
			}
			counted[n.Tensor] = true
			r.count += n.Tensor.Numel()
			if n.Tensor.RequiresGrad() {
				trained += n.Tensor.Numel()
			}
		}
		total += r.count
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "Layer\tType\tOutput\tParameters")
	line := func(path, kind string, shape []int, count int) {
		texts := [2]string{}
		if shape != nil {
			texts[0] = fmt.Sprint(shape)
		}
		if count > 0 {
			texts[1] = fmt.Sprint(count)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%10s\n", path, kind, texts[0], texts[1])
	}
	for _, r := range rows {
		if r.path != "" {
			line(r.path, r.kind, r.shape, r.count)
		}
	}
	line("(all)", strings.TrimPrefix(fmt.Sprintf("%T", m), "*"), *out, total)
	fmt.Fprintf(w, "%d parameters are trained, %d are not.\n", trained, total-trained)
	_ = w.Flush() // to memory
	return trailing.ReplaceAllString(b.String(), "\n")
}

var trailing = regexp.MustCompile(` +\n`)

// summaryRows lists the network and what in it has tensors or a method Forward.
func summaryRows(m any) []*summarised {
	var rows []*summarised
	visitLayers(m, func(path string, v reflect.Value) {
		p := v
		if v.CanAddr() {
			p = v.Addr()
		}
		tensors := NamedTensors(p.Interface())
		if _, forward := p.Type().MethodByName("Forward"); forward || len(tensors) > 0 {
			rows = append(rows, &summarised{path: path, kind: v.Type().String(), tensors: tensors, leaf: len(tensors) > 0})
		}
	})
	for i, r := range rows {
		for _, other := range rows[i+1:] {
			if len(other.tensors) > 0 && (r.path == "" || strings.HasPrefix(other.path, r.path+".")) {
				r.leaf = false
			}
		}
	}
	return rows
}

// probe notes the shape of what a module returns.
type probe struct {
	Module
	note func(shape []int)
}

func (p probe) Forward(x *torch.Tensor) *torch.Tensor {
	y := p.Module.Forward(x)
	p.note(y.Shape())
	return y
}

// seenShapes calls the network, and returns the shapes of what layers gave, by their path.
func seenShapes(m any, rows []*summarised, call func()) map[string][]int {
	shapes := map[string][]int{}
	held := map[string]reflect.Value{} // fields and entries of the type Module
	visitAll("", reflect.ValueOf(m), nil, func(path string, v reflect.Value) {
		if v.Kind() == reflect.Interface && v.Type() == moduleType && v.CanSet() && !v.IsNil() {
			held[path] = v
		}
	})
	var g *torch.Graph
	Evaluating(m, func() {
		for path, v := range held {
			was := v.Interface().(Module)
			v.Set(reflect.ValueOf(probe{was, func(shape []int) { shapes[path] = shape }}))
			defer v.Set(reflect.ValueOf(was))
		}
		g = torch.Trace(func([]*torch.Tensor) []*torch.Tensor {
			call()
			return nil
		})
	})
	defer g.Close()
	owners := map[torch.StorageInfo][]string{}
	for _, r := range rows {
		for _, n := range r.tensors {
			if r.leaf {
				owners[n.Tensor.Storage()] = append(owners[n.Tensor.Storage()], r.path)
			}
		}
	}
	traced := map[string][]int{} // the result of the last operator that a layer's tensors were in
	for _, node := range g.Nodes {
		for _, arg := range node.Args {
			ids, _ := arg.([]torch.ValueID)
			if id, ok := arg.(torch.ValueID); ok {
				ids = []torch.ValueID{id}
			}
			for _, id := range ids {
				if t, ok := g.Captured[id]; ok && node.Results[0] >= 0 {
					for _, path := range owners[t.Storage()] {
						traced[path] = g.Shapes[node.Results[0]]
					}
				}
			}
		}
	}
	for path, s := range traced {
		if _, ok := shapes[path]; !ok {
			shapes[path] = s
		}
	}
	return shapes
}
