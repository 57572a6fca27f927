// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

func TestSolve(t *testing.T) {
	at := func(f func(batch int) int) (values [len(traceSizes)]int) {
		for i, b := range traceSizes {
			values[i] = f(b)
		}
		return values
	}
	for _, want := range []size{{}, {0, 7}, {1, 0}, {3, -2}, {-1, 100}} {
		assert.Equal(t, want, solve(at(func(b int) int { return want.perBatch*b + want.fixed }), ""))
	}
	for name, f := range map[string]func(int) int{
		"square": func(b int) int { return b * b },
		"half":   func(b int) int { return (b + 1) / 2 },
		"branch": func(b int) int { return max(b, 5) },
	} {
		assert.Panics(t, func() { solve(at(f), "") }, name)
	}
	assert.Equal(t, "batch_size", size{1, 0}.String())
	assert.Equal(t, "4*batch_size", size{4, 0}.String())
	assert.Equal(t, "2*batch_size-1", size{2, -1}.String())
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
