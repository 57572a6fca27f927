// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// Spec is a network's row in the registry: everything that reading, training, export,
// evaluation and the command need to know about it.
type Spec struct {
	Name  string // as commands and folders call it: "emotion"
	Title string // as Python's class is called: "EmotionRecognizer"
	About string // what the network does, to follow Title in a sentence; or empty
	In    int    // numbers of an input
	Out   int    // numbers of an output; set by All, from Outputs

	// New builds the network with fresh weights.
	New func(torch.Device) nn.Module

	// Source reads its samples.
	Source dataset.Source

	Loss nn.Loss
	Defaults

	// Measure compares predictions with targets beyond the loss; Outputs names the
	// numbers of an output, for tables and plots. Classes is set where an output is
	// shares of classes, of which the largest counts as the answer.
	Measure measure.Func
	Outputs func() []string
	Classes bool
	// Headlines names the rows of the measures that a summary shows beside the loss.
	// They must be defined for the constant prediction too.
	Headlines []string
	// Readout, if set, turns an output into what it stands for, where that is not the
	// numbers themselves.
	Readout *Readout

	// Front, if set, computes inputs from samples of sound within an exported file.
	Front *Front

	ONNXInput, ONNXOutput string // names in an exported file
	// InputRange is the least and the largest number of an input: an exported file
	// is checked with inputs between them.
	InputRange [2]float64
	// Metadata describes how inputs are made and what outputs mean; both are written as
	// JSON into exported files. It may be nil.
	Metadata func() (preprocessing, labels any)
}

// Defaults are the settings of training where the user gives none.
type Defaults struct {
	Epochs      int     // at most
	BatchSize   int     // samples in a step
	LR          float64 // Adam's learning rate
	WeightDecay float64 // Adam's, as L2 added to the gradient
	Patience    int     // epochs without improvement
	MinDelta    float64 // what an improvement of the validation loss must exceed, as a share of the best one
}

var (
	// usual are the settings of most networks. The least improvement is a share, because
	// the losses of the networks differ a hundredfold.
	usual = Defaults{Epochs: 50, BatchSize: 64, LR: 1e-3, WeightDecay: 1e-4, Patience: 10, MinDelta: 1e-3}
	// slow are the settings of a network whose loss stands still for long before it
	// falls: more and smaller steps, and more time without an improvement.
	slow = Defaults{Epochs: 300, BatchSize: 16, LR: 5e-4, WeightDecay: 1e-4, Patience: 20, MinDelta: 1e-3}
)

// Readout turns an output into the quantities that it stands for.
type Readout struct {
	Names []string
	Read  func(output []float32) []float64 // one for each name
	// Forward does the same with outputs [batch, n], in operators that an exported file can
	// hold: [batch, names]. Labels says in the file's metadata which values there are.
	Forward func(outputs *torch.Tensor) *torch.Tensor
	Labels  any
}

// Reading returns the Readout or, for a network without one, the numbers of an output by
// the names of Outputs.
func (s Spec) Reading() Readout {
	if s.Readout != nil {
		return *s.Readout
	}
	return Readout{Names: s.Outputs(), Read: func(output []float32) []float64 {
		values := make([]float64, len(output))
		for i, v := range output {
			values[i] = float64(v)
		}
		return values
	}}
}

// numbered returns the names of n things.
func numbered(n int, name func(int) string) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = name(i)
	}
	return names
}
