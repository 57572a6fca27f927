// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"encoding/json"
	"fmt"
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
	"github.com/etude-ml/etude/torch/rtneural"
)

// ExportOptions say what an ONNX file holds beside the network.
type ExportOptions struct {
	Opset       int  // of ONNX's operators; 0 stands for the default one
	FromSamples bool // the file takes samples of sound and computes the features; see [models.Front]
	WithReadout bool // the file returns what outputs stand for; see [models.Readout]

	// Weights is Float32, or Float16 or Int8 for a smaller file; see [onnx.Signature].
	// [Model.MeasureWeights] says what it changes.
	Weights torch.DType
}

// Export writes the network as an ONNX file with metadata, and checks with ONNX Runtime
// that it computes the same.
func (m *Model) Export(path string, o ExportOptions) (ONNXCheck, error) {
	var check *onnx.Check
	err := m.export(o, func(model nn.Module, example *torch.Tensor, entries map[string]string) (err error) {
		s := onnx.Signature{
			Input: m.Spec.ONNXInput, Output: m.Spec.ONNXOutput, Example: example,
			Opset: o.Opset, Metadata: entries, Weights: o.Weights,
		}
		forward := model.Forward
		if o.WithReadout {
			s.Output = strings.Join(m.Spec.Readout.Names, "_")
			forward = func(x *torch.Tensor) *torch.Tensor { return m.Spec.Readout.Forward(model.Forward(x)) }
		}
		if o.FromSamples {
			front, network := m.Spec.Front, forward
			sound := front.Example()
			defer sound.Close()
			s.Inputs, s.Outputs = []onnx.Input{{Name: front.Input, Example: sound, Axes: front.Axes}}, []string{s.Output}
			s.Input, s.Output, s.Example = "", "", nil
			forward = func(x *torch.Tensor) *torch.Tensor { return front.Forward(x, network) }
		}
		check, err = onnx.ExportFunc(path, model, func(in []*torch.Tensor) []*torch.Tensor {
			return []*torch.Tensor{forward(in[0])}
		}, s)
		return err
	})
	if err != nil {
		return ONNXCheck{}, err
	}
	return ONNXCheck{measure.Number(check.Max()), slices.Sorted(maps.Keys(check.MaxAbsDiff)), check.Saved}, nil
}

// RTNeuralCheck holds the largest difference between libtorch and an independent
// computation of what an RTNeural file says.
type RTNeuralCheck struct {
	MaxAbsDiff measure.Number `json:"max_abs_diff"`
	Frames     int            `json:"frames"` // that were compared
	Reset      bool           `json:"reset"`  // whether reset() must be called before each input
}

// ExportRTNeural writes the network as a JSON file for RTNeural with the metadata of an
// ONNX file, and checks that it says what libtorch computes, as [rtneural.Export] does.
// dialect is a [rtneural.Signature]'s.
func (m *Model) ExportRTNeural(path, dialect string) (RTNeuralCheck, error) {
	var check *rtneural.Check
	err := m.export(ExportOptions{}, func(model nn.Module, example *torch.Tensor, entries map[string]string) (err error) {
		entries["model_name"] = m.Spec.Title
		check, err = rtneural.Export(path, model, rtneural.Signature{Example: example, Metadata: entries, Dialect: dialect})
		return err
	})
	if err != nil {
		return RTNeuralCheck{}, err
	}
	return RTNeuralCheck{measure.Number(check.MaxAbsDiff), check.Frames, check.Reset}, nil
}

// check returns an error for what cannot be exported.
func (m *Model) check(o ExportOptions) error {
	switch {
	case m.module == nil:
		return fmt.Errorf("%s: it is an ONNX file already; export the .pt file that it was made from", m.Path)
	case o.FromSamples && m.Spec.Front == nil:
		return fmt.Errorf("%s: %s does not take features of sound, so its file cannot begin with samples: export it without them", m.Path, m.Spec.Name)
	case o.WithReadout && (m.Spec.Readout == nil || m.Spec.Readout.Forward == nil):
		return fmt.Errorf("%s: the outputs of %s have no readout: export it without one", m.Path, m.Spec.Name)
	}
	return nil
}

// export calls write with what an exported file is made of.
func (m *Model) export(o ExportOptions, write func(model nn.Module, example *torch.Tensor, entries map[string]string) error) error {
	if err := m.check(o); err != nil {
		return err
	}
	entries, err := metadata(m.Spec, m.Run, o)
	if err != nil {
		return err
	}
	tried := torch.Try(func() {
		model := m.module
		// On the CPU: what is checked is the file, not how exactly a device computes.
		if nn.Parameters(model)[0].Device() != torch.CPU {
			model = m.Spec.New(torch.CPU)
			defer free(model)
			if err = nn.LoadStateDict(model, nn.StateDict(m.module)); err != nil {
				return
			}
		}
		example := torch.FromSlice(exampleInput(m.Spec), 1, m.Spec.In)
		defer example.Close()
		err = write(model, example, entries)
	})
	if tried != nil {
		err = tried
	}
	return err
}

// metadata returns the entries of an exported file beside the exporter's own: how inputs
// are made from files, what the outputs mean, and the run that the weights come from (nil
// where that is not known). All values but the names are JSON.
func metadata(spec models.Spec, run *Identity, o ExportOptions) (map[string]string, error) {
	entries := map[string]any{}
	if spec.Metadata != nil {
		entries["etude.preprocessing"], entries["etude.labels"] = spec.Metadata()
	}
	if o.FromSamples {
		entries["etude.preprocessing"] = spec.Front.Metadata()
	}
	if o.WithReadout {
		entries["etude.labels"] = map[string]any{"columns": spec.Readout.Names, "ranges": spec.Readout.Labels}
	}
	if run != nil {
		entries["etude.run"] = run
	}
	out := map[string]string{"etude.network": spec.Name, "etude.model": spec.Title}
	for key, value := range entries {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		out[key] = string(text)
	}
	return out, nil
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

// onnxRuntimeVersion returns the version of the ONNX Runtime that exports are checked
// with, from its file's name; empty where it is not installed.
func onnxRuntimeVersion() string {
	path, err := libtorch.LocateONNXRuntime()
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(filepath.Base(path), ".so.")
	return after
}
