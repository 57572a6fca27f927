// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
)

// Export writes a network as an ONNX file that is checked. opset 0 is the
// default one; run is nil where nobody knows how the weights were trained.
func Export(path string, spec models.Spec, model nn.Module, opset int, run *Identity) (ONNXCheck, error) {
	entries, err := metadata(spec, run)
	if err != nil {
		return ONNXCheck{}, err
	}
	var check *onnx.Check
	tried := torch.Try(func() {
		// On the CPU: what is checked is the file, not how exactly a device computes.
		if device := nn.Parameters(model)[0].Device(); device != torch.CPU {
			var done func()
			if model, done, err = copyOf(spec, model); err != nil {
				return
			}
			defer done()
		}
		nn.SetTraining(model, false)
		example := torch.FromSlice(exampleInput(spec), 1, spec.In)
		defer example.Close()
		check, err = onnx.Export(path, model, onnx.Signature{
			Input: spec.ONNXInput, Output: spec.ONNXOutput, Example: example,
			Opset: opset, Metadata: entries,
		})
	})
	if tried != nil {
		return ONNXCheck{}, tried
	}
	if err != nil {
		return ONNXCheck{}, err
	}
	result := ONNXCheck{MaxAbsDiff: measure.Number(check.Max()), Batches: slices.Sorted(maps.Keys(check.MaxAbsDiff))}
	return result, nil
}

// copyOf returns a network on the CPU with the weights of model, which stays where
// it is, and what frees it.
func copyOf(spec models.Spec, model nn.Module) (fresh nn.Module, done func(), err error) {
	fresh = spec.New(torch.CPU)
	done = func() {
		for _, p := range nn.Parameters(fresh) {
			p.Close()
		}
	}
	if err = nn.LoadStateDict(fresh, nn.StateDict(model)); err != nil {
		done()
	}
	return fresh, done, err
}

// exampleInput spans what a network's inputs can be: the check draws inputs
// between its least and its largest number.
func exampleInput(spec models.Spec) []float32 {
	low, high := spec.InputRange[0], spec.InputRange[1]
	x := make([]float32, spec.In)
	for i := range x {
		x[i] = float32(low + (high-low)*float64(i)/float64(max(1, len(x)-1)))
	}
	return x
}

// onnxRuntimeVersion is the version of the ONNX Runtime that exports are checked
// with, told by its file's name; empty where it is not installed.
func onnxRuntimeVersion() string {
	path, err := libtorch.LocateONNXRuntime()
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(filepath.Base(path), ".so.")
	return after
}
