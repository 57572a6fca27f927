// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
)

// Swap learns to return two numbers in the other order.
type Swap struct{ FC *nn.Linear }

func (s *Swap) Forward(x *torch.Tensor) *torch.Tensor { return s.FC.Forward(x) }

// pairs is a source that needs no files.
type pairs struct{}

func (pairs) Present(string) bool                        { return true }
func (pairs) Reads() []string                            { return nil }
func (pairs) Features(string) (*dataset.Features, error) { return &dataset.Features{}, nil }
func (pairs) Check(context.Context, string, dataset.Options) (*dataset.Section, error) {
	return &dataset.Section{Network: "swap"}, nil
}

func (pairs) Samples(context.Context, string, dataset.Options) (*data.Samples, error) {
	s := &data.Samples{}
	for i := range 50 {
		a, b := float32(i)/50, float32(i*7%50)/50
		s.Append(fmt.Sprint("pair ", i), fmt.Sprint("group ", i%10), []float32{a, b}, []float32{b, a})
	}
	return s, nil
}

func init() {
	names := func() []string { return []string{"first", "second"} }
	models.Register(models.Spec{
		Name: "swap", Title: "Swap", In: 2,
		New:    func(d torch.Device) nn.Module { return &Swap{nn.NewLinear(2, 2, d)} },
		Source: pairs{}, Loss: nn.MSELoss, Measure: measure.Regression(names()), Outputs: names,
		Defaults:  models.Defaults{Epochs: 100, BatchSize: 8, LR: 0.05, Patience: 100},
		ONNXInput: "pair", ONNXOutput: "swapped", InputRange: [2]float64{0, 1},
	})
}

// A network of the program's own is trained, exported and loaded again.
func Example() {
	out, err := os.MkdirTemp("", "swap-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(out)
	options := runs.Options{Data: ".", Out: out, OnEvent: func(e runs.Event) {
		if e.Stage == runs.Read {
			fmt.Println(e)
		}
	}}
	plan, err := runs.NewPlan(options, runs.Overrides{}, "swap")
	if err != nil {
		fmt.Println(err)
		return
	}
	summary, err := plan.Run(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	entry := summary["swap"]
	fmt.Println(entry.Epochs, "epochs; better than the constant:", entry.BeatsConstant)

	model, err := runs.OpenModel(filepath.Join(out, "swap", "model.onnx"), "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer model.Close()
	swapped, err := model.Forward(context.Background(), []float32{0.25, 0.75})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %.2f\n", model.Spec.Title, swapped)
	// Output:
	// swap: read: 50 samples in 10 groups
	// 100 epochs; better than the constant: true
	// Swap: [0.75 0.25]
}

// What an earlier program began is continued, with one network on another device.
func ExamplePlan() {
	plan, err := runs.NewPlan(runs.Options{Out: "runs/first", Resume: true, SameDevice: true}, runs.Overrides{}, "all")
	if err != nil {
		fmt.Println(err)
		return
	}
	plan.Trainings[0].Device = torch.CUDA(1)
	if _, err := plan.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
}

// A network is trained with three seeds at each of two learning rates.
func ExampleSweep() {
	out, err := os.MkdirTemp("", "swap-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(out)
	sweep := runs.Sweep{Seeds: []uint64{1, 2, 3}, Grid: []runs.Axis{{Name: "lr", Values: []string{"0.05", "0.02"}}}}
	summary, err := sweep.Run(context.Background(), runs.Options{Data: ".", Out: out}, runs.Overrides{}, "swap")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range summary.Combinations {
		loss := c.Measures["val_loss"]
		fmt.Printf("lr %v: %.2f ± %.2f over %d runs, the first in %s\n", c.Settings["lr"], loss.Mean, loss.Std, loss.N, c.Runs[0].Folder)
	}
	// Output:
	// lr 0.05: 0.00 ± 0.00 over 3 runs, the first in lr=0.05/seed-1/swap
	// lr 0.02: 0.00 ± 0.00 over 3 runs, the first in lr=0.02/seed-1/swap
}
