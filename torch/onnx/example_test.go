// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
)

// Swing is a network of the user's own.
type Swing struct {
	FC1 *nn.Linear
	Out *nn.Linear `torch:"fc2"`
}

func (m *Swing) Forward(x *torch.Tensor) *torch.Tensor {
	return m.Out.Forward(m.FC1.Forward(x).Relu()).Tanh()
}

// Export, then run what was exported.
func Example() {
	dir, err := os.MkdirTemp("", "onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "swing.onnx")

	torch.ManualSeed(1)
	model := &Swing{nn.NewLinear(4, 8, torch.CPU), nn.NewLinear(8, 2, torch.CPU)}
	check, err := onnx.Export(path, model, onnx.Signature{
		Input: "groove", Output: "swing", Example: torch.Randn([]int{1, 4}),
		Metadata: map[string]string{"labels": "early,late"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	sess, err := onnx.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sess.Close()
	out, err := sess.Run(context.Background(), onnx.Feeds{"groove": torch.Randn([]int{3, 4})})
	if err != nil {
		fmt.Println(err)
		return
	}
	shape := sess.Outputs()[0].Shape
	fmt.Printf("%v × %v values, %d samples", shape[0], shape[1], out["swing"].Size(0))
	if check.Max() <= 1e-5 {
		fmt.Printf(", within %g", check.Tolerance)
	}
	// Output: batch_size × 2 values, 3 samples, within 1e-05
}

// The states of an LSTM go in and come out, so that a sequence can be continued later.
func ExampleExportFunc() {
	dir, err := os.MkdirTemp("", "onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "lstm.onnx")

	lstm := nn.NewLSTM(6, 5, torch.CPU)
	f := func(in []*torch.Tensor) []*torch.Tensor {
		y, h, c := lstm.ForwardState(in[0], in[1], in[2])
		return []*torch.Tensor{y, h, c}
	}
	state := func(name string) onnx.Input {
		return onnx.Input{Name: name, Example: torch.Randn([]int{1, 2, 5}), Axes: map[int]string{1: "batch"}}
	}
	x := onnx.Input{Name: "x", Example: torch.Randn([]int{4, 2, 6}), Axes: map[int]string{0: "time", 1: "batch"}}
	_, err = onnx.ExportFunc(path, lstm, f, onnx.Signature{
		Inputs: []onnx.Input{x, state("h0"), state("c0")}, Outputs: []string{"y", "h", "c"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := onnx.Inspect(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range append(m.Inputs, m.Outputs...) {
		fmt.Println(v)
	}
	// Output:
	// x float32 [time batch 6]
	// h0 float32 [1 batch 5]
	// c0 float32 [1 batch 5]
	// y float32 [time batch 5]
	// h float32 [1 batch 5]
	// c float32 [1 batch 5]
}

// An operator that Etude cannot export gets a form: a formula, or a function that writes
// nodes.
func ExampleRegisterLowering() {
	onnx.RegisterLowering("aten::special_log_ndtr", onnx.Formula("Log((1 + Erf(self / Pow(2, 0.5))) / 2)"))
	onnx.RegisterLowering("aten::special_log_softmax", func(c *onnx.Call) ([]string, error) {
		if c.Arg("dtype") != nil {
			return nil, errors.New("dtype cannot be exported")
		}
		return c.Node("LogSoftmax", c.Inputs("self"), map[string]any{"axis": c.Arg("dim")}, 1), nil
	})

	dir, err := os.MkdirTemp("", "onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	f := func(in []*torch.Tensor) []*torch.Tensor {
		return []*torch.Tensor{torch.Call("aten::special_log_ndtr", in[0]).Tensor(), torch.Call("aten::special_log_softmax", in[0], 1).Tensor()}
	}
	check, err := onnx.ExportFunc(filepath.Join(dir, "own.onnx"), nil, f, onnx.Signature{
		Inputs:  []onnx.Input{{Name: "x", Example: torch.Rand([]int{3, 4}), Axes: map[int]string{0: "rows"}}},
		Outputs: []string{"of_each", "of_rows"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(check.Max() <= 1e-5)
	// Output: true
}

// A loop in which time matters writes its input where ONNX Runtime reads it, and reads the
// output where ONNX Runtime writes it.
func ExampleSession_Bind() {
	sess, err := onnx.Open("testdata/golden.onnx") // y = x·A + b
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sess.Close()
	x, y := make([]float32, 2), make([]float32, 3)
	bound, err := sess.Bind(map[string]onnx.Array{"x": onnx.ArrayOf(x)}, map[string]onnx.Array{"y": onnx.ArrayOf(y)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bound.Close()
	for i := range 3 {
		x[0] = float32(i)
		if err := bound.Run(context.Background()); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(y)
	}
	// Output:
	// [0.5 0 -0.5]
	// [1.5 2 2.5]
	// [2.5 4 5.5]
}

// Inspect reads any ONNX file, also where ONNX Runtime and libtorch are absent.
func ExampleInspect() {
	m, err := onnx.Inspect("testdata/golden.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Inputs, "→", m.Outputs)
	for _, t := range m.Tensors {
		fmt.Println(t.Name, t.DType, t.Shape)
	}
	// Output:
	// [x float32 [n 2]] → [y float32 [n 3]]
	// A float32 [2 3]
	// b float32 [3]
}
