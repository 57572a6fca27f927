// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Export writes the network as an ONNX file and returns the differences between ONNX
// Runtime and libtorch on it. The network is in evaluation mode meanwhile, so nothing
// else may use it then.
//
// The file gets its name when everything has succeeded, and replaces a file of that
// name. Export fails if the network calls an operator that cannot be lowered, which
// the error names, if a number depends on a free size in a way that a file cannot
// express, and if the difference is above the tolerance.
func Export(path string, model nn.Module, s Signature) (*Check, error) {
	if torch.Init() == nil && model == nil {
		return nil, fmt.Errorf("onnx: export to %s: the network is nil", path)
	}
	return ExportFunc(path, model, func(in []*torch.Tensor) []*torch.Tensor {
		if len(in) != 1 {
			fail.With("Export calls Forward with one input, not %d: use ExportFunc", len(in))
		}
		return []*torch.Tensor{model.Forward(in[0])}
	}, s)
}

// ExportFunc does the same as [Export] for a network with several inputs or outputs, which
// f computes: those of [Signature].Inputs and Outputs, in their order. The parameters that
// model has keep their names; it may be nil where there are none.
func ExportFunc(path string, model any, f func(inputs []*torch.Tensor) []*torch.Tensor, s Signature) (*Check, error) {
	if model == nil {
		model = struct{}{}
	}
	check, err := export(path, model, f, s)
	if err != nil {
		return nil, fmt.Errorf("onnx: export to %s: %w", path, err)
	}
	return check, nil
}

func export(path string, model any, f func([]*torch.Tensor) []*torch.Tensor, s Signature) (check *Check, err error) {
	if err := torch.Init(); err != nil {
		return nil, err
	}
	tried := torch.Try(func() {
		var e *exporter
		if e, err = newExporter(model, f, s); err == nil {
			nn.Evaluating(model, func() { check, err = e.export(path) })
		}
	})
	return check, errors.Join(tried, err)
}

// export writes a network that is in evaluation mode.
func (e *exporter) export(path string) (*Check, error) {
	file, err := e.build()
	if err != nil {
		return nil, err
	}
	plain := file.Marshal()
	check, err := e.compare(plain)
	if err != nil {
		return nil, err
	}
	if e.Weights != torch.Float32 {
		if err := e.shrink(file.Graph); err != nil {
			return nil, err
		}
		e.stored = e.Weights
		small := file.Marshal()
		if check, err = e.compare(small); err != nil {
			return nil, fmt.Errorf("with weights in %s: %w", e.Weights, err)
		}
		check.Saved = len(plain) - len(small)
		file.Metadata = append(file.Metadata, pb.Entry{Key: weightsKey, Value: e.Weights.String()})
	}
	for _, k := range slices.Sorted(maps.Keys(e.Metadata)) {
		file.Metadata = append(file.Metadata, pb.Entry{Key: k, Value: e.Metadata[k]})
	}
	if !e.SkipCheck {
		file.Metadata = append(file.Metadata, pb.Entry{Key: checkKey, Value: check.json()})
	}
	text := file.Marshal()
	if len(text) > maxFile {
		return nil, fmt.Errorf("the file would have %d bytes; an ONNX file has less than 2 GiB", len(text))
	}
	write := func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}
	return check, wholefile.Check(path, write, func(temp string) error {
		if e.SkipCheck {
			return nil
		}
		sess, err := Open(temp)
		if err == nil {
			sess.Close()
		}
		return err
	})
}

// build traces and lowers the network.
func (e *exporter) build() (file *pb.Model, err error) {
	var traces []*torch.Graph
	defer func() {
		for _, g := range traces {
			g.Close()
		}
	}()
	err = scoped(func() {
		for _, p := range e.points() {
			if err := torch.Try(func() { traces = append(traces, torch.Trace(e.call, e.at(p)...)) }); err != nil {
				hint := ""
				if !e.plain {
					hint = ". Sizes up to twice the example's, and more by 5, are tried: it may have to be smaller, or Input.Axes to name a multiple"
				}
				fail.With("the network cannot run with %s: %w%s", e.text(p), err, hint)
			}
		}
		file = &pb.Model{
			IRVersion: irVersion(e.Opset), ProducerName: "etude", Graph: lower(newProgram(e, traces)),
			OpsetImport: []pb.Opset{{Version: int64(e.Opset)}},
		}
	})
	return file, err
}
