// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

func TestSolve(t *testing.T) {
	traced := [3]int{3, 5, 8}
	e := &exporter{free: []symbol{{"batch", 3, traced}, {"time", 4, [3]int{4, 6, 9}}}}
	p := &program{exporter: e, points: e.points(), forms: map[string]form{}}
	require.Equal(t, []point{{3, 4}, {5, 4}, {3, 6}, {8, 9}}, p.points)
	at := func(f func(batch, time int) int) []int {
		return collect(p.points, func(x point) int { return f(x[0], x[1]) })
	}
	for want, f := range map[string]func(batch, time int) int{
		"7":                 func(_, _ int) int { return 7 },
		"batch":             func(b, _ int) int { return b },
		"3*batch-2":         func(b, _ int) int { return 3*b - 2 },
		"-batch+100":        func(b, _ int) int { return 100 - b },
		"batch+2*time+1":    func(b, t int) int { return b + 2*t + 1 },
		"batch*time":        func(b, t int) int { return b * t },
		"6*batch*time":      func(b, t int) int { return 6 * b * t },
		"batch*time*time":   func(b, t int) int { return b * t * t },
		"?[2 3 2 4]":        func(b, _ int) int { return (b + 1) / 2 },
		"?[5 5 6 9]":        func(_, t int) int { return max(t, 5) },
		"?[15 25 21 80]":    func(b, t int) int { return b * (t + 1) },
		"?[15 25 21 80]+10": func(b, t int) int { return b * (t + 1) },
	} {
		s := p.solve(at(f), "")
		if strings.HasSuffix(want, "+10") {
			s = s.plus(10)
		}
		assert.Equal(t, want, s.String())
		twice := p.derive("", func(x []int) int { return 2 * x[0] }, s)
		assert.Equal(t, p.solve(at(func(b, t int) int { return 2 * (f(b, t) + (s.fixed - p.solve(at(f), "").fixed)) }), ""), twice, want)
	}
}

func TestVerifyFindsDefects(t *testing.T) {
	value := func(name string) *pb.ValueInfo {
		return pb.NewValue(name, pb.Float, &pb.Shape{})
	}
	graph := func() *pb.Graph {
		return &pb.Graph{
			Inputs: []*pb.ValueInfo{value("x")}, Outputs: []*pb.ValueInfo{value("y")},
			Initializers: []*pb.Tensor{{Name: "w", DataType: pb.Float, Dims: []int64{1}, Raw: make([]byte, 4)}},
			Nodes: []*pb.Node{
				{Name: "a", Inputs: []string{"x", "", "w"}, Outputs: []string{"z", ""}},
				{Name: "b", Inputs: []string{"z"}, Outputs: []string{"y"}},
			},
		}
	}
	assert.NoError(t, fail.Catch(func() { verify(graph()) }))
	for want, spoil := range map[string]func(*pb.Graph){
		`uses "z" before it is defined`:   func(g *pb.Graph) { g.Nodes[0], g.Nodes[1] = g.Nodes[1], g.Nodes[0] },
		`defines "x"`:                     func(g *pb.Graph) { g.Nodes[0].Outputs[0] = "x" },
		`a constant defines "x"`:          func(g *pb.Graph) { g.Initializers[0].Name = "x" },
		`two nodes are called "a"`:        func(g *pb.Graph) { g.Nodes[1].Name = "a" },
		`"w" has 3 bytes for float32 [1]`: func(g *pb.Graph) { g.Initializers[0].Raw = make([]byte, 3) },
		`output "q" is not defined`:       func(g *pb.Graph) { g.Outputs[0].Name = "q" },
		`"y" has no type or shape`:        func(g *pb.Graph) { g.Outputs[0].Type.Tensor.Shape = nil },
	} {
		g := graph()
		spoil(g)
		assert.ErrorContains(t, fail.Catch(func() { verify(g) }), want)
	}
}
